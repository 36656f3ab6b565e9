"""The story of each bootstrap, as its records tell it to people."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from llmkeys.bootstrap.notes import Notes, Told, notes_from
from llmkeys.bootstrap.records import (
    LeftLine,
    PlannedLine,
    PlanRecord,
    ReceiptRecord,
    Settled,
    SettledLine,
    numbers,
    plan_from,
    receipt_from,
    record_name,
)

PENDING = "pending"


class ObjectStory(msgspec.Struct, frozen=True, omit_defaults=True):
    """One object of a run.

    Args:
        outcome: as in `Outcome`, or `pending`.
        kind, namespace, name: of it.
        detail: why it was refused.
        line: of the template, 0 where none is known.

    """

    outcome: str
    kind: str
    namespace: str
    name: str
    detail: str = ""
    line: int = 0


@dataclass(frozen=True, slots=True)
class RunStory:
    """One run.

    Args:
        number: of it.
        plan: None where none was made yet, or is kept.
        receipt: None while it goes on.
        notes: of it.

    """

    number: int
    plan: PlanRecord | None = None
    receipt: ReceiptRecord | None = None
    notes: Notes = field(default_factory=Notes)

    @property
    def finished(self) -> bool:
        """Whether there is a receipt."""
        return self.receipt is not None

    @property
    def waiting(self) -> Told | None:
        """What it waits for; None once it is finished."""
        return None if self.finished else self.notes.waiting

    @property
    def ignored(self) -> Told | None:
        """The later edit of the template that changed nothing."""
        return self.notes.ignored

    @property
    def left(self) -> tuple[LeftLine, ...]:
        """What was not taken over, as far as it is kept; `left_in_all` of plan and receipt counts them."""
        record = self.receipt or self.plan
        return record.left if record else ()

    @property
    def objects(self) -> tuple[ObjectStory, ...]:
        """What became of each."""
        if self.receipt is not None:
            return tuple(_object(one, one) for one in self.receipt.objects)
        if self.plan is None:
            return ()
        return tuple(_object(one, self.notes.settled.get(index)) for index, one in enumerate(self.plan.objects))


def run_stories(config_maps: Mapping[str, Mapping[str, bytes]]) -> tuple[RunStory, ...]:
    """All runs, the first one first.

    Args:
        config_maps: data of the operator's own ConfigMaps, by name; others than records are passed over.

    Raises:
        RecordMalformedError: one of them does not hold what we write.

    """
    known = sorted({one for kind in ("plan", "notes", "receipt") for one in numbers(kind, config_maps)})
    return tuple(_story(number, config_maps) for number in known)


def _story(number: int, config_maps: Mapping[str, Mapping[str, bytes]]) -> RunStory:
    plan = config_maps.get(record_name("plan", number))
    notes = config_maps.get(record_name("notes", number))
    receipt = config_maps.get(record_name("receipt", number))
    return RunStory(
        number,
        None if plan is None else plan_from(number, plan),
        None if receipt is None else receipt_from(number, receipt),
        Notes() if notes is None else notes_from(number, notes),
    )


def _object(one: PlannedLine, settled: Settled | SettledLine | None) -> ObjectStory:
    outcome, detail = (str(settled.outcome), settled.detail) if settled else (PENDING, "")
    return ObjectStory(outcome, one.kind, one.namespace, one.name, detail, one.line)
