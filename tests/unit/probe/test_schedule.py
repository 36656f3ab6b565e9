import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.api.reasons import MATRIX, Reason
from llmkeys.probe.schedule import BackOff, next_look, spread

HOUR = 3600.0
JITTERS = st.floats(0, 1, exclude_max=True)
LIMITS = [Reason.THROTTLED, Reason.OVERLOADED, Reason.QUOTA_EXHAUSTED]


@given(st.floats(0.1, 1e6), JITTERS)
def test_a_delay_is_spread_by_a_fifth_to_both_sides(delay: float, jitter: float) -> None:
    assert delay * 0.8 <= spread(delay, jitter) <= delay * 1.2


@given(st.floats(0.1, 100), st.floats(100, 1e5), st.integers(-1, 10_000))
def test_a_back_off_never_falls_and_never_passes_its_bounds(first: float, most: float, failures: int) -> None:
    back_off = BackOff(first, most)
    assert first <= back_off.delay(failures) <= most
    assert back_off.delay(failures) <= back_off.delay(failures + 1)


@pytest.mark.parametrize(
    ("failures", "delay"), [(1, 30), (2, 60), (3, 120), (4, 240), (5, 480), (6, 900), (60, 900), (10**6, 900)]
)
def test_a_throttled_key_waits_twice_as_long_each_time(failures: int, delay: float) -> None:
    assert next_look(Reason.THROTTLED, failures, HOUR, None, 0.5) == delay


@given(st.sampled_from(LIMITS), st.integers(1, 20), st.floats(0, 7 * 24 * HOUR), JITTERS)
def test_retry_after_is_a_floor_and_not_much_more(reason: Reason, failures: int, asked: float, jitter: float) -> None:
    wait = next_look(reason, failures, HOUR, asked, jitter)
    assert asked <= wait <= max(asked * 1.2, asked + 60)


@given(st.sampled_from([Reason.PROVIDER_UNREACHABLE, Reason.UNRECOGNISED]), st.floats(1e4, 1e6))
def test_only_a_limit_heeds_retry_after(reason: Reason, asked: float) -> None:
    assert next_look(reason, 1, HOUR, asked, 0.5) == next_look(reason, 1, HOUR, None, 0.5)


@given(st.sampled_from([Reason.VERIFIED, Reason.UNVERIFIED, Reason.MODEL_UNAVAILABLE]), st.floats(600, 1e6), JITTERS)
def test_a_good_key_waits_for_the_interval(reason: Reason, interval: float, jitter: float) -> None:
    assert next_look(reason, 0, interval, None, jitter) == spread(interval, jitter)


@given(st.sampled_from([Reason.REJECTED, Reason.EXPIRED, Reason.ACCOUNT_BLOCKED]), st.floats(600, 1e6), JITTERS)
def test_a_dead_key_waits_six_hours_or_longer(reason: Reason, interval: float, jitter: float) -> None:
    assert next_look(reason, 1, interval, None, jitter) >= max(6 * HOUR, interval)


@pytest.mark.parametrize("reason", sorted({*MATRIX, *LIMITS}))
def test_every_reason_has_a_next_look(reason: Reason) -> None:
    assert next_look(reason, 1, HOUR, None, 0.0) >= 8


@pytest.mark.parametrize(
    ("wait", "jitter", "at_least", "at_most"),
    [(0.0, 0.0, 1.0, 1.0), (5.0, 0.0, 5.0, 5.0), (5.0, 0.999, 5.0, 6.0), (1e9, 0.5, 3600.0, 3600.0)],
)
def test_a_key_whose_proof_is_late_is_looked_at_when_it_can_be_told_and_routinely_at_the_latest(
    wait: float, jitter: float, at_least: float, at_most: float
) -> None:
    assert at_least <= next_look(Reason.UNVERIFIED, 0, 3600.0, wait, jitter) <= at_most
