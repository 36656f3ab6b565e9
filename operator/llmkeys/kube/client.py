"""One thin client for the handful of verbs that we use. Errors come out as who can help, never with a body in them."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import aiohttp
import msgspec

from llmkeys import __version__
from llmkeys.engine.effects import ApiUnavailableError, ConflictError, ForbiddenError, NotThereError, RefusedError
from llmkeys.engine.fence import Fence
from llmkeys.kube.connection import Connection, connect

JSON: Final = "application/json"
JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
METADATA: Final = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
METADATA_LIST: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"

_TIMEOUT: Final = aiohttp.ClientTimeout(total=30, connect=10)
_CONNECTIONS: Final = 48  # as many as there are workers
_TOO_MANY: Final = 429
_SERVER_ERROR: Final = 500
_STORE_FULL: Final = b"database space exceeded"  # etcd's NOSPACE, in the Status of a 500
_NAMESPACE_ENDS: Final = b'"NamespaceTerminating"'  # the cause in the Status of a 403


class ApiClient:
    """Talks to the API server over one pool of connections.

    Args:
        count: told verb, resource and status code of every request.
        fence: asked before every write; None lets all pass. Reads pass always.

    """

    def __init__(
        self,
        count: Callable[[str, str, int], None] = lambda _verb, _resource, _code: None,
        fence: Fence | None = None,
    ) -> None:
        self._count = count
        self._fence = fence
        self._connection: Connection | None = None
        self._session: aiohttp.ClientSession | None = None
        self._renewing = asyncio.Lock()

    async def open(self) -> Connection:
        """Log in; what kopf needs to do the same.

        Raises:
            NoConnectionError: there are no credentials.

        """
        self._connection = connect()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=_CONNECTIONS, ssl=self._connection.tls, keepalive_timeout=60),
            headers={**self._connection.headers, "User-Agent": f"llmkeys/{__version__}", "Accept": JSON},
            timeout=_TIMEOUT,
            cookie_jar=aiohttp.DummyCookieJar(),
            request_class=aiohttp.ClientRequest if self._fence is None else _fenced_by(self._fence),
        )
        return self._connection

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    async def get(self, path: str, resource: str, *, accept: str = JSON) -> bytes:
        return await self._send("GET", "get", path, resource, accept=accept)

    async def list(self, path: str, resource: str, *, accept: str = JSON) -> bytes:
        return await self._send("GET", "list", path, resource, accept=accept)

    async def post(self, path: str, resource: str, body: Any, *, accept: str = JSON) -> bytes:
        return await self._send("POST", "create", path, resource, body, JSON, accept)

    async def patch(self, path: str, resource: str, body: Any, kind: str, *, accept: str = JSON) -> bytes:
        return await self._send("PATCH", "patch", path, resource, body, kind, accept)

    async def watch(self, path: str, resource: str, *, accept: str, silence: float) -> aiohttp.ClientResponse:
        """Open a watch; the caller reads and closes it.

        Args:
            path: with `watch=1`.
            resource: for errors and metrics.
            accept: what the objects shall look like.
            silence: seconds without a byte after which the stream counts as dead.

        """
        timeout = aiohttp.ClientTimeout(total=None, connect=10, sock_read=silence)
        response = await self._request("GET", path, None, {"Accept": accept}, timeout)
        self._count("watch", resource, response.status)
        if response.status != 200:  # noqa: PLR2004
            text = await response.read()
            response.release()
            raise _error(response.status, response.headers.get("Retry-After"), text, "watch", resource)
        return response

    async def _send(
        self, method: str, verb: str, path: str, resource: str, body: Any = None, kind: str = "", accept: str = JSON
    ) -> bytes:
        data = msgspec.json.encode(body) if body is not None else None
        headers = {"Accept": accept} if data is None else {"Accept": accept, "Content-Type": kind}
        for attempt in (0, 1):
            response = await self._request(method, path, data, headers, None)
            try:
                content = await response.read()
            except (aiohttp.ClientError, TimeoutError) as error:
                raise ApiUnavailableError(f"The API server hung up ({type(error).__name__}).") from None
            self._count(verb, resource, response.status)
            if response.status == 401 and attempt == 0:  # noqa: PLR2004
                await self._log_in_again(response)
                continue
            if response.status >= 300:  # noqa: PLR2004
                raise _error(response.status, response.headers.get("Retry-After"), content, verb, resource, kind)
            return content
        raise AssertionError("unreachable")

    async def _request(
        self,
        method: str,
        path: str,
        data: bytes | None,
        headers: dict[str, str],
        timeout: aiohttp.ClientTimeout | None,  # noqa: ASYNC109
    ) -> aiohttp.ClientResponse:
        if self._session is None or self._connection is None:
            raise AssertionError("the client is not open")
        url = self._connection.server + path
        try:
            return await self._session.request(method, url, data=data, headers=headers, timeout=timeout or _TIMEOUT)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise ApiUnavailableError(f"The API server cannot be reached ({type(error).__name__}).") from None

    async def _log_in_again(self, response: aiohttp.ClientResponse) -> None:
        """Tokens on disk rotate; one reload serves all who were refused with the old one."""
        async with self._renewing:
            if self._session is None or self._connection is None:
                return
            used = response.request_info.headers.get("Authorization")
            if used == self._session.headers.get("Authorization"):
                self._connection = connect()
                self._session.headers.update(self._connection.headers)


def _fenced_by(fence: Fence) -> type[aiohttp.ClientRequest]:
    """Requests that are held against the fence when they have a connection and are about to go out over it.

    Any earlier would be too early: to wait for a connection, and to make one, can take longer than a Lease lasts.
    """

    class FencedRequest(aiohttp.ClientRequest):
        async def send(self, conn: Any) -> aiohttp.ClientResponse:
            if self.method != "GET":
                fence.check()
            return await super().send(conn)

    return FencedRequest


def _error(status: int, retry_after: str | None, content: bytes, verb: str, resource: str, kind: str = "") -> Exception:
    what = f"{verb} {resource}"
    match status:
        case 404:
            return NotThereError(f"{what}: not found")
        case 409:
            return ConflictError(f"{what}: conflict")
        case 422 if kind == JSON_PATCH:
            return ConflictError(f"{what}: a test of the patch failed")
        case 401:
            return ForbiddenError(f"{what}: the API server does not know us (401); check the account's token")
        case 403 if _NAMESPACE_ENDS in content:
            return NotThereError(f"{what}: the namespace is being deleted")
        case 403:
            return ForbiddenError(f"{what}: forbidden; check the roles of the operator's account")
        case _ if status >= _SERVER_ERROR and _STORE_FULL in content:
            return ApiUnavailableError(f"{what}: the API server writes nothing, its store is full (etcd NOSPACE)")
        case _ if status == _TOO_MANY or status >= _SERVER_ERROR:
            wait = float(retry_after) if retry_after and retry_after.isdigit() else None
            return ApiUnavailableError(f"{what}: the API server answered {status}", wait)
        case 410:
            return ConflictError(f"{what}: too old")
    return RefusedError(f"{what}: refused with {status} ({_reason(content)})")


def _reason(content: bytes) -> str:
    try:
        found = msgspec.json.decode(content, type=_Status)
    except msgspec.MsgspecError:
        return "no reason given"
    return found.reason or "no reason given"


class _Status(msgspec.Struct):
    reason: str = ""
