"""Is what the template asks for still what a record says? Entry by entry, by keyed digests."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from llmkeys.bootstrap.records import PlannedLine
from llmkeys.crypto.mac import MacKey, same

Change = Literal["added", "changed", "gone"]

_MOST_NAMED: Final = 10
_PURPOSE: Final = "bootstrap-input"


@dataclass(frozen=True, slots=True)
class Difference:
    """One entry that is not as it was.

    Args:
        reference: kind, namespace and name.
        change: what happened to it.

    """

    reference: str
    change: Change

    def __str__(self) -> str:
        return f"{self.reference} ({self.change})"


def input_mac(data: Mapping[str, bytes], mac: MacKey) -> str:
    """A keyed digest of everything that the input Secret holds.

    Args:
        data: decoded values.
        mac: the key of it.

    """
    return mac.content("", _PURPOSE, {}, data)


def differences(before: Iterable[PlannedLine], now: Sequence[PlannedLine]) -> tuple[Difference, ...]:
    """What was added, changed or taken away, in the order of the template as it is now; what is gone comes last."""
    macs = {one.reference: one.mac for one in before}
    found = [
        Difference(one.reference, "changed" if one.reference in macs else "added")
        for one in now
        if not same(macs.get(one.reference, ""), one.mac)
    ]
    there = {one.reference for one in now}
    return (*found, *(Difference(reference, "gone") for reference in macs if reference not in there))


def named(found: Sequence[Difference]) -> str:
    """The differences for people: ten of them at most, then how many more."""
    names = ", ".join(str(one) for one in found[:_MOST_NAMED])
    more = len(found) - _MOST_NAMED
    return f"{names} and {more} more" if more > 0 else names
