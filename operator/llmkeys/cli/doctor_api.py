"""The API server as a doctor asks it: with the person's own rights, reading, and creating on trial only.

The operator's client keeps the words of refusals from its errors; here they are what is asked for.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote

import aiohttp
import msgspec

from llmkeys import __version__
from llmkeys.doctor.finding import Hidden
from llmkeys.engine.effects import ApiUnavailableError, ForbiddenError, RefusedError
from llmkeys.kube.client import JSON
from llmkeys.kube.connection import Connection, connect

_T = TypeVar("_T")

_TIMEOUT: Final = aiohttp.ClientTimeout(total=30, connect=10)
_CHUNK: Final = 500
_OK, _CREATED, _MULTIPLE = 200, 201, 300
_UNAUTHORIZED, _FORBIDDEN, _NOT_FOUND, _TOO_MANY, _SERVER_ERROR = 401, 403, 404, 429, 500
_NO_RIGHT: Final = " cannot create resource "  # of RBAC; admission says 403 as well, in other words


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of an object that was created on trial.

    Args:
        status: HTTP's.
        body: the object, or why not.

    """

    status: int
    body: bytes

    @property
    def accepted(self) -> bool:
        return self.status in (_OK, _CREATED)

    @property
    def words(self) -> str:
        """Of the refusal."""
        try:
            return msgspec.json.decode(self.body, type=_Status).message
        except msgspec.MsgspecError:
            return ""


class _Status(msgspec.Struct):
    message: str = ""


class _ListMeta(msgspec.Struct, frozen=True, rename={"continue_": "continue"}):
    continue_: str = ""


class _Page(msgspec.Struct, Generic[_T]):
    metadata: _ListMeta = _ListMeta()
    items: list[_T] | None = None


class PersonsApi:
    """Asks one API server.

    Args:
        session: with the headers that say who asks.
        server: its URL.

    """

    def __init__(self, session: aiohttp.ClientSession, server: str) -> None:
        self._session = session
        self._server = server

    async def get(self, path: str, right: str, *, accept: str = JSON) -> bytes | Hidden | None:
        """What is there, None if nothing is.

        Args:
            path: of it.
            right: that it takes, as `VERB RESOURCE`.
            accept: how it is to look.

        Raises:
            ApiUnavailableError: there is no answer.
            ForbiddenError: the API server does not know us.

        """
        answer = await self._ask("GET", path, {"Accept": accept})
        if answer.status == _NOT_FOUND:
            return None
        if answer.status == _FORBIDDEN:
            return Hidden(right)
        if answer.status >= _MULTIPLE:
            raise RefusedError(f"{right}: the API server answered {answer.status}")
        return answer.body

    async def read(self, path: str, kind: type[_T], right: str) -> _T | Hidden | None:
        """The same as a typed value."""
        content = await self.get(path, right)
        return _decoded(content, kind, right) if isinstance(content, bytes) else content

    async def items(self, path: str, kind: type[_T], right: str) -> tuple[_T, ...] | Hidden | None:
        """All items of a list.

        Args:
            path: of the list; it may have a query.
            kind: of an item.
            right: that it takes.

        """
        found: list[_T] = []
        following = ""
        while True:
            more = f"&continue={quote(following)}" if following else ""
            page = await self.get(f"{path}{'&' if '?' in path else '?'}limit={_CHUNK}{more}", right)
            if not isinstance(page, bytes):
                return page
            # What a generic type is made for is known at run time alone.
            content: _Page[_T] = _decoded(page, _Page[kind], right)  # type: ignore[valid-type]
            found += content.items or ()
            following = content.metadata.continue_
            if not following:
                return tuple(found)

    async def create_on_trial(self, path: str, body: Any, right: str) -> Answer | Hidden:
        """What would become of an object; nothing is stored.

        Args:
            path: of its kind and namespace.
            body: the object.
            right: that it takes.

        """
        headers = {"Accept": JSON, "Content-Type": JSON}
        answer = await self._ask("POST", f"{path}?dryRun=All", headers, msgspec.json.encode(body))
        if answer.status == _FORBIDDEN and (_NO_RIGHT in answer.words or not answer.words):
            return Hidden(right)
        return answer

    async def _ask(self, method: str, path: str, headers: dict[str, str], data: bytes | None = None) -> Answer:
        try:
            async with self._session.request(method, self._server + path, data=data, headers=headers) as response:
                answer = Answer(response.status, await response.read())
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiUnavailableError(f"The API server cannot be reached ({type(error).__name__}).") from None
        if answer.status == _UNAUTHORIZED:
            raise ForbiddenError("The API server does not know you (401): the kubeconfig's credentials have ended.")
        if method == "GET" and (answer.status == _TOO_MANY or answer.status >= _SERVER_ERROR):
            raise ApiUnavailableError(f"The API server answered {answer.status}.")
        return answer


@asynccontextmanager
async def persons_api() -> AsyncIterator[PersonsApi]:
    """Log in with the kubeconfig.

    Raises:
        NoConnectionError: there is no way to the API server.

    """
    connection: Connection = connect()
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(ssl=connection.tls),
        headers={**connection.headers, "User-Agent": f"llmkeys/{__version__}"},
        timeout=_TIMEOUT,
        cookie_jar=aiohttp.DummyCookieJar(),
    ) as session:
        yield PersonsApi(session, connection.server)


def _decoded(content: bytes, kind: type[_T], right: str) -> _T:
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.MsgspecError:
        raise RefusedError(f"{right}: an object does not have the shape that is known") from None
