"""Put new sealed values where the old ones stand, and leave every other byte of the text as it is.

A value that is sealed again with the same header has the same length, so that each of its characters takes the place of
an old one: folding, indentation and quoting stay as somebody liked them.
"""

import re
from collections.abc import Iterable
from typing import Final

from llmkeys.sealing.manifests import SealedValue, Span

# An anchor, a tag, and comments before the scalar itself (YAML 1.1, 7.1 and 8.1).
_PROPERTIES: Final = re.compile(r"(?:[&!]\S*+(?:\s|#[^\r\n]*+)*+)*+")
_BLOCK_HEADER: Final = re.compile(r"[|>][^\r\n]*+")
_WHITE_SPACE: Final = " \t\r\n"


def rewritten(text: str, replacements: Iterable[tuple[SealedValue, str]]) -> str:
    """The text with the new values.

    Args:
        text: that the values were read from.
        replacements: a value and the sealed text that takes its place; of those that share a place (an anchor and its
            aliases) the last counts.

    """
    parts: list[str] = []
    done = 0
    by_place: dict[Span, str] = {value.span: new for value, new in replacements}
    for span in sorted(by_place, key=lambda one: one.begin):
        parts += (text[done : span.begin], _respelled(text[span.begin : span.end], by_place[span]))
        done = span.end
    return "".join((*parts, text[done:]))


def _respelled(source: str, new: str) -> str:
    places = _places(source)
    if len(places) != len(new):
        # Spelled with escapes, which a sealed text has no need of.
        return source[: places[0]] + new + source[places[-1] + 1 :]
    spelled = list(source)
    for place, character in zip(places, new, strict=True):
        spelled[place] = character
    return "".join(spelled)


def _places(source: str) -> list[int]:
    """The positions of what is neither white space nor YAML's own."""
    begin, end = _content(source)
    quoted = source[begin - 1 : begin] == '"'
    return [
        place
        for place in range(begin, end)
        if source[place] not in _WHITE_SPACE
        and not (quoted and source[place] == "\\" and source[place + 1 : place + 2] in {"\r", "\n"})
    ]


def _content(source: str) -> tuple[int, int]:
    begin = _PROPERTIES.match(source).end()  # type: ignore[union-attr]  # it matches nothing as well
    if header := _BLOCK_HEADER.match(source, begin):
        return header.end(), len(source)
    if source[begin] in "\"'":
        return begin + 1, len(source) - 1
    return begin, len(source)
