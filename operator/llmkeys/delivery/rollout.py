"""When a workload is restarted for what was delivered: whether one is owed, and what stands in its way.

Everything follows from two digests: that of the content that the Secret holds, and that of the content for which a
target was restarted last. They are compared and never counted, so whoever comes after a crash, or leads after another,
sees what is owed; and what was sealed or healed anew, with the same content, is no change.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from llmkeys.api.credential import CredentialStatus, LLMCredential, TargetStatus
from llmkeys.api.durations import epoch, rfc3339, seconds
from llmkeys.api.rollout import MESSAGES, RolloutReason, RolloutStatus, WorkloadRef, WorkloadStatus

_SETTLED: Final = frozenset(
    {
        RolloutReason.UP_TO_DATE,
        RolloutReason.ROLLED_OUT,
        RolloutReason.ON_DELETE,
        RolloutReason.PARTITIONED,
        RolloutReason.NO_TEMPLATE,
    }
)
"""What stays as it is while nothing is owed."""
_PAIR: Final = re.compile(r"([^=,]+)=([^=,]+)")


@dataclass(frozen=True, slots=True)
class Workload:
    """A workload as it was read.

    Args:
        version: its resourceVersion.
        delivered: the annotation of its pod template, empty if there is none.
        paused: it rolls nothing out for now.
        hindrance: why another template would have no effect at all, None if it has.

    """

    version: str
    delivered: str = ""
    paused: bool = False
    hindrance: RolloutReason | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of a target.

    Args:
        credential: the name of the one that asks.
        contents: digests of what is delivered, by the names of all credentials that name this target.
        interval: between two rollouts, as a duration.
        last: when it was last rolled out for any of them (epoch seconds), 0 if it never was.

    """

    credential: str
    contents: Mapping[str, str]
    interval: str
    last: float = 0.0

    @property
    def content(self) -> str:
        return self.contents.get(self.credential, "")

    @property
    def earliest(self) -> float:
        """Epoch seconds."""
        return self.last + seconds(self.interval) if self.last else 0.0


@dataclass(frozen=True, slots=True)
class RollOut:
    """The pod template is to say this.

    Args:
        version: resourceVersion of the workload that was read.
        annotation: of its pod template.

    """

    version: str
    annotation: str


# -- what is carried from one status to the next ---------------------------------------------------------------------


def rollout_after(credential: LLMCredential, target: TargetStatus) -> RolloutStatus | None:
    """The targets of the spec with what is known of each, after a delivery; None where none are named.

    A target that was not named before is taken to have read what was delivered before: nothing is owed for its being
    named, nor for a first delivery, for which workloads wait. What is owed stays owed.

    Args:
        credential: with the status from before.
        target: the Secret after the delivery.

    """
    wanted, before = credential.spec.target.rollout, credential.status
    if wanted is None or not wanted.targets:
        return None
    known = {one.ref: one for one in before.rollout.targets} if before.rollout else {}
    return RolloutStatus(tuple(_carried(ref, known.get(ref), before, target.content) for ref in wanted.targets))


def _carried(ref: WorkloadRef, known: WorkloadStatus | None, before: CredentialStatus, content: str) -> WorkloadStatus:
    stood = before.target.content
    if known is None:
        known = said(WorkloadStatus(ref.kind, ref.name, delivered=stood), RolloutReason.CHECKING)
    if not known.delivered or (known.delivered == stood and _other_key(stood, content)):
        return msgspec.structs.replace(known, delivered=content)
    return known


def _other_key(one: str, other: str) -> bool:
    """Whether two digests were made with different keys, so that their difference tells nothing."""
    return bool(one) and bool(other) and one.partition(".")[0] != other.partition(".")[0]


# -- what is owed ----------------------------------------------------------------------------------------------------


def is_owed(target: WorkloadStatus, content: str) -> bool:
    """Whether something was delivered that the target has not been restarted for; never for an empty Secret."""
    return bool(content) and bool(target.delivered) and target.delivered != content


def is_due(target: WorkloadStatus, content: str) -> bool:
    """Whether there is anything to do about it."""
    return is_owed(target, content) or target.reason not in _SETTLED


def step(target: WorkloadStatus, found: Workload | RolloutReason, asked: Asked, now: float) -> RollOut | WorkloadStatus:
    """What to do with a target, or how it stands where nothing is to be done.

    Args:
        target: as it stood.
        found: as it was just read, or why it could not be.
        asked: of it.
        now: epoch seconds.

    """
    if isinstance(found, RolloutReason):
        return _unread(target, found, asked)
    if not is_owed(target, asked.content):
        return _settled(target, found)
    if pairs_in(found.delivered).get(asked.credential) == asked.content:
        # Together with another credential's, or before a crash.
        return rolled_out(target, asked, now)
    if found.hindrance is not None:
        return said(target, found.hindrance)
    if found.paused:
        return said(target, RolloutReason.PAUSED)
    if now < asked.earliest:
        return said(target, RolloutReason.WAITING, at=rfc3339(asked.earliest), interval=asked.interval)
    return RollOut(found.version, annotation_of(asked.contents))


def rolled_out(target: WorkloadStatus, asked: Asked, now: float) -> WorkloadStatus:
    """How a target stands whose pod template says it."""
    done = msgspec.structs.replace(target, delivered=asked.content, last_rollout_time=rfc3339(now))
    return said(done, RolloutReason.ROLLED_OUT)


def said(target: WorkloadStatus, reason: RolloutReason, **values: str) -> WorkloadStatus:
    """The same target with a reason and its words."""
    message = MESSAGES[reason].format(kind=target.kind, name=target.name, **values)
    return msgspec.structs.replace(target, reason=reason.value, message=message)


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a target while its status may have moved on.

    Args:
        before: the target when it was looked at.
        after: as it was left.

    """

    before: WorkloadStatus
    after: WorkloadStatus

    def on(self, standing: WorkloadStatus) -> WorkloadStatus:
        """The target as it stands now with what was changed; what was not may have been by others."""
        if self.after.delivered == self.before.delivered:
            return msgspec.structs.replace(self.after, delivered=standing.delivered)
        return self.after


def waits_until(target: WorkloadStatus, asked: Asked) -> float | None:
    """When its time comes (epoch seconds); None where it is not time that it waits for."""
    return asked.earliest if target.reason == RolloutReason.WAITING else None


def last_rollout(target: WorkloadStatus) -> float:
    """Epoch seconds, 0 if there was none."""
    return epoch(target.last_rollout_time) if target.last_rollout_time else 0.0


def _unread(target: WorkloadStatus, reason: RolloutReason, asked: Asked) -> WorkloadStatus:
    gone = reason in (RolloutReason.NOT_FOUND, RolloutReason.KIND_NOT_SERVED)
    if gone and asked.content:
        # One that comes later starts with what is delivered by now.
        target = msgspec.structs.replace(target, delivered=asked.content)
    return said(target, reason)


def _settled(target: WorkloadStatus, found: Workload) -> WorkloadStatus:
    if found.hindrance is not None:
        return said(target, found.hindrance)
    if target.reason == RolloutReason.ROLLED_OUT:
        return target
    return said(target, RolloutReason.UP_TO_DATE)


# -- the annotation --------------------------------------------------------------------------------------------------


def annotation_of(contents: Mapping[str, str]) -> str:
    """What a pod template says of the contents that its pods will read: `chat=<digest>,search=<digest>`.

    All credentials of a workload in one: a restart for one of them serves the others as well, and whoever finds its
    own digest there knows that it was done.
    """
    return ",".join(f"{name}={digest}" for name, digest in sorted(contents.items()) if digest)


def pairs_in(annotation: str) -> dict[str, str]:
    """The digests by credential; whatever else somebody wrote there is passed over."""
    found = (_PAIR.fullmatch(part) for part in annotation.split(","))
    return {one[1]: one[2] for one in found if one}
