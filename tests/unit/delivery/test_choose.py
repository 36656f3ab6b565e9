"""Which key of the list is used: the column "next key tried" of the matrix, and what comes of whole lists."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.api.reasons import MATRIX, Belief, Reason
from llmkeys.delivery.choose import Decision, Look, View, choose
from llmkeys.probe.judge import KeyState


def key(
    reason: Reason | None,
    belief: Belief = Belief.UNKNOWN,
    *,
    problem: bool = False,
    due: bool = False,
    delivered: bool = False,
) -> View:
    state = KeyState(belief, None if problem else reason)
    return View(reason if problem else None, state, due, delivered)


GOOD = key(Reason.VERIFIED, Belief.VALID)
NEW = key(None, due=True)


def outcome(*views: View, key_required: bool = True) -> Look | Decision:
    return choose(views, key_required=key_required)


# The first key, and whether the second, which nobody has looked at yet, is tried.
TRIED = [
    (key(Reason.VERIFIED, Belief.VALID), False),
    (key(Reason.REJECTED, Belief.INVALID), True),
    (key(Reason.EXPIRED, Belief.INVALID), True),
    (key(Reason.EXPIRED, problem=True), True),
    (key(Reason.ACCOUNT_BLOCKED, Belief.INVALID), True),
    (key(Reason.WRONG_CREDENTIAL_TYPE, problem=True), True),
    (key(Reason.MALFORMED_KEY, problem=True), True),
    (key(Reason.CONFIRMING), False),
    (key(Reason.CONFIRMING, Belief.VALID), False),
    (key(Reason.THROTTLED, Belief.VALID), False),
    (key(Reason.THROTTLED), True),
    (key(Reason.OVERLOADED, Belief.VALID), False),
    (key(Reason.OVERLOADED), True),
    (key(Reason.QUOTA_EXHAUSTED, Belief.VALID), True),
    (key(Reason.NOT_ACTIVATED, Belief.VALID), True),
    (key(Reason.PERMISSION_DENIED, Belief.VALID), True),
    (key(Reason.REGION_DENIED), False),
    (key(Reason.PROVIDER_UNREACHABLE), False),
    (key(Reason.PROVIDER_UNREACHABLE, Belief.VALID), False),
    (key(Reason.BAD_ENDPOINT), False),
    (key(Reason.ADDRESS_BLOCKED), False),
    (key(Reason.PROVIDER_SUSPECT, Belief.VALID), False),
    (key(Reason.PROBE_REFUSED), False),
    (key(Reason.UNRECOGNISED), False),
    (key(Reason.SOURCE_NOT_FOUND, problem=True), True),
    (key(Reason.SOURCE_NOT_ALLOWED, problem=True), True),
    (key(Reason.SOURCE_FIELD_MISSING, problem=True), True),
]


@pytest.mark.parametrize(("first", "tried"), TRIED, ids=[f"{view.reason}-{view.state.belief}" for view, _ in TRIED])
def test_the_next_key_is_tried_where_the_matrix_says_so(first: View, tried: bool) -> None:
    step = outcome(first, NEW)
    assert step == Look(1) if tried else isinstance(step, Decision) and step.index == 0


@pytest.mark.parametrize("first", [view for view, tried in TRIED if tried])
def test_a_good_second_key_is_delivered_and_the_first_is_passed_over(first: View) -> None:
    assert outcome(first, GOOD) == Decision(1, deliver=True, skipped=(0,))


def test_a_good_first_key_is_delivered_without_a_look_at_the_others() -> None:
    assert outcome(GOOD, NEW) == Decision(0, deliver=True)


def test_a_first_key_that_is_due_is_looked_at_before_anything_else() -> None:
    assert outcome(key(Reason.VERIFIED, Belief.VALID, due=True), GOOD) == Look(0)


def test_a_key_that_cannot_be_read_is_never_looked_at() -> None:
    assert outcome(View(Reason.SOURCE_NOT_FOUND, KeyState(), due=True)) == Decision(0, deliver=False)


def test_an_outage_is_no_reason_to_leave_a_key_though_the_next_is_proven() -> None:
    step = outcome(key(Reason.PROVIDER_UNREACHABLE, Belief.VALID, delivered=True), GOOD)
    assert step == Decision(0, deliver=True)


@pytest.mark.parametrize("reason", [Reason.THROTTLED, Reason.PROVIDER_UNREACHABLE, Reason.CONFIRMING])
@pytest.mark.parametrize(
    ("belief", "delivered", "deliver"),
    [(Belief.VALID, True, True), (Belief.VALID, False, False), (Belief.UNKNOWN, True, False)],
)
def test_an_undecided_key_may_be_rendered_only_if_it_was_proven_and_is_in_the_secret(
    reason: Reason, belief: Belief, delivered: bool, deliver: bool
) -> None:
    step = outcome(key(reason, belief, delivered=delivered))
    assert step == Decision(0, deliver=deliver)


def test_an_unverified_key_is_used_only_where_no_key_is_proven() -> None:
    unverified = key(Reason.UNVERIFIED)
    assert outcome(unverified, GOOD) == Decision(1, deliver=True, skipped=(0,))
    assert outcome(unverified, key(Reason.REJECTED, Belief.INVALID)) == Decision(0, deliver=True)


def test_an_unverified_answer_is_as_good_as_any_where_no_key_is_needed() -> None:
    unverified = key(Reason.UNVERIFIED, Belief.VALID)
    assert outcome(unverified, GOOD, key_required=False) == Decision(0, deliver=True)


def test_a_key_that_lacks_a_model_is_used_only_where_no_better_one_is_proven() -> None:
    lacking = key(Reason.MODEL_UNAVAILABLE, Belief.VALID)
    assert outcome(lacking, GOOD) == Decision(1, deliver=True, skipped=(0,))
    assert outcome(lacking, key(Reason.REJECTED, Belief.INVALID)) == Decision(0, deliver=True)


def test_no_new_key_is_looked_at_where_a_usable_one_is_at_hand() -> None:
    assert outcome(key(Reason.UNVERIFIED), NEW) == Decision(0, deliver=True)


# Lists of which no key can be taken, and the one whose reason is shown.
SETTLED = [
    ([Reason.REJECTED, Reason.QUOTA_EXHAUSTED], 1),
    ([Reason.REJECTED, Reason.SOURCE_NOT_FOUND], 1),
    ([Reason.MALFORMED_KEY, Reason.THROTTLED], 1),
    ([Reason.SOURCE_NOT_FOUND, Reason.THROTTLED], 0),
    ([Reason.REJECTED, Reason.EXPIRED], 0),
    ([Reason.QUOTA_EXHAUSTED, Reason.QUOTA_EXHAUSTED], 0),
]
BELIEFS = {Reason.REJECTED: Belief.INVALID, Reason.EXPIRED: Belief.INVALID, Reason.QUOTA_EXHAUSTED: Belief.VALID}
PROBLEMS = {Reason.SOURCE_NOT_FOUND, Reason.MALFORMED_KEY}


@pytest.mark.parametrize(("reasons", "index"), SETTLED)
def test_the_most_hopeful_key_decides_where_none_can_be_taken(reasons: list[Reason], index: int) -> None:
    views = [key(one, BELIEFS.get(one, Belief.UNKNOWN), problem=one in PROBLEMS) for one in reasons]
    assert outcome(*views) == Decision(index, deliver=False, skipped=tuple(range(index)))


def test_a_key_without_money_that_is_in_the_secret_stays_before_one_that_is_not() -> None:
    poor = key(Reason.QUOTA_EXHAUSTED, Belief.VALID)
    assert outcome(poor, key(Reason.QUOTA_EXHAUSTED, Belief.VALID, delivered=True)) == Decision(1, True, (0,))


STATES = st.builds(
    key,
    st.sampled_from([None, *sorted(MATRIX), Reason.THROTTLED]),
    st.sampled_from(Belief),
    problem=st.booleans(),
    due=st.booleans(),
    delivered=st.booleans(),
)


@given(st.lists(STATES, min_size=1, max_size=5), st.booleans())
def test_a_choice_is_always_within_the_list_and_never_renders_an_unproven_key(
    views: list[View], key_required: bool
) -> None:
    step = choose(views, key_required=key_required)
    chosen = views[step.index]
    if isinstance(step, Look):
        assert chosen.due
        assert chosen.problem is None
        return
    assert all(index < step.index for index in step.skipped)
    if step.deliver:
        assert chosen.row.delivers or (chosen.state.proven and chosen.delivered)


@given(st.lists(STATES, max_size=4), st.lists(STATES, max_size=4))
def test_a_key_that_is_not_due_is_never_looked_at_again(before: list[View], after: list[View]) -> None:
    views = [*before, GOOD, *after]
    step = choose(views, key_required=True)
    assert not isinstance(step, Look) or views[step.index].due
