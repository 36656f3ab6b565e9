"""Feeds the engine: lists everything once, so that it starts with full caches, then keeps it told."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

import kopf
import msgspec
import structlog

from llmkeys.api.credential import LLMCredential, credential_from
from llmkeys.api.errors import LlmkeysError
from llmkeys.api.names import CREDENTIAL_LABEL, CREDENTIAL_PLURAL, PROVIDER_PLURAL, SOURCE_LABEL
from llmkeys.api.objects import Key
from llmkeys.api.provider import LLMProvider, provider_from
from llmkeys.engine.engine import Engine
from llmkeys.engine.store import Namespace
from llmkeys.kube.client import METADATA_LIST, ApiClient
from llmkeys.kube.cluster import BASE, meta_of
from llmkeys.kube.handlers import registry_of, settings_of
from llmkeys.kube.rights import ListedNamespaces
from llmkeys.kube.watch import MetadataWatch

_CHUNK: Final = 500
_SWEEP: Final = 600.0
_KOPF_ENDS: Final = 1.0  # seconds that kopf is given to end by itself

log = structlog.get_logger(__name__)
_T = TypeVar("_T")
Ready = Callable[[], None]


class _ListMeta(msgspec.Struct, rename={"continue_": "continue"}):
    continue_: str = ""


class _Credentials(msgspec.Struct):
    metadata: _ListMeta
    items: list[msgspec.Raw] | None = None  # null where there is none


class _Named(msgspec.Struct):
    class Meta(msgspec.Struct):
        name: str
        namespace: str = ""

    metadata: Meta


_page = msgspec.json.Decoder(_Credentials)
_named = msgspec.json.Decoder(_Named)


class Informer:
    """Lists and watches all that the engine needs.

    Args:
        client: of the API server.
        engine: told of everything.
        namespaces: looked at already.

    """

    def __init__(self, client: ApiClient, engine: Engine, namespaces: ListedNamespaces) -> None:
        self._client = client
        self._engine = engine
        self._namespaces = namespaces
        self.watches = [
            *self._secret_watches(f"{SOURCE_LABEL}=true", "sources", engine.source_seen, engine.source_gone),
            *self._secret_watches(CREDENTIAL_LABEL, "generated", engine.generated_seen, engine.generated_gone),
            MetadataWatch(
                client,
                "/api/v1/namespaces",
                "namespaces",
                "",
                lambda key, meta: engine.namespace_seen(key.name, Namespace(meta.uid, meta.labels)),
                lambda key: engine.namespace_gone(key.name),
            ),
        ]

    def _secret_watches(
        self, selector: str, resource: str, put: Callable[[Key, Any], None], drop: Callable[[Key], None]
    ) -> list[MetadataWatch]:
        return [
            MetadataWatch(self._client, path, resource, selector, lambda key, meta: put(key, meta_of(meta)), drop)
            for path in self._paths("/api/v1", "secrets")
        ]

    def _paths(self, base: str, resource: str) -> list[str]:
        """Of the collections that hold all that is served."""
        return [f"{base}/namespaces/{quote(one)}/{resource}" for one in self._namespaces.served] or [
            f"{base}/{resource}"
        ]

    async def prime(self) -> None:
        """List both kinds, so that nothing is decided on half a picture."""
        for raw in await self._list(f"{BASE}/{PROVIDER_PLURAL}", PROVIDER_PLURAL):
            provider = _decoded(raw, LLMProvider)
            if provider is not None:
                self._engine.provider_seen(provider)
        for path in self._credential_paths():
            await self._prime_credentials(path)

    async def run(
        self,
        stop: asyncio.Event,
        patiently: Callable[[Callable[[], Awaitable[None]]], Awaitable[None]],
        ready: Ready,
        listen: Callable[[], None],
    ) -> None:
        """Watch until told to stop; what kopf cannot cope with it raises.

        Args:
            stop: ends it.
            patiently: does a step again and again while the API server is away, until told to stop.
            ready: called when the caches are full and the engine may start.
            listen: takes back SIGTERM and SIGINT from kopf, which puts its own handlers there.

        """
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(watch.run()) for watch in self.watches]
            tasks.append(group.create_task(self._sweep()))
            tasks.append(group.create_task(self._begin_again(stop)))
            try:
                await patiently(self.prime)
                if stop.is_set():
                    return
                await asyncio.gather(*(watch.synced.wait() for watch in self.watches))
                ready()
                await self._kopf(stop, listen)
            finally:
                for task in tasks:
                    task.cancel()

    async def _kopf(self, stop: asyncio.Event, listen: Callable[[], None]) -> None:
        """Run kopf until told to stop, and a moment longer: it only watches, and has nothing to finish.

        Stopped while it begins, it would wait five seconds for requests of its own that it has just cut off.
        """
        begun = asyncio.Event()
        watching = asyncio.ensure_future(
            kopf.operator(
                # Without being told, the task that waits for the flag would be given five seconds to end by itself.
                registry=registry_of(self._credential_event, self._provider_event, stop.set),
                settings=settings_of(),
                clusterwide=not self._namespaces.served,
                namespaces=self._namespaces.served,
                # Else it looks for the name of its user, which a numeric one, as in the image, does not have.
                identity="llmkeys",  # type: ignore[arg-type] # kopf exports no name for it
                stop_flag=stop,
                ready_flag=begun,
            )
        )
        beginning, stopping = asyncio.create_task(begun.wait()), asyncio.create_task(stop.wait())
        try:
            await asyncio.wait({watching, stopping, beginning}, return_when=asyncio.FIRST_COMPLETED)
            listen()
            await asyncio.wait({watching, stopping}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({watching}, timeout=_KOPF_ENDS)
            if watching.done():
                watching.result()
        finally:
            for task in (beginning, stopping, watching):
                task.cancel()

    async def _begin_again(self, stop: asyncio.Event) -> None:
        """End when a namespace can be served that could not: kopf takes no further one while it runs."""
        name = await self._namespaces.wait_for_rights()
        log.info("the rights for a namespace have come; starting again", namespace=name)
        stop.set()

    # -- events ----------------------------------------------------------------------------------------------

    def _credential_event(self, kind: str | None, body: dict[str, Any]) -> None:
        try:
            credential = credential_from(body)
        except msgspec.ValidationError as error:
            log.warning("a credential does not have the shape of its schema", error=str(error))
            return
        if kind == "DELETED":
            self._engine.credential_gone(credential.key)
        else:
            self._engine.credential_seen(credential)

    def _provider_event(self, kind: str | None, body: dict[str, Any]) -> None:
        try:
            provider = provider_from(body)
        except msgspec.ValidationError as error:
            log.warning("a provider does not have the shape of its schema", error=str(error))
            return
        if kind == "DELETED":
            self._engine.provider_gone(provider.metadata.name)
        else:
            self._engine.provider_seen(provider)

    # -- lists -----------------------------------------------------------------------------------------------

    def _credential_paths(self) -> list[str]:
        return self._paths(BASE, CREDENTIAL_PLURAL)

    async def _prime_credentials(self, path: str) -> None:
        async for page in self._pages(path, CREDENTIAL_PLURAL):
            for raw in page:
                credential = _decoded(raw, LLMCredential)
                if credential is not None:
                    self._engine.credential_seen(credential)

    async def _list(self, path: str, resource: str) -> list[msgspec.Raw]:
        return [raw async for page in self._pages(path, resource) for raw in page]

    async def _pages(self, path: str, resource: str, accept: str = "application/json") -> Any:
        following = ""
        while True:
            query = {"limit": str(_CHUNK)} | ({"continue": following} if following else {})
            page = _page.decode(await self._client.list(f"{path}?{urlencode(query)}", resource, accept=accept))
            yield page.items or ()
            following = page.metadata.continue_
            if not following:
                return

    async def _sweep(self) -> None:
        """Deletions in the gap of a relist are never told: what is not there any more is dropped now and then."""
        while True:
            await asyncio.sleep(_SWEEP)
            known = set(self._engine.store.credentials)
            try:
                there = await self._credential_names()
            except LlmkeysError as error:
                log.warning("sweep put off", error=str(error))
                continue
            for key in known - there:
                self._engine.credential_gone(key)

    async def _credential_names(self) -> set[Key]:
        there: set[Key] = set()
        for path in self._credential_paths():
            async for page in self._pages(path, CREDENTIAL_PLURAL, METADATA_LIST):
                there |= {Key(one.metadata.namespace, one.metadata.name) for one in map(_named.decode, page)}
        return there


def _decoded(raw: msgspec.Raw, kind: type[_T]) -> _T | None:
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        log.warning("an object does not have the shape of its schema", error=str(error))
        return None
