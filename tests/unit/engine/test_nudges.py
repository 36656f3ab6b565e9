"""Pods that are nudged: which changes, how many, and what a fault costs."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from llmkeys.api.objects import Key
from llmkeys.crypto.ring import Ring
from llmkeys.engine.effects import ForbiddenError, NotThereError
from llmkeys.engine.nudges import MOST, PACE
from tests.unit.engine.doubles import ACCEPTED
from tests.unit.engine.virtual import run
from tests.unit.engine.world import World, until

OUT = Key("team", "chat-out")


@dataclass
class MemoryPods:
    """Pods that mount any Secret, and a journal of nudges."""

    names: list[str] = field(default_factory=lambda: ["a", "b"])
    gone: set[str] = field(default_factory=set)
    failure: Exception | None = None
    listed: list[Key] = field(default_factory=list)
    nudged: list[tuple[float, str, str]] = field(default_factory=list)

    async def following(self, secret: Key, most: int) -> Sequence[str]:
        self.listed.append(secret)
        if self.failure is not None:
            raise self.failure
        return self.names[:most]

    async def nudge(self, namespace: str, name: str, version: str) -> None:
        assert namespace == "team"
        if name in self.gone:
            raise NotThereError("gone")
        self.nudged.append((asyncio.get_running_loop().time(), name, version))


class PodsWorld(World):
    """With nudges on."""

    def __init__(self) -> None:
        super().__init__()
        self.memory = MemoryPods()
        self.pods = self.memory
        self.engine = self._engine()

    async def delivered_once(self, **spec: object) -> Key:
        self.net.answers |= {"old": ACCEPTED, "new": ACCEPTED}
        key = self.simple("old", **spec)
        await until(60)
        assert self.memory.listed == [], "a first delivery nudges nobody"
        return key


@pytest.mark.parametrize("encryption", ["None", "Envelope"])
def test_another_content_nudges_each_pod_once_with_the_version_of_the_secret(encryption: str) -> None:
    async def story() -> None:
        async with PodsWorld() as world:
            await world.delivered_once(target={"encryption": encryption, "name": "chat-out"})
            world.source("new", "raw-chat")
            await until(600)
            version = str(world.cluster.secrets[OUT].version)
            assert world.memory.listed == [OUT]
            assert [(name, seen) for _, name, seen in world.memory.nudged] == [("a", version), ("b", version)]
            assert world.memory.nudged[0][0] < 60.2

    run(story())


def test_a_withdrawal_nudges_too() -> None:
    async def story() -> None:
        async with PodsWorld() as world:
            await world.delivered_once()
            world.credential(sources=("raw-chat",), enabled=False)
            await until(120)
            assert len(world.memory.nudged) == 2

    run(story())


def test_what_leaves_the_content_as_it_is_nudges_nobody() -> None:
    async def story() -> None:
        async with PodsWorld() as world:
            key = await world.delivered_once(target={"encryption": "Envelope", "name": "chat-out"})
            written = len(world.cluster.writes)
            world.rings(envelope=Ring.first("envelope", 1.0))
            await until(120)
            assert len(world.cluster.writes) == written + 1, "it was not sealed anew"
            await world.restart()
            world.credential(sources=("raw-chat",), target={"encryption": "Envelope", "name": "chat-out"})
            await until(180)
            assert world.status(key).observed_generation == 2
            assert world.memory.listed == []

    run(story())


def test_of_many_pods_a_limited_number_is_nudged_at_a_limited_pace() -> None:
    async def story() -> None:
        async with PodsWorld() as world:
            await world.delivered_once()
            world.memory.names = [f"pod-{number}" for number in range(3 * MOST)]
            world.source("new", "raw-chat")
            await until(600)
            times = [at for at, _, _ in world.memory.nudged]
            assert len(times) == MOST
            assert times[-1] - times[0] >= (MOST - 1) * PACE * 0.99

    run(story())


def test_a_pod_that_is_gone_is_passed_over() -> None:
    async def story() -> None:
        async with PodsWorld() as world:
            await world.delivered_once()
            world.memory.gone = {"a"}
            world.source("new", "raw-chat")
            await until(120)
            assert [name for _, name, _ in world.memory.nudged] == ["b"]

    run(story())


def test_a_missing_right_costs_the_nudge_and_nothing_else() -> None:
    async def story() -> None:
        async with PodsWorld() as world:
            key = await world.delivered_once()
            world.memory.failure = ForbiddenError("list pods: forbidden")
            world.source("new", "raw-chat")
            await until(3600)
            assert world.delivered(key) == "new"
            assert len(world.memory.listed) == 1
            assert world.memory.nudged == []

    run(story())
