"""The Lease on a real API server: candidates in one process, each with a client and a wall clock of its own."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import yaml

from llmkeys.api.names import CONTROLLER_ACCOUNT, DEFAULT_NAMESPACE, LEASE
from llmkeys.engine.effects import ForbiddenError
from llmkeys.engine.fence import Fence
from llmkeys.engine.leadership import Terms
from llmkeys.kube.client import ApiClient
from llmkeys.kube.lease import Elector, LeaseObject, boottime
from tests.support.admin_api import AdminApi
from tests.support.cluster import ControlPlane
from tests.support.cluster_install import ROOT
from tests.support.wait import eventually_async

TERMS = Terms(lease=2.0, renew=0.4, retry=0.2)
HOUR = 3600.0


@pytest.fixture(scope="module")
def account(installed: ControlPlane, namespace: str) -> Iterator[str]:
    """The kubeconfig of a controller with the right on its Lease and no other."""
    rbac = ROOT / "config" / "rbac"
    files = ("service-account.yaml", "lease.yaml")
    objects = [one for file in files for one in yaml.safe_load_all((rbac / file).read_text(encoding="utf-8"))]
    text = yaml.safe_dump_all(objects).replace(DEFAULT_NAMESPACE, namespace)
    installed.kubectl("apply", "--server-side", "-f", "-", input=text)
    return str(installed.service_account_kubeconfig(namespace, CONTROLLER_ACCOUNT))


@dataclass
class Candidate:
    """One that stands for election."""

    elector: Elector
    fence: Fence
    task: asyncio.Task[None]

    @property
    def leads(self) -> bool:
        return self.fence.is_open

    async def die(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


class Place:
    """A namespace with a Lease, and those who want it."""

    def __init__(self, api: AdminApi, namespace: str) -> None:
        self.api = api
        self.namespace = namespace
        self.path = f"/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{LEASE}"
        self.candidates: list[Candidate] = []
        self._clients: list[ApiClient] = []

    async def candidate(
        self, name: str, wall: Callable[[], float] = time.time, ready: asyncio.Event | None = None
    ) -> Candidate:
        """One that stands once it is ready, at once if that is not said."""
        client = ApiClient()
        await client.open()
        self._clients.append(client)
        fence = Fence(boottime)
        elector = Elector(LeaseObject(client, self.namespace, wall), name, fence, TERMS)

        async def stand() -> None:
            if ready is not None:
                await ready.wait()
            await elector.run()

        made = Candidate(elector, fence, asyncio.create_task(stand()))
        self.candidates.append(made)
        return made

    async def leader(self, name: str, wall: Callable[[], float] = time.time) -> Candidate:
        made = await self.candidate(name, wall)
        await asyncio.wait_for(made.elector.led.wait(), 10)
        return made

    async def spec(self) -> dict[str, Any]:
        found: dict[str, Any] = (await asyncio.to_thread(self.api.get, self.path))["spec"]
        return found

    async def close(self) -> None:
        for one in self.candidates:
            await one.die()
        for client in self._clients:
            await client.close()


@pytest.fixture
async def place(
    installed: ControlPlane, namespace: str, account: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Place]:
    monkeypatch.setenv("KUBECONFIG", account)
    made = Place(AdminApi(installed), namespace)
    if made.api.get(made.path) is not None:
        made.api.delete(made.path)
    yield made
    await made.close()


async def some_renewals(place: Place, count: int = 8) -> None:
    seen = set()

    async def enough() -> bool:
        seen.add((await place.spec())["renewTime"])
        return len(seen) > count

    await eventually_async(enough, timeout=20, message="renewals")


async def test_a_lease_that_is_not_there_is_made_and_one_that_was_given_back_taken_over(place: Place) -> None:
    first = await place.leader("first")
    made = await place.spec()
    assert (made["holderIdentity"], made["leaseDurationSeconds"], made["leaseTransitions"]) == ("first", 2, 0)
    await first.die()
    await first.elector.release()
    assert (await place.spec())["holderIdentity"] == ""
    assert not first.leads

    await place.leader("second")

    taken = await place.spec()
    assert (taken["holderIdentity"], taken["leaseTransitions"]) == ("second", 1)


@pytest.mark.parametrize("skew", [-HOUR, HOUR])
async def test_clocks_that_differ_by_an_hour_change_nothing(place: Place, skew: float) -> None:
    first = await place.leader("first")
    second = await place.candidate("second", lambda: time.time() + skew)
    await some_renewals(place)
    assert (first.leads, second.leads) == (True, False)

    await first.die()
    await asyncio.wait_for(second.elector.led.wait(), 10)

    assert not first.leads
    third = await place.candidate("third")
    await some_renewals(place)
    assert (second.leads, third.leads) == (True, False)


async def test_of_many_that_begin_at_once_one_leads(place: Place) -> None:
    made = [await place.candidate(f"number-{index}") for index in range(6)]

    async def one_leads() -> bool:
        return any(one.leads for one in made)

    await eventually_async(one_leads, message="a leader")
    await some_renewals(place)
    assert sum(one.leads for one in made) == 1


async def test_an_edit_of_the_lease_by_somebody_else_ends_nothing(place: Place) -> None:
    first, second = await place.leader("first"), await place.candidate("second")
    for number in range(5):
        await asyncio.to_thread(place.api.merge, place.path, {"metadata": {"annotations": {"note": str(number)}}})
        await some_renewals(place, 1)
    assert (first.leads, second.leads) == (True, False)
    assert (await place.spec())["holderIdentity"] == "first"


async def test_a_deleted_lease_ends_the_leadership_before_another_begins(place: Place) -> None:
    first, second = await place.leader("first"), await place.candidate("second")
    await some_renewals(place, 2)

    await asyncio.to_thread(place.api.delete, place.path)
    await asyncio.wait_for(first.task, 10)

    assert "it was deleted" in str(first.elector.lost)
    assert (first.leads, second.leads) == (False, False)
    await asyncio.wait_for(second.elector.led.wait(), 10)


async def test_one_that_was_slow_to_begin_leads_beside_nobody_though_the_first_lease_of_all_was_deleted(
    place: Place,
) -> None:
    ready = asyncio.Event()
    late = await place.candidate("late", ready=ready)
    await late.elector.look()
    first = await place.leader("first")
    late.elector.expect_lease()  # it found keys that it has not made

    await asyncio.to_thread(place.api.delete, place.path)
    ready.set()
    await asyncio.wait_for(first.task, 10)

    assert not late.leads
    await asyncio.wait_for(late.elector.led.wait(), 10)


async def test_one_that_looked_before_the_first_lease_of_all_was_made_looks_again(place: Place) -> None:
    ready = asyncio.Event()
    late = await place.candidate("late", ready=ready)
    await late.elector.look()
    first = await place.leader("first")

    ready.set()
    await some_renewals(place)

    assert (first.leads, late.leads) == (True, False)
    assert (await place.spec())["leaseTransitions"] == 0


async def test_a_lease_given_to_another_by_force_is_given_up(place: Place) -> None:
    first = await place.leader("first")

    await asyncio.to_thread(place.api.merge, place.path, {"spec": {"holderIdentity": "usurper"}})
    await asyncio.wait_for(first.task, 10)

    assert "usurper holds it" in str(first.elector.lost)
    assert not first.leads
    await first.elector.release()
    assert (await place.spec())["holderIdentity"] == "usurper"


async def test_a_missing_right_is_told_at_the_first_look(
    installed: ControlPlane, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "nobody"
    body = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": place.namespace}}
    with contextlib.suppress(Exception):
        installed.kubectl("create", "-f", "-", input=json.dumps(body))
    monkeypatch.setenv("KUBECONFIG", str(installed.service_account_kubeconfig(place.namespace, name)))
    stranger = await place.candidate("stranger")
    with pytest.raises(ForbiddenError, match="leases: forbidden; check the roles"):
        await stranger.elector.look()
