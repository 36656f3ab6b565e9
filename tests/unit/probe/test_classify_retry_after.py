from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.catalogue.calls import MessageTime, Wait
from llmkeys.catalogue.loader import load
from llmkeys.probe.retry_after import LONGEST, http_date, wait_seconds

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DEFAULTS = load().defaults.wait


def waits(headers: dict[str, str], body: Any = None) -> float | None:
    return wait_seconds(headers, body, (DEFAULTS,), NOW)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("20", 20.0),
        (" 2.5 ", 2.5),
        ("1m30s", 90.0),
        ("6ms", 0.006),
        ("1h2m3.5s", 3723.5),
        ("2d", 172800.0),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 60.0),
        ("2026-01-01T00:00:30Z", 30.0),
        ("2026-01-01T08:00:30+08:00", 30.0),
        ("1767225630", 30.0),
        ("1767225630000", 30.0),
        ("2020-01-01T00:00:00Z", 0.0),
        ("99999999", LONGEST),
        ("9999-12-31T23:59:59Z", LONGEST),
    ],
)
def test_every_form_of_a_wait_is_read(value: str, seconds: float) -> None:
    assert waits({"x-ratelimit-reset": value}) == pytest.approx(seconds)


@pytest.mark.parametrize("value", ["", "-5", "soon", "nan", "inf", "1e3", "1_000", "١٢", "9" * 40, "5 minutes", "1s1x"])
def test_what_cannot_be_read_is_passed_over(value: str) -> None:
    assert waits({"retry-after": value}) is None
    assert waits({"retry-after": value, "x-ratelimit-reset": "3"}) == 3


def test_the_first_place_wins_and_milliseconds_are_milliseconds() -> None:
    assert waits({"retry-after": "2", "retry-after-ms": "1500"}) == 1.5
    assert waits({"x-ratelimit-reset-tokens": "9s", "retry-after": "2"}) == 2


def test_a_wait_in_the_body_is_read() -> None:
    assert waits({}, {"error": {"details": [{"reason": "x"}, {"retryDelay": "37s"}]}}) == 37
    assert waits({}, {"retry_after": 12}) == 12
    assert waits({}, {"retry_after": True}) is None


def test_a_providers_own_places_go_first() -> None:
    own = Wait(headers=("x-own",), message=MessageTime(at="error.message", utc_offset=8))
    body = {"error": {"message": "限额将在 2026-01-01 09:00:00 重置"}}
    assert wait_seconds({"x-own": "1", "retry-after": "2"}, body, (own, DEFAULTS), NOW) == 1
    assert wait_seconds({"retry-after": "2"}, body, (own, DEFAULTS), NOW) == 3600


def test_a_point_in_time_means_nothing_without_a_clock() -> None:
    assert wait_seconds({"retry-after": "1767225630"}, None, (DEFAULTS,), None) is None
    assert wait_seconds({"retry-after": "30"}, None, (DEFAULTS,), None) == 30


@given(st.text(max_size=80), st.text(max_size=80))
def test_no_text_raises_and_no_wait_is_absurd(header: str, message: str) -> None:
    source = Wait(headers=("retry-after", "a-ms"), body=("m",), message=MessageTime(at="m"))
    found = wait_seconds({"retry-after": header, "a-ms": header}, {"m": message}, (source,), NOW)
    assert found is None or 0 <= found <= LONGEST
    http_date(header)
