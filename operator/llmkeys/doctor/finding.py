"""What a doctor says about one thing, and what was not theirs to see."""

from dataclasses import dataclass
from enum import StrEnum

import msgspec


class State(StrEnum):
    """How a thing is."""

    OK = "ok"
    NOTE = "note"  # nothing is wrong, but somebody may wonder
    WRONG = "wrong"
    UNSEEN = "unseen"  # a right is missing, so nothing is known


class Finding(msgspec.Struct, frozen=True):
    """One thing that was looked at.

    Args:
        about: what it is.
        state: how it is.
        message: a sentence or two.
        help: the one command that helps or tells more; empty where none does.

    """

    about: str
    state: State
    message: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class Hidden:
    """Stands for what a person may not see.

    Args:
        right: that is missing, as `VERB RESOURCE`.

    """

    right: str


def unseen(about: str, hidden: Hidden) -> Finding:
    """The finding about what may not be seen."""
    return Finding(about, State.UNSEEN, f"Not yours to see: it takes the right to {hidden.right}.")
