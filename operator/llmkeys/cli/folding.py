"""Text folded to a width, for terminals."""

import unicodedata
from collections.abc import Iterator


def width_of(text: str) -> int:
    """Columns on a terminal: Chinese characters take two (https://www.unicode.org/reports/tr11/)."""
    return len(text) if text.isascii() else sum(map(_width, text))


def folded(text: str, width: int) -> list[str]:
    """The lines that a text becomes; at least one.

    Args:
        text: without line breaks.
        width: columns, at least two.

    """
    if width_of(text) <= width:
        return [text]
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        joined = f"{line} {word}" if line else word
        if width_of(joined) <= width:
            line = joined
            continue
        pieces = list(_pieces(word, width))
        lines += [*([line] if line else []), *pieces[:-1]]
        line = pieces[-1]
    return [*lines, line]


def _pieces(word: str, width: int) -> Iterator[str]:
    """A word cut where it is too long: Chinese has no blanks to fold at. A URL stays whole, to be copied."""
    if word.isascii():
        yield word
        return
    start = taken = 0
    for place, letter in enumerate(word):
        if taken + _width(letter) > width:
            yield word[start:place]
            start, taken = place, 0
        taken += _width(letter)
    yield word[start:]


def _width(letter: str) -> int:
    return 1 + (unicodedata.east_asian_width(letter) in "WF")
