"""A memory of a bounded size: what was not used for longest is forgotten first."""

from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Memory(Generic[K, V]):
    """Values by key.

    Args:
        room: for the weights of all values together; the latest is kept even if it alone is heavier.

    """

    def __init__(self, room: int) -> None:
        self._room = room
        self._taken = 0
        self._values: OrderedDict[K, tuple[V, int]] = OrderedDict()

    def get(self, key: K) -> V | None:
        found = self._values.get(key)
        if found is None:
            return None
        self._values.move_to_end(key)
        return found[0]

    def put(self, key: K, value: V, weight: int) -> V:
        """Remember a value; the one that is known already under its key is kept, and returned.

        Args:
            key: of the value.
            value: to be remembered.
            weight: room that it takes; one more is added, so that empty values count too.

        """
        known = self.get(key)
        if known is not None:
            return known
        self._values[key] = (value, weight + 1)
        self._taken += weight + 1
        while self._taken > self._room and len(self._values) > 1:
            _, (_, freed) = self._values.popitem(last=False)
            self._taken -= freed
        return value
