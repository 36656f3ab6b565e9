"""The story of an operator's bootstraps, in words for a person."""

from collections.abc import Iterator
from typing import Final

from llmkeys.bootstrap.handed_over import SEALED
from llmkeys.bootstrap.printable import printable
from llmkeys.bootstrap.records import Outcome
from llmkeys.bootstrap.story import ObjectStory
from llmkeys.cli.bootstrap_story import ShownInput, ShownRun, ShownStory, Stage

HEADS: Final = ("NUMBER", "OUTCOME", "WHAT", "WHY")
"""Of the columns of `rows_of`."""

_STAGES: Final = {
    Stage.NONE: "there was none",
    Stage.WAITING: "asked for, and not begun",
    Stage.UNDER_WAY: "under way",
    Stage.DONE: "done",
}


def facts_of(story: ShownStory) -> list[tuple[str, str]]:
    """The story in two columns, without its objects; whatever is empty is left out."""
    facts = [("bootstrap", _STAGES[story.stage]), ("what to do", story.next), ("input", _input(story.input))]
    for run in story.runs:
        facts += _facts(run)
    if story.stage is Stage.WAITING:
        facts += [("the operator says", f"{one.reason}: {one.message}") for one in story.events]
    return [line for word, text in facts for line in _lines(word, text)]


def _lines(word: str, text: str) -> Iterator[tuple[str, str]]:
    """A fact, a line each; the lines after the first go on with it."""
    for index, line in enumerate(text.splitlines()):
        yield ("" if index else word), printable(line)


def _facts(run: ShownRun) -> list[tuple[str, str]]:
    begun = (
        f"planned {run.planned_at} by llmkeys {run.version} from {run.entry}, shape {run.shape}" if run.entry else ""
    )
    return [
        (f"number {run.number}", begun or "not begun"),
        ("", f"finished {run.finished_at}" if run.finished_at else ""),
        ("", ", ".join(f"{count} {outcome}" for outcome, count in run.counts.items())),
        ("", f"{run.left_out_in_all} not taken over from the template" if run.left_out_in_all else ""),
        ("  waits for", run.waiting_for),
        ("  ignored", run.ignored),
    ]


def _input(shown: ShownInput | None) -> str:
    if shown is None:
        return ""
    name = f"Secret {shown.namespace}/{shown.name}"
    if not shown.readable:
        return f"{name}: you may not read it"
    if not shown.entries:
        return f"{name}: forgotten" + (", but for a copy in an annotation" if shown.in_clear else "")
    if shown.entries == [SEALED] and not shown.in_clear:
        return f"{name}: sealed keys alone"
    return f"{name}: in clear ({', '.join(shown.entries)})"


def rows_of(story: ShownStory) -> list[tuple[str, ...]]:
    """What is not simply created, and what was not taken over: number, outcome, what, why."""
    rows: list[tuple[str, ...]] = [
        (str(run.number), one.outcome, _name(one), printable(one.detail))
        for run in story.runs
        for one in run.objects
        if one.outcome != Outcome.CREATED
    ]
    return rows + [
        (
            str(run.number),
            "left out",
            printable(one.what) + (f" (line {one.line})" if one.line else ""),
            printable(one.why),
        )
        for run in story.runs
        for one in run.left_out
    ]


def _name(one: ObjectStory) -> str:
    return " ".join((one.kind, f"{one.namespace}/{one.name}" if one.namespace else one.name))
