import msgspec

from llmkeys.api.names import BOOTSTRAP_AGAIN_ANNOTATION
from llmkeys.bootstrap.notes import Notes, Told
from llmkeys.bootstrap.records import LeftLine, Outcome, PlannedLine, PlanRecord, Settled
from llmkeys.bootstrap.story import RunStory
from llmkeys.cli.bootstrap_events import ToldEvent
from llmkeys.cli.bootstrap_input import InputSecret
from llmkeys.cli.bootstrap_story import ShownStory, story_of
from llmkeys.cli.bootstrap_story_text import facts_of, rows_of

CLEAR = "\x1b[2J\x1b]0;title\x07"


def plan(left: tuple[LeftLine, ...] = ()) -> PlanRecord:
    objects = (PlannedLine("LLMCredential", "team-a", "one", "m", 3), PlannedLine("LLMProvider", "", "two", "m"))
    return PlanRecord(1, "sealed", "ours", "i", 1, "1.0", "2027-01-01T00:00:00Z", objects, left=left, left_in_all=1)


def story(run: RunStory, *events: ToldEvent, found: InputSecret | None = None) -> ShownStory:
    return story_of("llmkeys-system", (run,), found, events, readable=True)


def cells(told: ShownStory) -> list[str]:
    return [cell for row in (*facts_of(told), *rows_of(told)) for cell in row]


def test_nothing_that_is_told_is_obeyed_by_a_terminal() -> None:
    notes = Notes(
        {0: Settled(Outcome.REFUSED, f"no{CLEAR}")},
        waiting=Told("Waiting", f"for{CLEAR}", "at"),
        ignored=Told("Ignored", f"edit{CLEAR}", "at"),
    )
    told = story(RunStory(1, plan((LeftLine(f"tts{CLEAR}", f"none{CLEAR}", 7),)), notes=notes))

    assert all(cell.isprintable() for cell in cells(told)), cells(told)
    assert ("  waits for", "for?[2J?]0;title?") in facts_of(told)


def test_what_the_operator_says_keeps_its_lines_and_no_control_characters() -> None:
    event = ToldEvent(f"Invalid{CLEAR}", f"line 1: one{CLEAR}\nline 2: two", "at")
    told = story(RunStory(1), event, found=InputSecret("u", "1", {"bootstrap.yaml": b""}))

    says = [fact for fact in facts_of(told) if "line" in fact[1]]
    assert says == [
        ("the operator says", "Invalid?[2J?]0;title?: line 1: one?[2J?]0;title?"),
        ("", "line 2: two"),
    ]


def test_an_object_is_shown_with_what_became_of_it_first() -> None:
    told = story(RunStory(1, plan(), notes=Notes({0: Settled(Outcome.REFUSED, "422")})))

    made = msgspec.json.encode(told.runs[0].objects).decode()
    assert made == (
        '[{"outcome":"refused","kind":"LLMCredential","namespace":"team-a","name":"one","detail":"422","line":3},'
        '{"outcome":"pending","kind":"LLMProvider","namespace":"","name":"two"}]'
    )


def test_a_request_that_nobody_can_number_is_none() -> None:
    found = InputSecret("u", "1", {}, annotations={BOOTSTRAP_AGAIN_ANNOTATION: "9" * 5000})
    assert found.asked == 0
