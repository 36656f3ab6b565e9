"""What becomes of the Secret: written, left as it is, emptied, or not there yet."""

from dataclasses import dataclass
from enum import StrEnum

from llmkeys.api.credential import WITHDRAW
from llmkeys.api.reasons import Delivery, Row


class Action(StrEnum):
    """What is done with the Secret."""

    WRITE = "Write"  # the rendered key, healed if somebody changed it
    KEEP = "Keep"  # the last good value, which can not be rendered anew
    EMPTY = "Empty"  # withdrawn: the object stays without data
    AWAIT = "Await"  # there is none, and nothing to write


class Held(StrEnum):
    """What the Secret holds, as far as the list of keys tells."""

    NOTHING = "Nothing"
    CURRENT = "Current"  # a key of the list
    REPLACED = "Replaced"  # a value that its entry does not have any more
    UNRESOLVED = "Unresolved"  # its entry is there, but its source cannot be read
    REMOVED = "Removed"  # its entry is gone


@dataclass(frozen=True, slots=True)
class Situation:
    """All that the decision depends on.

    Args:
        deliver: the deciding key may be rendered.
        row: of the deciding reason.
        held: what the Secret holds.
        on_invalid: KeepLastGood or Withdraw.
        same_form: the Secret was made for the audience and with the format, data and encryption that are asked for now.
        kept_until: end of the time a replaced value is delivered on (epoch seconds), 0 if it has not begun.
        overlap: how long that time is, in seconds.
        now: epoch seconds.

    """

    deliver: bool
    row: Row
    held: Held
    on_invalid: str
    same_form: bool
    kept_until: float
    overlap: float
    now: float


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done.

    Args:
        kept: a replaced value is delivered on while its replacement is looked at.
        kept_until: until when, epoch seconds; 0 otherwise.

    """

    action: Action
    kept: bool = False
    kept_until: float = 0.0


def plan_delivery(at: Situation) -> Plan:
    """The design's KeepLastGood and Withdraw as a chain of checks."""
    if at.row.delivery is Delivery.NONE:
        return _empty(at)
    if at.deliver:
        return Plan(Action.WRITE)
    if at.held is Held.NOTHING:
        return Plan(Action.AWAIT)
    if at.held is Held.REMOVED or not at.same_form:
        return _empty(at)
    if at.row.delivery is Delivery.LAST_GOOD and at.on_invalid == WITHDRAW:
        return _empty(at)
    if at.held is Held.REPLACED:
        return _replaced(at)
    return Plan(Action.KEEP)


def _replaced(at: Situation) -> Plan:
    if at.on_invalid == WITHDRAW:
        return _empty(at)
    until = at.kept_until or at.now + at.overlap
    return Plan(Action.KEEP, kept=True, kept_until=until) if at.now < until else _empty(at)


def _empty(at: Situation) -> Plan:
    return Plan(Action.AWAIT if at.held is Held.NOTHING else Action.EMPTY)
