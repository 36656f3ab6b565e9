import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.unsealer import limits
from llmkeys.unsealer.limits import Concurrency, Rate, RateLimit


def test_a_burst_passes_then_the_rate_counts() -> None:
    at = 0.0
    limit = RateLimit(Rate(2.0, 3.0), lambda: at)
    assert [limit.take("a") for _ in range(3)] == [0, 0, 0]
    assert limit.take("a") == pytest.approx(0.5)
    at = 0.5
    assert limit.take("a") == 0
    assert limit.take("a") > 0


def test_one_client_does_not_use_up_anothers() -> None:
    limit = RateLimit(Rate(1.0, 1.0), lambda: 0.0)
    assert limit.take("a") == 0
    assert limit.take("a") > 0
    assert limit.take("b") == 0


@given(st.lists(st.floats(0, 3), max_size=60))
def test_no_client_ever_gets_more_than_burst_and_rate_allow(gaps: list[float]) -> None:
    at = 0.0
    limit = RateLimit(Rate(2.0, 4.0), lambda: at)
    passed = 0
    for gap in gaps:
        at += gap
        passed += limit.take("a") == 0
    assert passed <= 4 + 2.0 * at + 1e-6


def test_clients_that_stay_away_cost_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "_FORGET_FROM", 10)
    at = 0.0
    limit = RateLimit(Rate(1.0, 1.0), lambda: at)
    for number in range(100):
        at += 1.0
        limit.take(str(number))
    assert len(limit._buckets) <= 10  # noqa: SLF001  memory is what the test is about


def test_so_many_at_once_for_each_and_for_all() -> None:
    under_way = Concurrency(2, 3)
    assert under_way.enter("a")
    assert under_way.enter("a")
    assert not under_way.enter("a")
    assert under_way.enter("b")
    assert not under_way.enter("c")
    under_way.leave("a")
    assert under_way.enter("c")


def test_a_block_that_was_refused_gives_nothing_back() -> None:
    under_way = Concurrency(1, 1)
    with under_way.held("a") as first:
        with under_way.held("a") as second:
            assert (first, second) == (True, False)
        with under_way.held("b") as third:
            assert not third
    with under_way.held("b") as fourth:
        assert fourth
