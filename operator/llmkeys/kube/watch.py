"""List and watch objects as metadata only: of a Secret no byte of data ever reaches this process through a watch."""

import asyncio
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import urlencode

import aiohttp
import msgspec
import structlog

from llmkeys.api.errors import LlmkeysError
from llmkeys.api.objects import Key
from llmkeys.engine.effects import ConflictError
from llmkeys.kube.client import METADATA, METADATA_LIST, ApiClient
from llmkeys.kube.cluster import ObjectMeta

_CHUNK: Final = 500
_SERVER_TIMEOUT: Final = 300
_SILENCE: Final = _SERVER_TIMEOUT + 30.0
_BACK_OFF: Final = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0)

log = structlog.get_logger(__name__)


class _Item(msgspec.Struct):
    metadata: ObjectMeta


class _ListMeta(msgspec.Struct, rename={"continue_": "continue", "resource_version": "resourceVersion"}):
    resource_version: str = ""
    continue_: str = ""


class _List(msgspec.Struct):
    metadata: _ListMeta
    items: list[_Item] | None = None  # null where there is none


class _EventObject(msgspec.Struct):
    metadata: ObjectMeta | None = None
    code: int = 0


class _Event(msgspec.Struct):
    type: str
    object: _EventObject


class _BookmarkMeta(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""


class _BookmarkObject(msgspec.Struct, frozen=True):
    metadata: _BookmarkMeta = _BookmarkMeta()
    code: int = 0


class _Bookmark(msgspec.Struct):
    type: str
    object: _BookmarkObject = _BookmarkObject()


_list = msgspec.json.Decoder(_List)
_event = msgspec.json.Decoder(_Event)
_bookmark = msgspec.json.Decoder(_Bookmark)


class MetadataWatch:
    """Keeps somebody told of all objects that match a selector.

    Args:
        client: of the API server.
        path: of the collection.
        resource: its name, for metrics and logs.
        selector: label selector, empty for all.
        put: told of every object, listed or changed.
        drop: told of every object that is gone or does not match any more.
        fields: field selector, empty for all; `metadata.name=…` is what a right on that one object suffices for.

    """

    def __init__(
        self,
        client: ApiClient,
        path: str,
        resource: str,
        selector: str,
        put: Callable[[Key, ObjectMeta], None],
        drop: Callable[[Key], None],
        fields: str = "",
    ) -> None:
        self.resource = resource
        self.synced = asyncio.Event()
        self._client = client
        self._path = path
        self._selectors = {
            name: value for name, value in (("labelSelector", selector), ("fieldSelector", fields)) if value
        }
        self._put = put
        self._drop = drop
        self._known: set[Key] = set()
        self._version = ""
        self._heard = time.monotonic()
        self._failures = 0  # in a row, with nothing heard between

    def age(self) -> float:
        """Seconds since anything was heard from the API server."""
        return time.monotonic() - self._heard

    async def run(self) -> None:
        """List, then watch, for ever; every failure is followed by a back-off and, where needed, a new list."""
        while True:
            try:
                if not self._version:
                    await self._relist()
                await self._follow()
                self._failures = 0
            except ConflictError:
                self._version = ""  # 410: what we saw last is forgotten there
                if self._failures:
                    await self._back_off()
                self._failures += 1
            except (LlmkeysError, aiohttp.ClientError, TimeoutError, msgspec.MsgspecError) as error:
                log.warning(
                    "watch interrupted", resource=self.resource, error=type(error).__name__, detail=_detail(error)
                )
                if isinstance(error, msgspec.MsgspecError):
                    self._version = ""
                await self._back_off()
                self._failures += 1

    async def _back_off(self) -> None:
        await asyncio.sleep(_BACK_OFF[min(self._failures, len(_BACK_OFF) - 1)])

    async def _relist(self) -> None:
        seen: set[Key] = set()
        following = ""
        while True:
            query = {"limit": str(_CHUNK), **self._selectors}
            if following:
                query["continue"] = following
            content = await self._client.list(f"{self._path}?{urlencode(query)}", self.resource, accept=METADATA_LIST)
            page = _list.decode(content)
            for item in page.items or ():
                key = Key(item.metadata.namespace, item.metadata.name)
                seen.add(key)
                self._put(key, item.metadata)
            following = page.metadata.continue_
            if not following:
                break
        for key in self._known - seen:
            self._drop(key)
        self._known = seen
        self._version = page.metadata.resource_version
        self._heard = time.monotonic()
        self.synced.set()

    async def _follow(self) -> None:
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(_SERVER_TIMEOUT),
            "resourceVersion": self._version,
            **self._selectors,
        }
        path = f"{self._path}?{urlencode(query)}"
        response = await self._client.watch(path, self.resource, accept=METADATA, silence=_SILENCE)
        try:
            rest = b""
            async for chunk in response.content.iter_any():
                self._heard = time.monotonic()
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    if line:
                        self._take(line)
                        self._failures = 0
        finally:
            response.close()

    def _take(self, line: bytes) -> None:
        if line.startswith((b'{"type":"BOOKMARK"', b'{"type":"ERROR"')):
            told = _bookmark.decode(line)
            if told.type == "ERROR":
                raise ConflictError("watch: too old")
            self._version = told.object.metadata.resource_version or self._version
            return
        event = _event.decode(line)
        metadata = event.object.metadata
        if metadata is None:
            raise ConflictError("watch: an event without an object")
        key = Key(metadata.namespace, metadata.name)
        self._version = metadata.resource_version
        if event.type == "DELETED":
            self._known.discard(key)
            self._drop(key)
        else:
            self._known.add(key)
            self._put(key, metadata)


def _detail(error: Exception) -> str:
    """Texts of ours, and msgspec's, which name types and paths but no values."""
    return str(error) if isinstance(error, LlmkeysError | msgspec.MsgspecError) else ""
