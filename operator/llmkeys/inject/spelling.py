"""New parts of a manifest as YAML: short ones on one line, longer ones in blocks; inside brackets as JSON."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

_WIDTH: Final = 120  # of what stands on one line, without its indentation
_STEP: Final = 2
# What no reader of YAML takes for anything but a text: quoted is what could be a number, a date or a truth value.
_PLAIN: Final = re.compile(r"(?:--)?[A-Za-z_/][A-Za-z0-9_./-]*|[1-9][0-9]*(?:m|Ki|Mi|Gi)")
_WORDS: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
_LITERAL: Final = re.compile(r"(?:[!-~](?:[ -~]*[!-~])?\n+)+")


@dataclass(frozen=True, slots=True)
class Block:
    """How lines are indented.

    Args:
        dashes: how far those of a sequence stand behind its key.

    """

    dashes: int = 2

    def entry(self, value: Any, column: int) -> list[str]:
        """An entry of a sequence, its dash at that column (from 0)."""
        return _indented(self._entry(value), column)

    def pair(self, name: str, value: Any, column: int) -> list[str]:
        """A pair of a mapping, its key at that column (from 0)."""
        if isinstance(value, list) and value:
            return _indented([f"{inline(name)}:", *self._entries(value)], column)
        return _indented(list(self._pair(name, value)), column)

    def _entry(self, value: Any) -> list[str]:
        first, *rest = self._lines(value)
        return [f"- {first}", *_indented(rest, _STEP)]

    def _entries(self, values: list[Any]) -> list[str]:
        return _indented([line for one in values for line in self._entry(one)], self.dashes)

    def _lines(self, value: Any) -> list[str]:
        if not isinstance(value, dict) or not value or _is_short(value):
            return [inline(value)]
        return [line for name, one in value.items() for line in self._pair(name, one)]

    def _pair(self, name: str, value: Any) -> Iterator[str]:
        key = inline(name)
        if isinstance(value, str) and _LITERAL.fullmatch(value) and not value.endswith("\n\n"):
            yield f"{key}: |"
            yield from _indented(value.removesuffix("\n").split("\n"), _STEP)
        elif not isinstance(value, dict | list) or not value or _is_short(value):
            yield f"{key}: {inline(value)}"
        else:
            yield f"{key}:"
            yield from self._entries(value) if isinstance(value, list) else _indented(self._lines(value), _STEP)


def inline(value: Any) -> str:
    """On one line, as people write it."""
    match value:
        case dict():
            return "{" + ", ".join(f"{inline(name)}: {inline(one)}" for name, one in value.items()) + "}"
        case list():
            return "[" + ", ".join(map(inline, value)) + "]"
        case str() if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
            return value
        case _:
            return as_json(value)


def as_json(value: Any) -> str:
    """On one line, as JSON and YAML both have it."""
    return json.dumps(value, ensure_ascii=False)  # YAML has no pairs of surrogates


def _is_short(value: Any) -> bool:
    text = inline(value)
    return len(text) <= _WIDTH and "\\n" not in text


def _indented(lines: list[str], column: int) -> list[str]:
    return [" " * column + line if line else line for line in lines]
