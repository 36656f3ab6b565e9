"""Durations as Kubernetes writes them (`6h`, `1h30m`, `90s`) and RFC 3339 times, both as plain seconds."""

import re
from datetime import UTC, datetime
from functools import lru_cache
from math import ceil

from llmkeys.api.errors import UserError

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h)")
_WHOLE = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h))+")


@lru_cache(maxsize=256)
def seconds(duration: str) -> float:
    """Seconds of a Go duration (https://pkg.go.dev/time#ParseDuration), without sign.

    Raises:
        UserError: it is not one.

    """
    if not _WHOLE.fullmatch(duration):
        raise UserError(f'"{duration}" is not a duration such as 90s, 10m or 6h')
    return sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(duration))


def epoch(time: str) -> float:
    """Seconds since the epoch of an RFC 3339 time.

    Raises:
        ValueError: it is not one.

    """
    parsed = datetime.fromisoformat(time)
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()


def rfc3339(at: float) -> str:
    """A time for a status field: UTC, whole seconds, rounded up so that a wait is never cut short."""
    return datetime.fromtimestamp(ceil(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
