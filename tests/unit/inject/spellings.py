"""Values written down as YAML in every way that people and programs do it, with comments wherever they may stand."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

COMMENTS = ("# it's {odd}: [", "# - name: gone", "# ümläut 🙂", '# "llmkeys', "#")


@dataclass
class Writer:
    """Draws a style for each part."""

    draw: st.DrawFn

    def document(self, value: Any) -> list[str]:
        if self.draw(st.integers(0, 9)) == 0:
            return _json(value, self.draw(st.sampled_from([None, 2]))).splitlines()
        return list(self.block(value, 0))

    def block(self, value: Any, column: int) -> Iterator[str]:
        """Lines of a collection that is not empty."""
        if isinstance(value, dict):
            for key, one in value.items():
                yield from self.between(column)
                yield from self.pair(key, one, column)
        else:
            for one in value:
                yield from self.between(column)
                yield from self.entry(one, column)

    def pair(self, key: str, value: Any, column: int) -> Iterator[str]:
        name = self.draw(st.sampled_from([key, _json(key)]))
        head = " " * column + name + self.draw(st.sampled_from(["", " "])) * name.startswith('"') + ":"
        if isinstance(value, dict | list) and value and self.is_block():
            yield head + self.comment()
            dashes = isinstance(value, list) and self.draw(st.booleans())
            yield from self.block(value, column if dashes else column + self.draw(st.integers(1, 4)))
        else:
            yield from self.scalar(head, value, column)

    def entry(self, value: Any, column: int) -> Iterator[str]:
        dash = " " * column + "-" + " " * self.draw(st.integers(1, 3))
        if not (isinstance(value, dict) and value and self.is_block()):
            yield from self.scalar(dash.rstrip(), value, column)
        elif self.draw(st.integers(0, 5)) == 0:
            yield dash.rstrip() + self.comment()
            yield from self.block(value, column + 2)
        else:
            inner = len(dash)
            first, *rest = value.items()
            for number, line in enumerate(self.pair(*first, inner)):
                yield line if number else dash + line[inner:]
            for key, one in rest:
                yield from self.between(inner)
                yield from self.pair(key, one, inner)

    def scalar(self, head: str, value: Any, column: int) -> Iterator[str]:
        """A scalar or a collection in brackets, behind a key or a dash."""
        spelled = self.draw(st.sampled_from(list(self.spellings(value))))
        inner = " " * (column + 2)
        match spelled:
            case str():
                yield f"{head} {spelled}{self.comment()}"
            case [("|-" | ">-") as style, text]:
                yield f"{head} {style}{self.comment()}"
                yield inner + text
                yield from ("" for _ in range(self.draw(st.integers(0, 2))))
            case ["", *lines]:
                yield head + self.comment()
                yield from (inner + line + self.comment() for line in lines)
            case [first, *lines, last]:
                yield f"{head} {first}"
                yield from (inner + line for line in lines)
                yield f"{inner}{last}{self.comment()}"

    def spellings(self, value: Any) -> Iterator[str | list[str]]:
        """The ways to write a value: on the line, or a line each; the first of those may be a style, or empty."""
        yield _json(value)
        if value is None:
            yield [""]
        if isinstance(value, dict | list) and value:
            yield self.flow(value)
            yield _json(value, 2).splitlines()
        if isinstance(value, str):
            yield ["", _json(value)]
            if value.isascii() and value.isalnum() and not value[0].isdigit():
                yield _plain(value)
                yield f"'{value}'"
            if value and value.isprintable() and not value[0].isspace():
                yield ["|-", value]
                yield [">-", value]

    def flow(self, value: Any) -> str:
        comma = self.draw(st.sampled_from([", ", ",", " , "]))
        last = self.draw(st.sampled_from(["", "", ", "]))
        match value:
            case dict() if value:
                return "{" + comma.join(f'"{key}": {self.flow(one)}' for key, one in value.items()) + last + "}"
            case list() if value:
                return "[ " + comma.join(map(self.flow, value)) + last + "]"
            case _:
                return _json(value)

    def between(self, column: int) -> Iterator[str]:
        for _ in range(self.draw(st.sampled_from([0, 0, 0, 1, 2]))):
            indent = self.draw(st.sampled_from([column, 0]))
            yield self.draw(st.sampled_from(["", " " * indent + self.draw(st.sampled_from(COMMENTS))]))

    def comment(self) -> str:
        return self.draw(st.sampled_from(["", "", "  " + COMMENTS[0], " " + COMMENTS[2]]))

    def is_block(self) -> bool:
        return self.draw(st.integers(0, 4)) > 0


def _plain(value: str) -> str:
    return f'"{value}"' if value.lower() in {"y", "n", "yes", "no", "on", "off", "true", "false", "null"} else value


def _json(value: Any, indent: int | None = None) -> str:
    return json.dumps(value, indent=indent, ensure_ascii=False)
