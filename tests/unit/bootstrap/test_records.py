"""Plans, notes and receipts: what is written is read again, what is not ours is refused, and edits are found."""

from collections.abc import Mapping
from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.api.names import BOOTSTRAP_AGAIN_ANNOTATION
from llmkeys.bootstrap.comparison import differences, input_mac, named
from llmkeys.bootstrap.handed_over import handed_over, variables_in
from llmkeys.bootstrap.notes import Notes, Told, notes_data, notes_from
from llmkeys.bootstrap.records import (
    LARGEST,
    Outcome,
    PlannedLine,
    PlanRecord,
    RecordMalformedError,
    Settled,
    asked_in,
    left_lines,
    numbers,
    plan_data,
    plan_from,
    receipt_data,
    receipt_from,
    receipt_of,
    record_name,
)
from llmkeys.bootstrap.story import run_stories
from llmkeys.bootstrap.template import Left, Place, TemplateInvalidError
from llmkeys.crypto.mac import MacKey

MAC = MacKey(1, bytes(range(32)))
NAMES = st.text("abc-", min_size=1, max_size=5)
LINES = st.builds(
    PlannedLine, st.sampled_from(["Namespace", "LLMProvider", "LLMCredential"]), NAMES, NAMES, NAMES, st.integers(0, 9)
)
SETTLED = st.builds(Settled, st.sampled_from(Outcome), st.sampled_from(["", "refused with 422 (Invalid)"]))
TOLD = st.none() | st.builds(Told, NAMES, st.text(max_size=20), NAMES, NAMES)


def plan(*lines: PlannedLine, number: int = 1) -> PlanRecord:
    return PlanRecord(number, "bootstrap.yaml", "ours", "input-mac", 1, "1.0", "2027-01-01T00:00:00Z", lines)


def line(name: str, mac: str = "m") -> PlannedLine:
    return PlannedLine("LLMCredential", "team-a", name, mac, 3)


@given(st.lists(LINES, max_size=5), st.integers(1, 9), st.data())
def test_what_is_written_is_read_again(lines: list[PlannedLine], number: int, data: st.DataObject) -> None:
    planned = plan(*lines, number=number)
    assert plan_from(number, plan_data(planned)) == planned
    settled = {index: data.draw(SETTLED) for index in range(len(lines))}
    receipt = receipt_of(planned, settled, "2027-01-01T00:01:00Z", "1.1")
    assert receipt_from(number, receipt_data(receipt)) == receipt
    assert [one.outcome for one in receipt.objects] == [one.outcome for one in settled.values()]
    assert [one.reference for one in receipt.objects] == [one.reference for one in lines]
    assert (receipt.version, receipt.finished_by) == ("1.0", "1.1")


@given(st.dictionaries(st.integers(0, 1999), SETTLED), TOLD, TOLD, st.booleans())
def test_notes_are_read_again(
    settled: Mapping[int, Settled],
    waiting: Told | None,
    ignored: Told | None,
    finished: bool,
) -> None:
    notes = Notes(settled, waiting, ignored, finished)
    assert notes_from(1, {name: text.encode() for name, text in notes_data(notes).items()}) == notes


@given(
    st.dictionaries(
        st.sampled_from(["plan.json", "receipt.json", "waiting", "ignored", "0", "x"]), st.binary(max_size=9)
    )
)
def test_what_is_not_ours_is_read_or_refused_and_nothing_else_happens(data: dict[str, bytes]) -> None:
    for read in (plan_from, receipt_from, notes_from):
        with suppress(RecordMalformedError):
            read(1, data)


def test_a_record_of_another_number_is_not_ours() -> None:
    with pytest.raises(RecordMalformedError, match="plan-2"):
        plan_from(2, plan_data(plan(number=1)))


def longest(index: int) -> PlannedLine:
    return PlannedLine("LLMCredential", "n" * 63, f"{index:0253}", "m" * 16, 12345)


def test_numbers_are_those_of_names_that_are_ours() -> None:
    names = ["llmkeys-bootstrap-receipt-10", "llmkeys-bootstrap-receipt-2", "llmkeys-bootstrap-plan-3", "x"]
    assert numbers("receipt", [*names, "llmkeys-bootstrap-receipt-01", "llmkeys-bootstrap-receipt-0"]) == (2, 10)
    assert numbers("plan", [record_name("plan", 7)]) == (7,)


def test_two_thousand_objects_with_usual_names_fit_into_plan_and_receipt() -> None:
    planned = plan(*(line(f"credential-of-team-{index}", "m" * 16) for index in range(2000)))
    assert len(plan_data(planned)["plan.json"]) < LARGEST
    settled = dict.fromkeys(range(2000), Settled(Outcome.REFUSED, "d" * 300))
    content = receipt_data(receipt_of(planned, settled, "", ""))["receipt.json"]
    assert len(content) < LARGEST


def test_a_plan_that_no_config_map_holds_is_the_templates_fault() -> None:
    with pytest.raises(TemplateInvalidError, match="names are too long"):
        plan_data(plan(*(longest(index) for index in range(2000))))


def test_of_parts_that_are_left_two_hundred_are_kept_each_on_one_short_line() -> None:
    left = [Left(Place(index, 1), "what", "why\n" * 200) for index in range(300)]
    kept = left_lines(left)
    assert len(kept) == 200
    assert "\n" not in kept[0].why
    assert len(kept[0].why) == 300


def test_what_is_kept_holds_nothing_that_a_terminal_obeys() -> None:
    (kept,) = left_lines([Left(Place(1, 1), "no\x1b[2J\x9bsuch", "why\u202e\x00\tnot")])
    assert (kept.what, kept.why) == ("no?[2J?such", "why?? not")
    words = notes_data(Notes({0: Settled(Outcome.REFUSED, "a\x1b]0;b\x07\nc")}))["0"]
    assert words == "refused a?]0;b? c"


def test_a_record_is_written_as_it_always_was() -> None:
    left = left_lines([Left(Place(2, 5), "tts", "There is none.")])
    planned = msgspec.structs.replace(plan(line("a"), line("b")), left=left, left_in_all=3)
    settled = {0: Settled(Outcome.CREATED), 1: Settled(Outcome.REFUSED, "422")}
    head = (
        '{"number":1,"entry":"bootstrap.yaml","shape":"ours","inputMac":"input-mac","macKey":1,"version":"1.0",'
        '"plannedAt":"2027-01-01T00:00:00Z",'
    )
    one, other = (
        f'{{"kind":"LLMCredential","namespace":"team-a","name":"{name}","mac":"m","line":3' for name in ("a", "b")
    )
    tail = ',"left":[{"what":"tts","why":"There is none.","line":2,"column":5}],"leftInAll":3}'
    assert plan_data(planned)["plan.json"].decode() == f'{head}"objects":[{one}}},{other}}}]{tail}'
    assert receipt_data(receipt_of(planned, settled, "2027-01-01T00:01:00Z", "1.1"))["receipt.json"].decode() == (
        f'{head}"finishedAt":"2027-01-01T00:01:00Z","finishedBy":"1.1",'
        f'"objects":[{one},"outcome":"created"}},{other},"outcome":"refused","detail":"422"}}]{tail}'
    )


@pytest.mark.parametrize(
    ("text", "number"),
    [("2", 2), ("999999999", 999999999), ("1000000000", 0), ("9" * 5000, 0), ("0", 0), ("02", 0), ("²", 0), ("", 0)],
)
def test_the_run_that_is_asked_for_is_a_number_of_a_record(text: str, number: int) -> None:
    assert asked_in({BOOTSTRAP_AGAIN_ANNOTATION: text}) == number
    assert asked_in({}) == 0


def test_differences_are_added_changed_and_gone() -> None:
    before, now = [line("a"), line("b"), line("c")], [line("d"), line("b", "other"), line("c")]
    found = differences(before, now)
    assert [(one.reference, one.change) for one in found] == [
        ("LLMCredential/team-a/d", "added"),
        ("LLMCredential/team-a/b", "changed"),
        ("LLMCredential/team-a/a", "gone"),
    ]
    assert named(found).startswith("LLMCredential/team-a/d (added), ")
    assert differences(before, before) == ()


@given(
    st.dictionaries(NAMES, st.binary(max_size=5), max_size=3), st.dictionaries(NAMES, st.binary(max_size=5), max_size=3)
)
def test_the_digest_of_an_input_tells_every_edit(one: dict[str, bytes], other: dict[str, bytes]) -> None:
    assert (input_mac(one, MAC) == input_mac(other, MAC)) == (one == other)
    assert input_mac(one, MAC) != input_mac(one, MacKey(1, bytes(32)))


def test_a_secret_without_a_template_says_where_to_put_it() -> None:
    with pytest.raises(TemplateInvalidError, match=r"under the key bootstrap\.yaml"):
        handed_over({"template.yaml": b""}, {})


def test_variables_that_are_no_text_are_none() -> None:
    found = handed_over({"service_conf.yaml": b"x", "A": b"\xff", "B": b"b\n"}, {"LLMKEYS_VAR_A": "a", "HOME": "h"})
    assert found.entry == "service_conf.yaml"
    assert found.variables == {"B": "b\n"}
    assert "b\\n" not in repr(found)


def test_variables_of_an_environment_are_those_with_our_prefix() -> None:
    assert variables_in({"LLMKEYS_VAR_A": "a", "HOME": "h", "XLLMKEYS_VAR_B": "b"}) == {"A": "a"}


def test_a_story_is_told_while_it_goes_on_and_after_it() -> None:
    planned = plan(line("a"), line("b"))
    maps = {"llmkeys-public-keys": {}, record_name("plan", 1): plan_data(planned)}
    (story,) = run_stories(maps)
    assert [one.outcome for one in story.objects] == ["pending", "pending"]
    notes = Notes({1: Settled(Outcome.REFUSED, "why")}, Told("BootstrapWaiting", "text", "at"))
    maps[record_name("notes", 1)] = {name: text.encode() for name, text in notes_data(notes).items()}
    (story,) = run_stories(maps)
    assert [(one.outcome, one.detail) for one in story.objects] == [("pending", ""), ("refused", "why")]
    assert story.waiting
    assert not story.finished
    settled = {0: Settled(Outcome.CREATED), 1: Settled(Outcome.EXISTS)}
    maps[record_name("receipt", 1)] = receipt_data(receipt_of(planned, settled, "", ""))
    (story,) = run_stories(maps)
    assert [one.outcome for one in story.objects] == ["created", "exists"]
    assert story.finished
    assert story.waiting is None
