"""The machine that turns looks into belief, driven through whole histories of verdicts."""

from collections.abc import Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llmkeys.api.reasons import MATRIX, REFUSALS, Belief, Reason
from llmkeys.probe.judge import Circumstances, KeyState, decided_without_call, is_suspect, judge
from llmkeys.probe.verdict import Verdict

HOUR, DAY = 3600.0, 86400.0
START = 1_800_000_000.0
INTERVAL = 6 * HOUR
REFUSED = Verdict(Reason.REJECTED)
GOOD = Verdict(Reason.VERIFIED)

NEVER_PROVEN = KeyState()
PROVEN = KeyState(Belief.VALID, Reason.VERIFIED, START - HOUR, START, 0)
DEAD = KeyState(Belief.INVALID, Reason.REJECTED, START - HOUR, START, 1)

SPOKEN = sorted(
    {Reason.THROTTLED, Reason.OVERLOADED, *MATRIX} - {Reason.CONFIRMING, Reason.CHECKING, Reason.MALFORMED_KEY}
)
OUTAGES = [
    Reason.PROVIDER_UNREACHABLE,
    Reason.OVERLOADED,
    Reason.THROTTLED,
    Reason.UNRECOGNISED,
    Reason.PROBE_REFUSED,
    Reason.BAD_ENDPOINT,
    Reason.ADDRESS_BLOCKED,
    Reason.REGION_DENIED,
]
JITTERS = st.floats(0, 1, exclude_max=True)
WAITS = st.none() | st.floats(0, 7 * DAY)
VERDICTS = st.builds(Verdict, st.sampled_from(SPOKEN), retry_after=WAITS)
STATES = st.sampled_from([NEVER_PROVEN, PROVEN, DEAD])


def at(now: float, jitter: float = 0.5, **rest: bool) -> Circumstances:
    return Circumstances(now, INTERVAL, jitter, **rest)


def through(state: KeyState, verdicts: Iterable[Verdict], jitter: float = 0.5) -> list[KeyState]:
    """The states after each look, every look at the moment that it is due."""
    states = []
    now = START
    for verdict in verdicts:
        state = judge(state, verdict, at(now, jitter))
        states.append(state)
        now = state.due
    return states


@pytest.mark.parametrize("reason", sorted(REFUSALS))
def test_a_key_that_was_never_proven_is_dead_at_the_second_refusal(reason: Reason) -> None:
    first, second = through(NEVER_PROVEN, [Verdict(reason)] * 2)
    assert (first.belief, first.verdict, first.due - first.last) == (Belief.UNKNOWN, Reason.CONFIRMING, 5)
    assert (second.belief, second.verdict) == (Belief.INVALID, reason)


@pytest.mark.parametrize("reason", sorted(REFUSALS))
def test_a_proven_key_is_dead_at_the_fourth_refusal(reason: Reason) -> None:
    *asked, last = through(PROVEN, [Verdict(reason)] * 4)
    assert [(one.belief, one.verdict) for one in asked] == [(Belief.VALID, Reason.CONFIRMING)] * 3
    assert [one.due - one.last for one in asked] == [10, 20, 30]
    assert (last.belief, last.verdict) == (Belief.INVALID, reason)


def test_a_success_between_refusals_starts_the_confirmation_anew() -> None:
    states = through(PROVEN, [REFUSED, REFUSED, REFUSED, GOOD, REFUSED])
    assert states[-1].belief is Belief.VALID
    assert (states[-1].verdict, states[-1].failures) == (Reason.CONFIRMING, 1)


@given(STATES.filter(lambda one: one is not DEAD), st.lists(st.sampled_from(OUTAGES), min_size=1, max_size=10))
def test_an_outage_changes_no_belief(state: KeyState, outages: list[Reason]) -> None:
    for after in through(state, [Verdict(one) for one in outages]):
        assert after.belief is state.belief


@given(st.lists(st.sampled_from(OUTAGES), min_size=1, max_size=10), JITTERS)
def test_an_outage_neither_revives_a_dead_key_nor_hides_why_it_died(outages: list[Reason], jitter: float) -> None:
    for after in through(DEAD, [Verdict(one) for one in outages], jitter):
        assert (after.belief, after.verdict) == (Belief.INVALID, Reason.REJECTED)


@given(st.sampled_from([NEVER_PROVEN, PROVEN]), st.lists(VERDICTS, max_size=12))
def test_a_key_is_dead_only_after_refusals_in_a_row(state: KeyState, verdicts: list[Verdict]) -> None:
    before, row = state, 0
    for verdict, after in zip(verdicts, through(state, verdicts), strict=True):
        row = row + 1 if verdict.reason in REFUSALS else 0
        if after.belief is Belief.INVALID and before.belief is not Belief.INVALID:
            assert row >= (4 if before.proven else 2)
        before = after


@given(
    STATES,
    st.sampled_from([Reason.THROTTLED, Reason.OVERLOADED, Reason.QUOTA_EXHAUSTED]),
    st.floats(0, 7 * DAY),
    JITTERS,
)
@example(DEAD, Reason.THROTTLED, DAY, 0.0)
def test_a_wait_that_the_provider_asked_for_is_never_undercut(
    state: KeyState, reason: Reason, asked: float, jitter: float
) -> None:
    after = judge(state, Verdict(reason, retry_after=asked), at(START, jitter))
    assert after.due >= START + asked


@given(st.lists(st.tuples(st.sampled_from([REFUSED, *map(Verdict, OUTAGES)]), JITTERS), min_size=1, max_size=20))
def test_a_dead_key_is_looked_at_no_more_than_four_times_a_day(looks: list[tuple[Verdict, float]]) -> None:
    state, now, times = DEAD, START, []
    for verdict, jitter in looks:
        state = judge(state, verdict, at(now, jitter))
        times.append(now)
        now = state.due
    assert all(later - earlier >= DAY for earlier, later in zip(times, times[4:], strict=False))


@given(st.lists(JITTERS, min_size=1, max_size=30))
def test_a_good_key_is_looked_at_no_more_than_five_times_a_day(jitters: list[float]) -> None:
    state, now, times = NEVER_PROVEN, START, []
    for jitter in jitters:
        state = judge(state, GOOD, at(now, jitter))
        times.append(now)
        now = state.due
    assert all(later - earlier >= DAY - 1e-3 for earlier, later in zip(times, times[5:], strict=False))


@given(STATES, VERDICTS, JITTERS)
def test_the_next_look_is_always_later(state: KeyState, verdict: Verdict, jitter: float) -> None:
    after = judge(state, verdict, at(START, jitter))
    assert after.last == START
    assert after.due > START
    assert after.due - START <= 8 * DAY * 1.2


def test_a_dead_key_that_is_accepted_again_is_good_at_once() -> None:
    (after,) = through(DEAD, [GOOD])
    assert (after.belief, after.verdict, after.failures) == (Belief.VALID, Reason.VERIFIED, 0)


@pytest.mark.parametrize("reason", [Reason.QUOTA_EXHAUSTED, Reason.NOT_ACTIVATED, Reason.PERMISSION_DENIED])
def test_a_key_without_money_or_rights_is_a_proven_one(reason: Reason) -> None:
    (after,) = through(NEVER_PROVEN, [Verdict(reason)])
    assert after.proven


def test_an_answer_that_checks_no_key_proves_none_where_keys_are_needed() -> None:
    unverified = Verdict(Reason.UNVERIFIED)
    assert judge(NEVER_PROVEN, unverified, at(START)).belief is Belief.UNKNOWN
    assert judge(PROVEN, unverified, at(START)).belief is Belief.VALID
    assert judge(NEVER_PROVEN, unverified, at(START, checks_keys=False)).belief is Belief.VALID


def test_the_back_off_grows_with_every_failure_of_the_same_kind() -> None:
    states = through(PROVEN, [Verdict(Reason.PROVIDER_UNREACHABLE)] * 8)
    assert [one.due - one.last for one in states] == [10, 20, 40, 80, 160, 320, 600, 600]
    assert [one.failures for one in states] == list(range(1, 9))


def test_refusals_of_a_suspect_host_count_for_nothing() -> None:
    state = PROVEN
    for _ in range(6):
        state = judge(state, REFUSED, at(state.due, suspect=True))
        assert (state.belief, state.verdict) == (Belief.VALID, Reason.PROVIDER_SUSPECT)


def test_a_suspect_host_is_believed_about_keys_that_were_never_good() -> None:
    first = judge(NEVER_PROVEN, REFUSED, at(START, suspect=True))
    second = judge(first, REFUSED, at(first.due, suspect=True))
    assert (first.verdict, second.belief) == (Reason.CONFIRMING, Belief.INVALID)


def test_what_is_decided_without_a_call_is_believed_at_once() -> None:
    dead = decided_without_call(PROVEN, Reason.MALFORMED_KEY, at(START))
    assert (dead.belief, dead.verdict) == (Belief.INVALID, Reason.MALFORMED_KEY)
    assert decided_without_call(dead, Reason.MALFORMED_KEY, at(START + 60)) is dead


@pytest.mark.parametrize(
    ("refused", "looked_at", "suspect"),
    [
        (3, 3, False),
        (4, 4, True),
        (3, 100, False),
        (4, 19, True),
        (4, 20, False),
        (5, 25, False),
        (6, 25, True),
        (20, 100, False),
    ],
)
def test_a_host_is_suspect_beyond_three_and_a_fifth(refused: int, looked_at: int, suspect: bool) -> None:
    assert is_suspect(refused, looked_at) is suspect


@pytest.mark.parametrize(
    ("state", "now", "due"),
    [(NEVER_PROVEN, START, True), (PROVEN, START - 1, False), (PROVEN, START, True), (PROVEN, START + 1, True)],
)
def test_a_key_is_due_when_its_time_has_come_or_nothing_is_known(state: KeyState, now: float, due: bool) -> None:
    assert state.is_due(now) is due
