"""Whether a restart is owed, as a decision of values: what is carried, what is in the way, what the template says."""

import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.api.credential import CredentialStatus, LLMCredential, TargetStatus, credential_from
from llmkeys.api.rollout import MESSAGES, RolloutReason, RolloutStatus, WorkloadStatus
from llmkeys.delivery.rollout import (
    Asked,
    RollOut,
    Workload,
    annotation_of,
    is_due,
    is_owed,
    pairs_in,
    rolled_out,
    rollout_after,
    step,
)
from tests.support.cluster_install import ROOT

NOW = 1_800_000_000.0
contents = st.sampled_from(["", "1.a", "1.b", "1.c", "2.a"])
POLICY = ROOT / "config" / "components" / "rollouts" / "policy.yaml"


def credential(*names: str, delivered: str = "", targets: tuple[WorkloadStatus, ...] = ()) -> LLMCredential:
    rollout: dict[str, Any] = {"targets": [{"kind": "Deployment", "name": name} for name in names]}
    made = credential_from(
        {
            "metadata": {"name": "chat", "namespace": "team"},
            "spec": {"providerRef": {"name": "p"}, "target": {"rollout": rollout} if names else {}},
        }
    )
    status = CredentialStatus(target=TargetStatus(content=delivered), rollout=RolloutStatus(targets))
    return msgspec.structs.replace(made, status=status)


def stood(delivered: str = "1.a", reason: RolloutReason = RolloutReason.UP_TO_DATE, last: str = "") -> WorkloadStatus:
    return WorkloadStatus("Deployment", "web", reason.value, "", delivered, last)


def carried(before: str, after: str, known: WorkloadStatus | None) -> WorkloadStatus:
    one = credential("web", delivered=before, targets=(known,) if known else ())
    found = rollout_after(one, TargetStatus(content=after))
    assert found is not None
    return found.targets[0]


def asked(content: str = "1.b", interval: str = "10m", last: float = 0.0, **others: str) -> Asked:
    return Asked("chat", {"chat": content, **others}, interval, last)


# -- what is carried ----------------------------------------------------------------------------------------------


def test_no_targets_have_no_status() -> None:
    assert rollout_after(credential(), TargetStatus(content="1.a")) is None
    assert credential().spec.target.rollout is None


@given(contents, contents)
def test_a_target_that_is_named_first_has_read_what_was_delivered_before(before: str, after: str) -> None:
    found = carried(before, after, None)

    owed = is_owed(found, after)
    changed = bool(before) and bool(after) and before != after
    assert owed == (changed and before[0] == after[0])


@given(contents, contents, contents)
def test_what_is_owed_is_owed_until_the_content_is_what_was_read_last(read: str, before: str, after: str) -> None:
    found = carried(before, after, stood(read))

    if read and read != before:
        assert found.delivered == read
    assert carried(after, after, found).delivered == found.delivered
    assert carried(after, "", found).delivered in (found.delivered, "")


def test_targets_stand_in_the_order_of_the_spec_and_those_that_are_named_no_more_are_gone() -> None:
    known = (WorkloadStatus("Deployment", "a", delivered="1.x"), WorkloadStatus("Deployment", "b", delivered="1.y"))
    found = rollout_after(credential("c", "b", delivered="1.a", targets=known), TargetStatus(content="1.a"))

    assert found is not None
    assert [(one.name, one.delivered) for one in found.targets] == [("c", "1.a"), ("b", "1.y")]


# -- what is to be done -------------------------------------------------------------------------------------------

READY = Workload("7")


def test_what_is_owed_is_done() -> None:
    assert step(stood(), READY, asked(search="1.s", empty=""), NOW) == RollOut("7", "chat=1.b,search=1.s")


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (Workload("7", paused=True), RolloutReason.PAUSED),
        (Workload("7", hindrance=RolloutReason.ON_DELETE), RolloutReason.ON_DELETE),
        (Workload("7", "x=1.z,chat=1.b"), RolloutReason.ROLLED_OUT),
        (Workload("7", "chat=1.b", paused=True), RolloutReason.ROLLED_OUT),
        (RolloutReason.FORBIDDEN, RolloutReason.FORBIDDEN),
    ],
)
def test_what_is_owed_is_not_done_where_it_cannot_be_or_was(
    found: Workload | RolloutReason, reason: RolloutReason
) -> None:
    after = step(stood(), found, asked(), NOW)

    assert isinstance(after, WorkloadStatus)
    assert after.reason == reason
    assert is_owed(after, "1.b") == (reason is not RolloutReason.ROLLED_OUT)


@pytest.mark.parametrize(("after", "done"), [(0.0, False), (599.0, False), (600.0, True)])
def test_the_interval_counts_from_the_last_rollout_of_anybody(after: float, done: bool) -> None:
    found = step(stood(), READY, asked(last=NOW), NOW + after)

    assert isinstance(found, RollOut) is done
    if isinstance(found, WorkloadStatus):
        assert found.message == "It is restarted at 2027-01-15T08:10:00Z, 10m after its last rollout."


def test_who_is_not_owed_anything_is_not_held_up_by_a_pause() -> None:
    after = step(stood("1.b", RolloutReason.CHECKING), Workload("7", paused=True), asked(), NOW)

    assert isinstance(after, WorkloadStatus)
    assert after.reason == RolloutReason.UP_TO_DATE


@given(
    st.sampled_from(RolloutReason),
    contents,
    contents,
    st.builds(Workload, st.just("7"), st.sampled_from(["", "chat=1.b", "chat=1.c"]), st.booleans()),
)
def test_whatever_a_step_leaves_over_stays_as_it_is(
    reason: RolloutReason, read: str, content: str, found: Workload
) -> None:
    """So that nobody writes a status again and again."""
    following = step(stood(read, reason), found, asked(content), NOW)
    after = rolled_out(stood(read), asked(content), NOW) if isinstance(following, RollOut) else following

    again = step(after, found, asked(content), NOW)
    assert isinstance(following, RollOut) or again == after
    assert not (is_due(after, content) and after.reason in {RolloutReason.UP_TO_DATE, RolloutReason.ROLLED_OUT})


# -- the words and the annotation ---------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", RolloutReason)
def test_every_reason_has_words_and_stands_in_the_page(reason: RolloutReason) -> None:
    words = MESSAGES[reason].format(kind="Deployment", name="web", at="then", interval="10m")

    assert words.endswith(".")
    assert "{" not in words
    assert f"`{reason}`" in (ROOT / "docs" / "rotation.md").read_text(encoding="utf-8")


NAMES = st.from_regex(r"[a-z0-9][a-z0-9.-]{0,20}", fullmatch=True)
DIGESTS = st.from_regex(r"[1-9][0-9]{0,3}\.[A-Za-z0-9_-]{32}", fullmatch=True)


@given(st.dictionaries(NAMES, st.one_of(DIGESTS, st.just(""))))
def test_an_annotation_says_what_was_put_into_it_and_the_policy_lets_it_pass(said: dict[str, str]) -> None:
    annotation = annotation_of(said)

    assert pairs_in(annotation) == {name: digest for name, digest in said.items() if digest}
    (pattern,) = re.findall(r'"(\^\(\[a-z0-9\.-\].*)"\)', POLICY.read_text(encoding="utf-8"))
    assert re.fullmatch(pattern, annotation)


@given(st.text())
def test_what_others_write_there_is_no_error(text: str) -> None:
    assert all("=" not in name for name in pairs_in(text))
