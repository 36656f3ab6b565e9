"""How one controller of several comes to lead, what only the leader does, and how it lets go."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from math import inf
from typing import Final, Protocol

import structlog

from llmkeys.engine.engine import Engine
from llmkeys.engine.fence import Fence
from llmkeys.kube.client import ApiClient
from llmkeys.kube.informer import Informer
from llmkeys.kube.lease import Elector, LeaseObject, boottime, own_identity
from llmkeys.kube.rings import Rings

log = structlog.get_logger("llmkeys.controller")


class Beside(Protocol):
    """Something that runs beside the engine until it is cancelled."""

    async def run(self) -> None: ...


class Election:
    """Whether this process leads.

    Args:
        elector: stands for it; None where it is the only one and leads always.
        fence: open while it leads.

    """

    def __init__(self, elector: Elector | None, fence: Fence) -> None:
        self.fence: Final = fence
        self._elector = elector

    async def look(self) -> None:
        """See how the Lease stands, before anything is listed.

        Raises:
            ForbiddenError: a right on the Lease is missing.

        """
        if self._elector is not None:
            await self._elector.look()

    def expect_lease(self) -> None:
        """Another controller has been here, so if there is no Lease it was deleted."""
        if self._elector is not None:
            self._elector.expect_lease()

    @contextlib.asynccontextmanager
    async def standing(self, ready: asyncio.Event, stop: asyncio.Event) -> AsyncIterator[None]:
        """Stand for election from `ready` on; the Lease is given back behind the block, when all work has ended.

        Args:
            ready: the caches are full. Who is not ready would lead without doing anything.
            stop: set when the Lease is lost.

        """
        if self._elector is None:
            yield
            return
        try:
            async with asyncio.TaskGroup() as group:
                task = group.create_task(_stand(self._elector, ready, stop))
                try:
                    yield
                finally:
                    task.cancel()
        finally:
            await self._elector.release()

    async def won(self) -> float:
        """Wait until this process leads; since when nobody else does, by `boottime`."""
        if self._elector is None:
            return -inf
        await self._elector.led.wait()
        return self._elector.vacant_from

    def raise_if_lost(self) -> None:
        """Raise LeaseLostError if the Lease was lost."""
        if self._elector is not None and self._elector.lost is not None:
            raise self._elector.lost


def elected(client: ApiClient, namespace: str, fence: Fence) -> Election:
    """An election among the controllers of one namespace.

    Args:
        client: for the Lease, without the fence.
        namespace: the operator's.
        fence: of all other writes.

    """
    return Election(Elector(LeaseObject(client, namespace), own_identity(), fence, now=boottime), fence)


async def _stand(elector: Elector, ready: asyncio.Event, stop: asyncio.Event) -> None:
    await ready.wait()
    await elector.run()
    stop.set()


async def lead(
    ready: asyncio.Event,
    stop: asyncio.Event,
    election: Election,
    informer: Informer,
    listed_from: float,
    patiently: Callable[[Callable[[], Awaitable[None]]], Awaitable[None]],
    engine: Engine,
    rings: Rings,
    beside: Sequence[Beside],
) -> None:
    """Wait for leadership, then do what only the leader does, until told to stop.

    Args:
        ready: the caches are full.
        stop: ends it, at once: the engine does not wait for anything else to end.
        election: says when.
        informer: lists again what another leader may have written since.
        listed_from: when its first list began, by `boottime`.
        patiently: does a step again and again while the API server is away, until told to stop.
        engine: begins to work.
        rings: renew what is due from now on.
        beside: run meanwhile.

    """
    await ready.wait()
    vacant_from = await election.won()
    if vacant_from > listed_from:
        # A watch may lag or be dead without knowing, and a probe that a status tells of is not to be repeated.
        await patiently(informer.prime)
    if stop.is_set():
        return
    engine.start()
    if vacant_from > -inf:
        rings.lead()
    log.info("leading", credentials=len(engine.store.credentials))
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one.run()) for one in beside]
            await stop.wait()
            for task in tasks:
                task.cancel()
    finally:
        await engine.stop()
