"""How long a reply asks us to wait, in all the forms that providers write it."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Final

from llmkeys.catalogue.calls import Wait
from llmkeys.catalogue.rule import path_of, values_at

LONGEST: Final = 7 * 24 * 3600.0
"""Seconds. Who asks for more is asked again after a week all the same."""

_LONGEST_TEXT: Final = 64
_LONGEST_MESSAGE: Final = 4096  # characters that are searched for a time; more would cost more than the time is worth
_NUMBER: Final = re.compile(r"[0-9]{1,18}(?:\.[0-9]{0,18})?")
_PARTS: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,12})?)(ms|us|µs|ns|d|h|m|s)")
_SECONDS: Final = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_EPOCH_SECONDS: Final = 1e9  # more than thirty years: a point in time, not a wait
_EPOCH_MILLISECONDS: Final = 1e11
_TIME: Final = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})[ T]([0-9]{2}:[0-9]{2}:[0-9]{2})")


def wait_seconds(
    headers: Mapping[str, str], body: Any, sources: tuple[Wait, ...], now: datetime | None
) -> float | None:
    """How long to wait.

    Args:
        headers: names in lower case.
        body: decoded JSON, anything else where there is none.
        sources: looked at in order: a provider's own places, then the default ones.
        now: with a time zone; None: not known, so points in time are passed over.

    Returns:
        Seconds from 0 to a week, by the first place that is there and can be read; None where there is none.

    """
    for found in _found(headers, body, sources, now):
        if found is not None:
            return min(max(found, 0.0), LONGEST)
    return None


def _found(
    headers: Mapping[str, str], body: Any, sources: tuple[Wait, ...], now: datetime | None
) -> Iterator[float | None]:
    for source in sources:
        for name in source.headers:
            if name in headers:
                yield _milliseconds(headers[name]) if name.endswith("-ms") else _parse(headers[name], now)
        for path in source.body:
            for value in values_at(body, path_of(path)):
                if isinstance(value, str | int | float) and not isinstance(value, bool):
                    yield _parse(str(value), now)
        if source.message is not None:
            for value in values_at(body, path_of(source.message.at)):
                if isinstance(value, str):
                    yield _in_message(value, source.message.utc_offset, now)


def _milliseconds(text: str) -> float | None:
    text = text.strip()
    return float(text) / 1000 if _NUMBER.fullmatch(text) else None


def _parse(text: str, now: datetime | None) -> float | None:
    text = text.strip()
    if not text or len(text) > _LONGEST_TEXT:
        return None
    if _NUMBER.fullmatch(text):
        number = float(text)
        if number < _EPOCH_SECONDS:
            return number
        epoch = number / 1000 if number >= _EPOCH_MILLISECONDS else number
        return epoch - now.timestamp() if now else None
    parts = _PARTS.findall(text)
    if parts and "".join(count + unit for count, unit in parts) == text:
        return sum(float(count) * _SECONDS[unit] for count, unit in parts)
    return _until(_date(text), now)


def http_date(text: str) -> datetime | None:
    """A point in time as HTTP's `Date` writes it; None for what is none."""
    moment = _date(text.strip()) if len(text) <= _LONGEST_TEXT else None
    return moment.replace(tzinfo=UTC) if moment and moment.tzinfo is None else moment


def _date(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        pass
    try:
        return parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _in_message(text: str, utc_offset: int, now: datetime | None) -> float | None:
    found = _TIME.search(text, 0, _LONGEST_MESSAGE)
    moment = _date(f"{found[1]}T{found[2]}") if found else None
    return _until(moment.replace(tzinfo=timezone(timedelta(hours=utc_offset))) if moment else None, now)


def _until(moment: datetime | None, now: datetime | None) -> float | None:
    if moment is None or now is None:
        return None
    try:
        return ((moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - now).total_seconds()
    except OverflowError:
        return None
