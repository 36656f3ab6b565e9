"""Spans of time in words that a person takes in at a glance."""

from typing import Final

_MINUTE: Final = 60.0
_HOUR: Final = 3600.0
_DAY: Final = 24 * _HOUR
_TWICE: Final = 2.0


def span(seconds: float) -> str:
    """`90` is `90 s`, `600` is `10 min`, `21600` is `6 h`: the unit of which there are two or more, rounded."""
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= _TWICE * unit:
            return f"{_plain(seconds / unit)} {name}"
    return f"{_plain(seconds)} s"


def spans(least: float, most: float) -> str:
    """`24 s to 36 s`, or one span where both read the same."""
    shortest, longest = span(least), span(most)
    return shortest if shortest == longest else f"{shortest} to {longest}"


def _plain(number: float) -> str:
    return f"{number:.1f}".removesuffix(".0")
