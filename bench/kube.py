"""A client of the API server for the bench: many requests at once, and watches."""

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, Generic, TypeVar

import aiohttp
import msgspec
import yaml

from llmkeys.api.names import API_VERSION, CREDENTIAL_PLURAL, PROVIDER_PLURAL

JSON = "application/json"
MERGE_PATCH = "application/merge-patch+json"
METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"

NAMESPACES = "/api/v1/namespaces"
PROVIDERS = f"/apis/{API_VERSION}/{PROVIDER_PLURAL}"
CREDENTIALS = f"/apis/{API_VERSION}/{CREDENTIAL_PLURAL}"
SECRETS = "/api/v1/secrets"

_WATCH_SECONDS = 3600
_T = TypeVar("_T")


def secrets_of(namespace: str) -> str:
    return f"{NAMESPACES}/{namespace}/secrets"


def credentials_of(namespace: str) -> str:
    return f"/apis/{API_VERSION}/namespaces/{namespace}/{CREDENTIAL_PLURAL}"


class KubeError(RuntimeError):
    """The API server refused a request."""


class Kube:
    """Requests as one account. The session belongs to the running event loop."""

    def __init__(self, kubeconfig: Path, ca_file: Path) -> None:
        content = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
        self.server = str(content["clusters"][0]["cluster"]["server"])
        self.session = aiohttp.ClientSession(
            # Without a limit: whoever waits for a connection is overtaken by those who have one and ask again.
            connector=aiohttp.TCPConnector(
                ssl=_trust(ca_file, content["users"][0]["user"]), limit=0, keepalive_timeout=60
            ),
            headers=_authorization(content["users"][0]["user"]),
            timeout=aiohttp.ClientTimeout(total=120),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def close(self) -> None:
        await self.session.close()

    async def send(
        self, method: str, path: str, body: Any = None, *, kind: str = JSON, accept: str = JSON, absent_ok: bool = False
    ) -> bytes:
        """Send a request and return the answer's body.

        Raises:
            KubeError: it was refused.

        """
        data = None if body is None else msgspec.json.encode(body)
        headers = {"Accept": accept} if data is None else {"Accept": accept, "Content-Type": kind}
        async with self.session.request(method, self.server + path, data=data, headers=headers) as response:
            content = await response.read()
            if response.status >= 300 and not (absent_ok and response.status == 404):
                raise KubeError(f"{method} {path.partition('?')[0]}: {response.status} {content[:300]!r}")
            return content

    async def get(self, path: str) -> Any:
        return msgspec.json.decode(await self.send("GET", path))

    async def create(self, path: str, body: Any, *, accept: str = METADATA) -> bytes:
        return await self.send("POST", path, body, accept=accept)

    async def merge(self, path: str, body: Any, *, accept: str = METADATA) -> bytes:
        return await self.send("PATCH", path, body, kind=MERGE_PATCH, accept=accept)

    async def delete(self, path: str) -> None:
        await self.send("DELETE", path, absent_ok=True)

    async def version(self, collection: str) -> str:
        """The resource version from which a watch of the collection misses nothing."""
        listed = await self.get(f"{collection}?limit=1")
        return str(listed["metadata"]["resourceVersion"])

    @contextlib.asynccontextmanager
    async def watch(
        self, collection: str, event: type[_T], tell: Callable[[_T, float], None], selector: str = ""
    ) -> AsyncIterator[None]:
        """Tell each event of a collection, and when (`time.time`) it came, for as long as the block lasts.

        Raises:
            KubeError: the API server will not.

        """
        query = f"{collection}?watch=1&timeoutSeconds={_WATCH_SECONDS}"
        query += f"&labelSelector={selector}" if selector else ""
        feed = _Feed(self, query, await self.version(collection), msgspec.json.Decoder(event), tell)
        async with asyncio.TaskGroup() as group:
            reading = group.create_task(feed.run())
            await feed.open.wait()
            yield
            reading.cancel()


class _Feed(Generic[_T]):
    """Reads a watch on, from where it ended: the API server closes it on a reader that is too slow for its buffer."""

    def __init__(
        self, kube: Kube, query: str, version: str, decoder: msgspec.json.Decoder[_T], tell: Callable[[_T, float], None]
    ) -> None:
        self.open = asyncio.Event()
        self._kube = kube
        self._query = query
        self._version = version
        self._decoder = decoder
        self._tell = tell

    async def run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=None)
        while True:
            path = f"{self._kube.server}{self._query}&resourceVersion={self._version}"
            async with self._kube.session.get(path, timeout=timeout) as response:
                if response.status != 200:
                    raise KubeError(f"watch {self._query}: {response.status}")
                self.open.set()
                await self._read(response)

    async def _read(self, response: aiohttp.ClientResponse) -> None:
        rest = b""
        async for chunk in response.content.iter_any():
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                known = _version.decode(line)
                if known.type == "ERROR":
                    raise KubeError(f"watch {self._query}: {line[:300]!r}")
                self._version = known.object.metadata.resource_version
                self._tell(self._decoder.decode(line), time.time())


class _VersionMeta(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""


class _Versioned(msgspec.Struct, frozen=True):
    metadata: _VersionMeta = _VersionMeta()


class _Event(msgspec.Struct, frozen=True):
    type: str
    object: _Versioned


_version = msgspec.json.Decoder(_Event)


async def at_once(limit: int, work: Callable[[_T], Awaitable[object]], items: Iterable[_T]) -> None:
    """Do the work for all items, `limit` at a time; the first error ends it."""
    waiting = iter(items)

    async def worker() -> None:
        for one in waiting:
            await work(one)

    async with asyncio.TaskGroup() as group:
        for _ in range(limit):
            group.create_task(worker())


def _authorization(user: dict[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {user['token']}"} if "token" in user else {}


def _trust(ca_file: Path, user: dict[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(ca_file))
    if "client-certificate" in user and "client-key" in user:
        context.load_cert_chain(user["client-certificate"], user["client-key"])
    return context
