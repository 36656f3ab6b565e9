"""Which of the listed namespaces can be served: rights that are missing in one are no reason to leave others alone."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final
from urllib.parse import quote, urlencode

import structlog

from llmkeys.api.errors import LlmkeysError
from llmkeys.api.names import CREDENTIAL_PLURAL, SOURCE_LABEL
from llmkeys.engine.effects import ForbiddenError
from llmkeys.kube.client import METADATA_LIST, ApiClient
from llmkeys.kube.cluster import BASE

_ASK_AGAIN: Final = 15.0
_AT_ONCE: Final = 8

log = structlog.get_logger(__name__)


class ListedNamespaces:
    """The namespaces that are to be served, and those of them in which rights are missing.

    Args:
        client: of the API server.
        names: of the namespaces; empty for the whole cluster, where nothing can be left out.

    """

    def __init__(self, client: ApiClient, names: Sequence[str]) -> None:
        self._client = client
        self._names = tuple(dict.fromkeys(names))
        self._closed: frozenset[str] = frozenset()

    @property
    def served(self) -> tuple[str, ...]:
        """Those that can be served; empty for the whole cluster."""
        return tuple(one for one in self._names if one not in self._closed)

    async def look(self) -> None:
        """Find out which can be served, before anything is listed.

        Raises:
            ForbiddenError: none can.

        """
        missing = await self._missing()
        if missing and len(missing) == len(self._names):
            raise next(iter(missing.values()))
        for name, error in missing.items():
            if name in self._closed:
                continue
            log.error(
                "a namespace is not served, because a right is missing there; bind ClusterRole llmkeys-tenant in it",
                namespace=name,
                detail=str(error),
            )
        self._closed = frozenset(missing)

    async def wait_for_rights(self, wait: Callable[[float], Awaitable[None]] = asyncio.sleep) -> str:
        """Return the first namespace whose rights have come; never, where none are missing."""
        if not self._closed:
            await asyncio.Event().wait()
        while True:
            await wait(_ASK_AGAIN)
            for name in sorted(self._closed):
                try:
                    if await self._missing_in(name) is None:
                        return name
                except LlmkeysError:
                    continue  # the API server is away: the watches tell of that

    async def _missing(self) -> dict[str, ForbiddenError]:
        """What is missing, by the namespaces in which something is."""
        room = asyncio.Semaphore(_AT_ONCE)

        async def ask(name: str) -> ForbiddenError | None:
            async with room:
                return await self._missing_in(name)

        asking = [asyncio.create_task(ask(name)) for name in self._names]
        try:
            errors = await asyncio.gather(*asking)
        finally:
            for task in asking:
                task.cancel()
        return {name: error for name, error in zip(self._names, errors, strict=True) if error is not None}

    async def _missing_in(self, name: str) -> ForbiddenError | None:
        sources = urlencode({"limit": "1", "labelSelector": f"{SOURCE_LABEL}=true"})
        try:
            await self._client.list(f"{BASE}/namespaces/{quote(name)}/{CREDENTIAL_PLURAL}?limit=1", CREDENTIAL_PLURAL)
            await self._client.list(
                f"/api/v1/namespaces/{quote(name)}/secrets?{sources}", "secrets", accept=METADATA_LIST
            )
        except ForbiddenError as error:
            return error
        return None
