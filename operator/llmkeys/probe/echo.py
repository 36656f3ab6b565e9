"""Whether a text that a provider wrote shows the key that it was sent, whole or in part, in any usual encoding."""

import base64
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote

from llmkeys.crypto.secret import Secret

RUN: Final = 12
"""Characters in a row that a text must not share with a key: more than any beginning that keys of a kind have alike."""

SHORTEST: Final = 8
"""Values below that are no keys but what is filled in where a server wants none, such as `EMPTY`."""

_GROUP: Final = 3  # bytes that base64 turns into four characters


class Echo:
    """Finds what was sent in what comes back; upper and lower case count as equal."""

    __slots__ = ("_runs", "_short")

    def __init__(self, secrets: Iterable[Secret]) -> None:
        """Take apart what was sent.

        Args:
            secrets: the fields of a key.

        """
        forms = {form.casefold() for one in secrets for form in _forms(one.reveal()) if len(form) >= SHORTEST}
        self._runs = frozenset(run for form in forms for run in _runs(form))
        self._short = tuple(form for form in forms if len(form) < RUN)

    def shows(self, text: str) -> bool:
        """Whether the text shares so many characters in a row with one of them."""
        folded = text.casefold()
        return any(run in self._runs for run in _runs(folded)) or any(one in folded for one in self._short)


def _forms(value: str) -> Iterator[str]:
    if len(value) < SHORTEST:
        return
    raw = value.encode()
    yield value
    yield raw.hex()
    yield quote(value, safe="")
    for offset in range(_GROUP):
        encoded = base64.b64encode(bytes(offset) + raw).decode()
        # The characters at both ends depend on what stands beside the value, too.
        inner = encoded[-(-offset * 8 // 6) : (offset + len(raw)) * 8 // 6]
        yield inner
        yield inner.translate(str.maketrans("+/", "-_"))


def _runs(text: str) -> Iterator[str]:
    return (text[at : at + RUN] for at in range(len(text) - RUN + 1))
