"""A world with workloads that can be restarted, and what they have been told."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from llmkeys.api.objects import Key
from llmkeys.api.rollout import RolloutReason, WorkloadRef, WorkloadStatus
from llmkeys.delivery.rollout import Workload, pairs_in
from llmkeys.engine.effects import ApiUnavailableError, ConflictError
from tests.unit.engine.doubles import ACCEPTED
from tests.unit.engine.world import World

WEB = WorkloadRef("Deployment", "web")


@dataclass
class Stood:
    """A workload as the API server holds it."""

    version: int = 1
    delivered: str = ""
    paused: bool = False
    hindrance: RolloutReason | None = None


@dataclass
class MemoryWorkloads:
    """Workloads by their names, and a journal of their restarts.

    Args:
        there: those that are.
        unread: why one cannot be read, instead of what it is.
        refusal: of the next restarts.
        failures: raised by the next reads, one each.
        broken: those whose reads fail always.
        conflicts: how many of the next restarts meet another version.
        hangs: restarts are written, and their answer never comes.
        takes: seconds that a read takes.
        reads: how often one was read.
        restarts: when, and which.

    """

    there: dict[WorkloadRef, Stood] = field(default_factory=lambda: {WEB: Stood()})
    unread: dict[WorkloadRef, RolloutReason] = field(default_factory=dict)
    refusal: RolloutReason | None = None
    failures: list[Exception] = field(default_factory=list)
    broken: set[WorkloadRef] = field(default_factory=set)
    conflicts: int = 0
    hangs: bool = False
    takes: float = 0.01
    reads: int = 0
    restarts: list[tuple[float, WorkloadRef]] = field(default_factory=list)

    async def read(self, namespace: str, ref: WorkloadRef) -> Workload | RolloutReason:
        assert namespace == "team"
        self.reads += 1
        await asyncio.sleep(self.takes)
        if self.failures:
            raise self.failures.pop(0)
        if ref in self.broken:
            raise ApiUnavailableError("no workload")
        if ref in self.unread:
            return self.unread[ref]
        stood = self.there.get(ref)
        if stood is None:
            return RolloutReason.NOT_FOUND
        return Workload(str(stood.version), stood.delivered, stood.paused, stood.hindrance)

    async def roll_out(self, namespace: str, ref: WorkloadRef, version: str, annotation: str) -> RolloutReason | None:
        assert namespace == "team"
        await asyncio.sleep(0.01)
        stood = self.there[ref]
        if self.conflicts:
            self.conflicts -= 1
            stood.version += 1
        if str(stood.version) != version:
            raise ConflictError("changed")
        if self.refusal is not None:
            return self.refusal
        # The same once more is no change, and restarts nothing.
        if annotation != stood.delivered:
            self.restarts.append((asyncio.get_running_loop().time(), ref))
        stood.version += 1
        stood.delivered = annotation
        if self.hangs:
            await asyncio.Event().wait()
        return None

    def times(self, ref: WorkloadRef = WEB) -> list[int]:
        """Of the restarts of one, in whole seconds."""
        return [int(at) for at, which in self.restarts if which == ref]


class WorkloadsWorld(World):
    """With rollouts on, and a Deployment `web`."""

    def __init__(self, *, on: bool = True) -> None:
        super().__init__()
        self.births = 0
        self.memory = MemoryWorkloads()
        self.workloads = self.memory if on else None
        self.engine = self._engine()

    def _metadata(self, name: str, namespace: str, generation: int) -> dict[str, Any]:
        found = super()._metadata(name, namespace, generation)
        return {**found, "uid": f"{found['uid']}-{self.births}"}

    def delete(self, key: Key) -> None:
        """Delete a credential and its Secret; the next of that name is another."""
        self.births += 1
        secret = Key(key.namespace, f"{key.name}-out")
        del self.cluster.credentials[key], self.cluster.secrets[secret]
        self.engine.credential_gone(key)
        self.engine.generated_gone(secret)

    def rolling(self, text: str = "old", name: str = "chat", interval: str = "10m", **target: Any) -> Key:
        """A credential with a good key that names `web`."""
        self.net.answers[text] = ACCEPTED
        self.source(text, f"raw-{name}")
        return self.credential(name, sources=(f"raw-{name}",), target=self.target(name, interval, **target))

    @staticmethod
    def target(name: str = "chat", interval: str = "10m", *refs: WorkloadRef, **target: Any) -> dict[str, Any]:
        named = [{"kind": one.kind, "name": one.name} for one in refs or (WEB,)]
        rollout = {"targets": named, "minInterval": interval}
        return {"encryption": "None", "name": f"{name}-out", "rollout": rollout, **target}

    def change(self, text: str, name: str = "chat") -> None:
        """Give a credential another good key."""
        self.net.answers[text] = ACCEPTED
        self.source(text, f"raw-{name}")

    def told(self, key: Key, index: int = 0) -> WorkloadStatus:
        """What the status says of a target."""
        rollout = self.status(key).rollout
        assert rollout is not None
        return rollout.targets[index]

    def is_told(self, key: Key, ref: WorkloadRef = WEB) -> bool:
        """Whether the pod template says what the credential delivers."""
        delivered = pairs_in(self.memory.there[ref].delivered)
        return delivered.get(key.name) == self.status(key).target.content
