"""A bootstrap that dies at any call, before it is made or before its answer is known, on a real API server.

The operator's process is not started anew for each of them, as test_bootstrap_crash.py does for its writes: what it has
in memory is dropped instead, which takes a hundredth of the time. BOOTSTRAP_KILLS=100 does all of it a hundred times.
"""

import asyncio
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmkeys.api.names import DEFAULT_NAMESPACE
from llmkeys.catalogue.loader import load
from llmkeys.engine.bootstrap import Bootstrap, Parts
from llmkeys.engine.clock import SystemClock
from llmkeys.kube.bootstrap_keys import RingsOfBootstrap
from llmkeys.kube.bootstrap_objects import KubeBootstrap
from llmkeys.kube.client import ApiClient
from llmkeys.kube.internal import ensure_namespace
from llmkeys.kube.ring_use import traces_in
from llmkeys.kube.rings import Rings
from llmkeys.telemetry.bootstrap_observer import BootstrapLog
from llmkeys.telemetry.metrics import new_metrics
from tests.support.bootstrap_scene import BootstrapScene, bootstrap_scene
from tests.support.fault_scene import FaultScene

ROUNDS = int(os.environ.get("BOOTSTRAP_KILLS", "1"))
MOST_CALLS = 60
CATALOGUE = load()


class KilledError(BaseException):
    """SIGKILL: nothing catches it."""


class MortalClient(ApiClient):
    """Dies at one of its calls.

    Args:
        at: number of the call, from 1; 0 for never.
        before: the call is not made any more, else its answer is never known.
    """

    def __init__(self, at: int = 0, *, before: bool = False) -> None:
        super().__init__()
        self.calls: list[str] = []
        self._at = at
        self._before = before
        self._dead = False

    async def _send(self, method: str, verb: str, path: str, resource: str, *more: Any, **named: Any) -> bytes:
        if self._dead:
            raise KilledError
        self.calls.append(f"{method} {path}")
        mine = len(self.calls)
        if mine == self._at and self._before:
            self._die()
        try:
            return await super()._send(method, verb, path, resource, *more, **named)
        finally:
            if mine == self._at or self._dead:
                self._die()

    def _die(self) -> None:
        self._dead = True
        raise KilledError

    @property
    def writes(self) -> list[str]:
        return [one for one in self.calls if not one.startswith("GET ")]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BootstrapScene]:
    with bootstrap_scene(tmp_path_factory.mktemp("bootstrap-kill")) as made:
        yield made


@pytest.fixture(autouse=True)
def as_admin(scene: BootstrapScene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig_of(scene.scene)))


def kubeconfig_of(scene: FaultScene) -> Path:
    return scene.plane.kubeconfig


async def rings_of(client: ApiClient) -> Rings:
    await ensure_namespace(client, DEFAULT_NAMESPACE)
    return await Rings.load(client, DEFAULT_NAMESPACE, None, time.time, traces=lambda: traces_in(client))


async def look(rings: Rings, client: MortalClient) -> bool:
    """One operator's look, or its last; whether it survived."""
    parts = Parts(
        cluster=KubeBootstrap(client, DEFAULT_NAMESPACE),
        keys=RingsOfBootstrap(rings),
        catalogue=CATALOGUE,
        environment={},
        clock=SystemClock(),
        observer=BootstrapLog(new_metrics()),
        offload=asyncio.to_thread,
    )
    await client.open()
    try:
        await Bootstrap(parts).look()
    except KilledError:
        return False
    finally:
        await client.close()
    return True


@pytest.mark.parametrize("round_", range(ROUNDS))
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
async def test_killed_at_any_of_its_calls_it_ends_as_if_nothing_had_happened(
    scene: BootstrapScene,
    round_: int,
    before: bool,
) -> None:
    client = ApiClient()
    await client.open()
    try:
        rings = await rings_of(client)
        kills = 0
        while await survives_a_kill(scene, rings, kills + 1, before=before):
            kills += 1
            assert kills < MOST_CALLS, "it does not come to an end"
    finally:
        await client.close()
    assert kills >= 15, f"round {round_}: a bootstrap makes {kills} calls only"


async def survives_a_kill(scene: BootstrapScene, rings: Rings, at: int, *, before: bool) -> bool:
    """Kill an operator at a call and let another go on; False if there are fewer calls."""
    scene.reset()
    scene.hand_over(scene.template(enabled=False))
    if await look(rings, MortalClient(at, before=before)):
        return False
    at_kill = scene.uids()
    deleted = scene.delete_something_noted()
    assert await look(rings, MortalClient())
    scene.ends_as_if_nothing_had_happened(at_kill, deleted)
    later = MortalClient()
    assert await look(rings, later)
    assert later.writes == [], "a restart writes"
    return True
