"""Has the bootstrap look at its input whenever that changes: the Secret, and a ConfigMap that passes for it."""

import asyncio
from typing import Final
from urllib.parse import quote

import structlog

from llmkeys.api.names import BOOTSTRAP_SECRET, BOOTSTRAP_SWITCH
from llmkeys.api.objects import Key
from llmkeys.engine.bootstrap import Bootstrap
from llmkeys.engine.bootstrap_effects import InputKind
from llmkeys.kube.client import ApiClient
from llmkeys.kube.cluster import ObjectMeta
from llmkeys.kube.watch import MetadataWatch

_RESOURCES: Final[dict[InputKind, str]] = {"Secret": "secrets", "ConfigMap": "configmaps"}
_AFTER_A_FAULT: Final = 60.0
KNOCK: Final = 60.0
"""Seconds after which rights that were given later are noticed: nothing tells of them."""

log = structlog.get_logger(__name__)


class BootstrapWatch:
    """Runs beside the controller.

    Args:
        client: of the API server.
        namespace: the operator's.
        bootstrap: looks at it.
        knock: seconds between two attempts to read the input while the right to is missing.

    """

    def __init__(
        self,
        client: ApiClient,
        namespace: str,
        bootstrap: Bootstrap,
        *,
        knock: float = KNOCK,
    ) -> None:
        self._client = client
        self._knock = knock
        self._base = f"/api/v1/namespaces/{quote(namespace)}"
        self._bootstrap = bootstrap
        self._wake = asyncio.Event()

    async def run(self) -> None:
        """Look and watch until cancelled; without the right to read the input there is no bootstrap."""
        wait = await self._first_looks()
        async with asyncio.TaskGroup() as group:
            # A watch on what may not be read would knock for ever at a closed door.
            for kind in (kind for kind, allowed in self._bootstrap.allowed.items() if allowed):
                group.create_task(self._watch(kind).run())
            while True:
                await self._wait(wait)
                wait = await self._look()

    async def _first_looks(self) -> float:
        """Look until the input may be read; the seconds until the next look."""
        said = False
        while True:
            wait = await self._look()
            allowed = self._bootstrap.allowed.get("Secret")
            if allowed:
                return wait
            if allowed is None:
                await asyncio.sleep(wait)
                continue
            if not said:
                log.info(
                    "the bootstrap is off: its Secret may not be read",
                    secret=BOOTSTRAP_SECRET,
                    advice=f"Whoever wants one: {BOOTSTRAP_SWITCH}",
                )
            said = True
            await asyncio.sleep(self._knock)

    async def _look(self) -> float:
        self._wake.clear()
        try:
            return await self._bootstrap.look()
        except Exception as error:  # noqa: BLE001  a fault of the bootstrap is none of the controller's
            # Without a traceback, which could show what is in a frame.
            log.error("the bootstrap failed and is tried again later", error=type(error).__name__)  # noqa: TRY400
            return _AFTER_A_FAULT

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    def _watch(self, kind: InputKind) -> MetadataWatch:
        resource = _RESOURCES[kind]

        def seen(_key: Key, meta: ObjectMeta) -> None:
            if not self._bootstrap.is_current(kind, meta.resource_version):
                self._wake.set()

        def gone(_key: Key) -> None:
            self._wake.set()

        fields = f"metadata.name={BOOTSTRAP_SECRET}"
        return MetadataWatch(self._client, f"{self._base}/{resource}", resource, "", seen, gone, fields=fields)
