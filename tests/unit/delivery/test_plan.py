"""What becomes of the Secret, as a table: KeepLastGood and Withdraw against what it holds and what was found out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.api.credential import KEEP_LAST_GOOD, WITHDRAW
from llmkeys.api.reasons import MATRIX, Reason, row_of
from llmkeys.delivery.plan import Action, Held, Plan, Situation, plan_delivery

NOW, OVERLAP = 1_800_000_000.0, 3600.0
KEEP, EMPTY, AWAIT = Action.KEEP, Action.EMPTY, Action.AWAIT


def situation(
    reason: Reason, held: Held, on_invalid: str = KEEP_LAST_GOOD, *, deliver: bool = False, **rest: float
) -> Situation:
    same_form = bool(rest.pop("same_form", True))
    kept_until = rest.pop("kept_until", 0.0)
    row = row_of(reason, proven=False)
    return Situation(deliver, row, held, on_invalid, same_form, kept_until, OVERLAP, rest.pop("now", NOW))


# Delivery of the reason, what the Secret holds: under KeepLastGood, under Withdraw.
STAYS, LAST_GOOD, OFF = Reason.PROVIDER_UNREACHABLE, Reason.REJECTED, Reason.DISABLED
TABLE = [
    (STAYS, Held.NOTHING, AWAIT, AWAIT),
    (STAYS, Held.CURRENT, KEEP, KEEP),
    (STAYS, Held.UNRESOLVED, KEEP, KEEP),
    (STAYS, Held.REPLACED, KEEP, EMPTY),
    (STAYS, Held.REMOVED, EMPTY, EMPTY),
    (LAST_GOOD, Held.NOTHING, AWAIT, AWAIT),
    (LAST_GOOD, Held.CURRENT, KEEP, EMPTY),
    (LAST_GOOD, Held.UNRESOLVED, KEEP, EMPTY),
    (LAST_GOOD, Held.REPLACED, KEEP, EMPTY),
    (LAST_GOOD, Held.REMOVED, EMPTY, EMPTY),
    (OFF, Held.NOTHING, AWAIT, AWAIT),
    (OFF, Held.CURRENT, EMPTY, EMPTY),
    (OFF, Held.UNRESOLVED, EMPTY, EMPTY),
    (OFF, Held.REPLACED, EMPTY, EMPTY),
    (OFF, Held.REMOVED, EMPTY, EMPTY),
]


@pytest.mark.parametrize(("reason", "held", "keep", "withdraw"), TABLE)
def test_the_secret_becomes_what_the_policy_says(reason: Reason, held: Held, keep: Action, withdraw: Action) -> None:
    assert plan_delivery(situation(reason, held, KEEP_LAST_GOOD)).action is keep
    assert plan_delivery(situation(reason, held, WITHDRAW)).action is withdraw


@pytest.mark.parametrize("held", Held)
@pytest.mark.parametrize("on_invalid", [KEEP_LAST_GOOD, WITHDRAW])
def test_a_key_that_may_be_delivered_is_written_whatever_is_there(held: Held, on_invalid: str) -> None:
    at = situation(Reason.VERIFIED, held, on_invalid, deliver=True, same_form=False)
    assert plan_delivery(at) == Plan(Action.WRITE)


@pytest.mark.parametrize("held", [Held.CURRENT, Held.UNRESOLVED, Held.REPLACED])
def test_a_value_made_for_another_audience_or_format_is_withdrawn(held: Held) -> None:
    assert plan_delivery(situation(STAYS, held, same_form=False)) == Plan(EMPTY)


def test_the_time_of_a_replaced_value_begins_when_it_is_replaced() -> None:
    assert plan_delivery(situation(STAYS, Held.REPLACED)) == Plan(KEEP, kept=True, kept_until=NOW + OVERLAP)


def test_the_time_of_a_replaced_value_is_not_prolonged() -> None:
    begun = situation(STAYS, Held.REPLACED, kept_until=NOW + 5)
    assert plan_delivery(begun) == Plan(KEEP, kept=True, kept_until=NOW + 5)


@pytest.mark.parametrize(("now", "action"), [(NOW - 1, KEEP), (NOW, EMPTY), (NOW + 1, EMPTY)])
def test_a_replaced_value_is_withdrawn_when_its_time_is_up(now: float, action: Action) -> None:
    assert plan_delivery(situation(STAYS, Held.REPLACED, kept_until=NOW, now=now)).action is action


REASONS = st.sampled_from(sorted(MATRIX))


@given(REASONS, st.sampled_from(Held), st.sampled_from([KEEP_LAST_GOOD, WITHDRAW]), st.booleans(), st.booleans())
def test_nothing_is_kept_that_is_not_there_and_nothing_kept_has_no_end(
    reason: Reason, held: Held, on_invalid: str, deliver: bool, same_form: bool
) -> None:
    plan = plan_delivery(situation(reason, held, on_invalid, deliver=deliver, same_form=same_form))
    if held is Held.NOTHING:
        assert plan.action in (Action.WRITE, AWAIT)
    if plan.kept:
        assert plan.action is KEEP
        assert (held, on_invalid) == (Held.REPLACED, KEEP_LAST_GOOD)
        assert plan.kept_until > NOW
