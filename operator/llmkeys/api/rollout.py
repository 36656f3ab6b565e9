"""Rollouts as LLMCredential speaks of them: workloads that are restarted, and how far that has come."""

from enum import StrEnum
from typing import Final

import msgspec

MIN_INTERVAL: Final = "10m"
"""Between two rollouts of a workload, where nothing is said."""
ROLLOUTS_SWITCH: Final = (
    "the chart's value rollouts.enabled=true; without Helm config/components/rollouts and the controller's --rollouts"
)


class RolloutReason(StrEnum):
    """What a target has come to."""

    CHECKING = "Checking"
    UP_TO_DATE = "UpToDate"
    ROLLED_OUT = "RolledOut"
    WAITING = "Waiting"
    SWITCHED_OFF = "RolloutsOff"
    NOT_FOUND = "WorkloadNotFound"
    KIND_NOT_SERVED = "KindNotServed"
    FORBIDDEN = "Forbidden"
    REFUSED = "Refused"
    CONFLICT = "Conflict"
    PAUSED = "Paused"
    ON_DELETE = "OnDelete"
    PARTITIONED = "Partitioned"
    NO_TEMPLATE = "NoTemplate"


MESSAGES: Final = {
    RolloutReason.CHECKING: "It is looked at soon.",
    RolloutReason.UP_TO_DATE: "Nothing else was delivered since it was named here.",
    RolloutReason.ROLLED_OUT: "Its pods are being replaced, or have been, by such that read what was delivered.",
    RolloutReason.WAITING: "It is restarted at {at}, {interval} after its last rollout.",
    RolloutReason.SWITCHED_OFF: f"Nothing is restarted, since rollouts are off: {ROLLOUTS_SWITCH}.",
    RolloutReason.NOT_FOUND: "There is no {kind} {name} here. One that comes later reads what is delivered.",
    RolloutReason.KIND_NOT_SERVED: "The cluster does not serve this kind, which comes with Argo Rollouts.",
    RolloutReason.FORBIDDEN: f"The operator may not read or restart it. It may with {ROLLOUTS_SWITCH}.",
    RolloutReason.REFUSED: (
        "The API server refused the restart, most likely by an admission policy or webhook. It is tried again; "
        "kubectl rollout restart does the same by hand."
    ),
    RolloutReason.CONFLICT: "Others change it faster than it can be read. It is tried again.",
    RolloutReason.PAUSED: "It is paused (spec.paused), and is restarted once that is over.",
    RolloutReason.ON_DELETE: (
        "Its update strategy is OnDelete: whoever deletes its pods restarts it. RollingUpdate leaves it to us."
    ),
    RolloutReason.PARTITIONED: "Its update strategy has a partition that holds back every pod; lower it.",
    RolloutReason.NO_TEMPLATE: "It takes its pods from elsewhere (spec.workloadRef); name that workload instead.",
}
"""The words of a reason; `kind`, `name`, `at` and `interval` are filled in."""


class WorkloadRef(msgspec.Struct, frozen=True):
    """A workload of the credential's namespace."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


class RolloutSpec(msgspec.Struct, frozen=True, rename="camel"):
    """Which workloads are restarted when what is delivered changes, and how often at most."""

    targets: tuple[WorkloadRef, ...] = ()
    min_interval: str = MIN_INTERVAL


class WorkloadStatus(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """How a target stands.

    `delivered` is the digest of the content that its pods have had the chance to read: of its last rollout, or of what
    was delivered when it was named first. Where that is another one than the Secret's, a rollout is owed.
    """

    kind: str
    name: str
    reason: str = ""
    message: str = ""
    delivered: str = ""
    last_rollout_time: str = ""

    @property
    def ref(self) -> WorkloadRef:
        return WorkloadRef(self.kind, self.name)


class RolloutStatus(msgspec.Struct, frozen=True, omit_defaults=True):
    """All targets, in the order of the spec."""

    targets: tuple[WorkloadStatus, ...] = ()
