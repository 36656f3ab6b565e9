import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.api.durations import epoch, rfc3339, seconds
from llmkeys.api.errors import UserError

TIMES = st.floats(1e6, 4e9, allow_nan=False)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("90s", 90), ("6h", 21600), ("1h30m", 5400), ("1h30m10s", 5410), ("1.5h", 5400), ("250ms", 0.25), ("0s", 0)],
)
def test_a_duration_is_read_as_kubernetes_writes_it(text: str, expected: float) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize("text", ["", "6", "h", "-1h", "+1h", "1 h", "1d", "1h ", "1hour", "٣h5", "1e3s", "1h\n"])
def test_what_is_no_duration_is_an_error_of_the_writer(text: str) -> None:
    with pytest.raises(UserError):
        seconds(text)


@given(st.integers(0, 99), st.integers(0, 59), st.integers(0, 59))
def test_parts_of_a_duration_add_up(hours: int, minutes: int, rest: int) -> None:
    assert seconds(f"{hours}h{minutes}m{rest}s") == hours * 3600 + minutes * 60 + rest


@given(st.text(max_size=12))
def test_any_text_is_a_duration_or_an_error_of_the_writer(text: str) -> None:
    with contextlib.suppress(UserError):
        assert seconds(text) >= 0


@given(TIMES)
def test_a_written_time_is_never_early_and_less_than_a_second_late(at: float) -> None:
    assert at <= epoch(rfc3339(at)) < at + 1


@pytest.mark.parametrize(
    "text", ["2027-01-01T00:00:00Z", "2027-01-01T08:00:00+08:00", "2027-01-01T00:00:00.000Z", "2027-01-01T00:00:00"]
)
def test_a_time_is_read_in_any_zone_and_as_utc_without_one(text: str) -> None:
    assert epoch(text) == datetime(2027, 1, 1, tzinfo=UTC).timestamp()
