"""The operator's own keys beside a controller that leads: whoever does not lead makes what is missing and no more."""

import asyncio
from collections.abc import AsyncIterator
from selectors import BaseSelector
from typing import Any, Final

import pytest

from llmkeys.api.names import OWN_SECRETS, PUBLIC_KEYS, SEALING_SECRET, UNSEALER_CA_SECRET, UNSEALER_TLS_SECRET
from llmkeys.crypto.certificates import SERVING_LIFE
from llmkeys.engine.fence import Fence
from llmkeys.kube.client import ApiClient
from llmkeys.kube.ring_use import Traces
from llmkeys.kube.rings import RENEW_EVERY, Rings
from tests.support.admin_api import AdminApi
from tests.support.cluster import ControlPlane
from tests.support.wait import eventually_async

NOW: Final = 1_800_000_000.0
KEK: Final = bytes(range(32))
OBJECTS: Final = (*OWN_SECRETS, PUBLIC_KEYS)


class Home:
    """A namespace of an operator, and one that does not lead unless it is told to."""

    def __init__(self, api: AdminApi, namespace: str, fence: Fence, fenced: ApiClient, free: ApiClient) -> None:
        self.api = api
        self.namespace = namespace
        self.fence = fence
        self.fenced = fenced
        self.free = free
        self.at = NOW

    async def load(self, kek: bytes | None = None) -> Rings:
        async def no_traces() -> Traces:
            return Traces()

        return await Rings.load(
            self.fenced,
            self.namespace,
            kek,
            lambda: self.at,
            traces=no_traces,
            creator=self.free,
            leads=lambda: self.fence.is_open,
        )

    async def by_the_leader(self, kek: bytes | None = None) -> Rings:
        self.fence.open_until(1.0)
        made = await self.load(kek)
        self.fence.close()
        return made

    def path(self, name: str) -> str:
        resource = "configmaps" if name == PUBLIC_KEYS else "secrets"
        return f"/api/v1/namespaces/{self.namespace}/{resource}/{name}"

    def found(self, name: str) -> Any:
        return self.api.get(self.path(name))

    def versions(self) -> dict[str, str]:
        found = {name: self.found(name) for name in OBJECTS}
        return {name: one["metadata"]["resourceVersion"] for name, one in found.items() if one is not None}


@pytest.fixture
async def home(installed: ControlPlane, namespace: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Home]:
    monkeypatch.setenv("KUBECONFIG", str(installed.kubeconfig))
    fence = Fence(lambda: 0.0)
    fenced, free = ApiClient(fence=fence), ApiClient()
    await fenced.open()
    await free.open()
    made = Home(AdminApi(installed), namespace, fence, fenced, free)
    for name in made.versions():
        made.api.delete(made.path(name))
    yield made
    await fenced.close()
    await free.close()
    await eventually_async(nothing_is_open, message="the end of all connections")


async def nothing_is_open() -> bool:
    """Watches that were cancelled take leave of the API server before their connections close."""
    selector: BaseSelector = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]  # noqa: SLF001
    return len(selector.get_map()) == 1  # the loop's own


async def test_at_the_first_start_it_makes_what_the_leader_would_make(home: Home) -> None:
    rings = await home.load()
    assert set(home.versions()) == set(OBJECTS)
    assert rings.problem() is None

    leader = await home.by_the_leader()

    assert (leader.sealing, leader.envelope, leader.mac) == (rings.sealing, rings.envelope, rings.mac)
    assert leader.ca_bundle() == rings.ca_bundle()


async def test_of_all_that_ever_start_one_has_made_the_keys(home: Home) -> None:
    """It alone may take it that no other has ever led."""
    together = await asyncio.gather(home.load(), home.load(), home.load())
    later = await home.load()

    assert sum(rings.are_new for rings in together) == 1
    assert not later.are_new


async def test_it_starts_beside_keys_that_are_due_and_changes_none(home: Home) -> None:
    await home.by_the_leader()
    before = home.versions()
    home.at += RENEW_EVERY + SERVING_LIFE

    rings = await home.load(KEK)
    await rings.refresh()

    assert home.versions() == before
    assert rings.problem() is None


async def test_it_puts_nothing_back_that_was_deleted(home: Home) -> None:
    await home.by_the_leader()
    rings = await home.load()
    gone = (SEALING_SECRET, UNSEALER_CA_SECRET, UNSEALER_TLS_SECRET)
    for name in gone:
        home.api.delete(home.path(name))

    await rings.refresh()

    assert not set(gone) & set(home.versions())
    assert rings.problem() is None


async def test_it_takes_over_what_the_leader_changed(home: Home) -> None:
    leader = await home.by_the_leader()
    rings = await home.load()
    home.at += RENEW_EVERY
    home.fence.open_until(1.0)
    assert await leader.refresh()
    home.fence.close()
    before = home.versions()

    assert await rings.refresh()

    assert (rings.sealing, rings.envelope) == (leader.sealing, leader.envelope)
    assert home.versions() == before


async def test_when_it_leads_it_does_what_is_due_at_once(home: Home) -> None:
    await home.by_the_leader()
    rings = await home.load(KEK)
    before, key = home.versions(), rings.sealing.active.key_id
    home.at += RENEW_EVERY
    stop = asyncio.Event()
    keeping = asyncio.create_task(rings.keep(stop, lambda: None))
    try:
        home.fence.open_until(1.0)
        rings.lead()

        async def renewed() -> bool:
            return rings.sealing.active.key_id != key and not set(home.versions().items()) & set(before.items()) - {
                (UNSEALER_CA_SECRET, before[UNSEALER_CA_SECRET])
            }

        await eventually_async(renewed, timeout=10, message="renewed, wrapped and published keys")
    finally:
        stop.set()
        await asyncio.wait_for(keeping, 10)
