"""The story of an operator's bootstraps: what was consumed, what came of it, and what to do now."""

from collections import Counter
from collections.abc import Sequence
from enum import StrEnum

import msgspec

from llmkeys.api.names import BOOTSTRAP_SECRET, BOOTSTRAP_SWITCH
from llmkeys.bootstrap.records import LeftLine
from llmkeys.bootstrap.story import ObjectStory, RunStory
from llmkeys.cli.bootstrap_events import ToldEvent
from llmkeys.cli.bootstrap_input import InputSecret
from llmkeys.cli.bootstrap_numbers import last_finished, under_way


class Stage(StrEnum):
    """How far it is."""

    NONE = "none"  # and none is asked for
    WAITING = "waiting"  # asked for, and not planned yet
    UNDER_WAY = "underWay"
    DONE = "done"


class ShownInput(msgspec.Struct, frozen=True, rename="camel"):
    """The input Secret; `readable` is False where the person may not read it."""

    namespace: str
    name: str
    readable: bool
    entries: list[str]
    in_clear: bool
    kept_by: str


class ShownRun(msgspec.Struct, frozen=True, rename="camel"):
    """One bootstrap; times are RFC 3339, empty where they are not known."""

    number: int
    finished: bool
    entry: str
    shape: str
    version: str
    planned_at: str
    finished_at: str
    counts: dict[str, int]
    objects: list[ObjectStory]
    left_out: list[LeftLine]
    left_out_in_all: int
    waiting_for: str
    ignored: str


class ShownStory(msgspec.Struct, frozen=True, rename="camel"):
    """All of it."""

    stage: Stage
    next: str
    input: ShownInput | None
    runs: list[ShownRun]
    events: list[ToldEvent]


def story_of(
    namespace: str,
    runs: tuple[RunStory, ...],
    found: InputSecret | None,
    events: Sequence[ToldEvent],
    *,
    readable: bool,
) -> ShownStory:
    """The whole story.

    Args:
        namespace: the operator's.
        runs: as the records tell.
        found: the input Secret, None if it is not there or may not be read.
        events: about it.
        readable: it may be read.

    """
    stage = _stage(runs, found)
    shown = None
    if found is not None or not readable:
        shown = ShownInput(
            namespace,
            BOOTSTRAP_SECRET,
            readable,
            sorted(found.data) if found else [],
            found.in_clear if found else False,
            found.kept_by if found else "",
        )
    return ShownStory(stage, _next(stage, runs, found, events), shown, [_run(one) for one in runs], list(events))


def _stage(runs: tuple[RunStory, ...], found: InputSecret | None) -> Stage:
    if under_way(runs):
        return Stage.UNDER_WAY
    last = last_finished(runs)
    if found is not None and (found.asked > last or (found.data and not last)):
        return Stage.WAITING
    return Stage.DONE if last else Stage.NONE


def _next(stage: Stage, runs: tuple[RunStory, ...], found: InputSecret | None, events: Sequence[ToldEvent]) -> str:
    match stage:
        case Stage.NONE:
            return "Hand a template over: llmkeys bootstrap FILE"
        case Stage.WAITING:
            if any(one.waiting for one in runs) or events:
                return "See what the operator says, and correct it."
            return (
                f"The operator has not looked at it yet. Does it run, and is bootstrap switched on? {BOOTSTRAP_SWITCH}"
            )
        case Stage.UNDER_WAY:
            return (
                "The operator goes on by itself." if not any(one.waiting for one in runs) else "See what it waits for."
            )
    if runs and runs[-1].ignored:
        return "A later change has no effect. Change the objects themselves, or: llmkeys bootstrap --again"
    if found is not None and found.in_clear:
        return "Keys in clear may lie in the Secret. Remove them: llmkeys bootstrap forget"
    return ""


def _run(one: RunStory) -> ShownRun:
    record = one.receipt or one.plan
    return ShownRun(
        number=one.number,
        finished=one.finished,
        entry=record.entry if record else "",
        shape=record.shape if record else "",
        version=record.version if record else "",
        planned_at=record.planned_at if record else "",
        finished_at=one.receipt.finished_at if one.receipt else "",
        counts=dict(Counter(made.outcome for made in one.objects)),
        objects=list(one.objects),
        left_out=list(one.left),
        left_out_in_all=record.left_in_all if record else 0,
        waiting_for=one.waiting.text if one.waiting else "",
        ignored=one.ignored.text if one.ignored else "",
    )
