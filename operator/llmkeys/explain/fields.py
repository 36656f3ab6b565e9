"""The fields of a JSON object as they were written: not every line is JSON by the book, and ids come back unchanged."""

import json
import re
from collections.abc import Iterator
from typing import Final, NoReturn

_DECODER: Final = json.JSONDecoder()
_BLANK: Final = re.compile(r"[ \t\n\r]*")


def fields_in(line: str) -> dict[str, str]:
    """Each field's value as its text, in which there may be what Python alone takes for JSON (NaN, half a surrogate).

    Args:
        line: an object.

    Raises:
        ValueError: it is none.
        RecursionError: it is nested too deeply.

    """
    return dict(_fields(line, _after(line, "{", _blank(line, 0))))


def is_plain(text: str) -> bool:
    """Whether a value's text is JSON by the book, and UTF-8."""
    try:
        json.loads(text, parse_constant=_refuse)
        text.encode()
    except (ValueError, RecursionError):
        return False
    return True


def _fields(line: str, at: int) -> Iterator[tuple[str, str]]:
    at = _blank(line, at)
    if line.startswith("}", at):
        return _ended(line, at + 1)
    while True:
        _after(line, '"', at)
        name, at = _DECODER.raw_decode(line, at)
        start = _blank(line, _after(line, ":", _blank(line, at)))
        _, end = _DECODER.raw_decode(line, start)
        yield name, line[start:end]
        at = _blank(line, end)
        if line.startswith("}", at):
            return _ended(line, at + 1)
        at = _blank(line, _after(line, ",", at))


def _after(line: str, mark: str, at: int) -> int:
    if not line.startswith(mark, at):
        raise ValueError(f"{mark} is missing")
    return at + len(mark)


def _ended(line: str, at: int) -> None:
    if _blank(line, at) != len(line):
        raise ValueError("there is more behind the object")


def _blank(line: str, at: int) -> int:
    found = _BLANK.match(line, at)
    return found.end() if found else at


def _refuse(_constant: str) -> NoReturn:
    raise ValueError("no JSON")
