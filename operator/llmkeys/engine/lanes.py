"""A waiting line with lanes: a user's change goes ahead of drift, retry and refresh; namespaces take turns."""

from collections import OrderedDict, deque
from collections.abc import Iterator
from enum import IntEnum

from llmkeys.api.objects import Key


class Lane(IntEnum):
    """Why a key is in the line; the lower goes first."""

    CHANGE = 0  # of something that is in use
    ARRIVAL = 1  # a credential that nobody has been told anything of yet
    DRIFT = 2
    RETRY = 3
    REFRESH = 4


class Line:
    """Keys in lanes. A key stands in one lane only: the most urgent that it was put into.

    Within a lane, namespaces take turns, so that one tenant's thousand credentials do not stand before another's one.
    """

    def __init__(self) -> None:
        self._lanes: dict[Lane, OrderedDict[str, deque[Key]]] = {lane: OrderedDict() for lane in Lane}
        self._lane_of: dict[Key, Lane] = {}
        self._depth = dict.fromkeys(Lane, 0)

    def __len__(self) -> int:
        return len(self._lane_of)

    def __contains__(self, key: Key) -> bool:
        return key in self._lane_of

    def __iter__(self) -> Iterator[Key]:
        return iter(self._lane_of)

    def depth(self, lane: Lane) -> int:
        return self._depth[lane]

    def put(self, key: Key, lane: Lane) -> None:
        """Put a key in; one that waits already moves up, never down."""
        waiting = self._lane_of.get(key)
        if waiting is not None and waiting <= lane:
            return
        if waiting is not None:
            self._take_out(key, waiting)
        self._lane_of[key] = lane
        self._lanes[lane].setdefault(key.namespace, deque()).append(key)
        self._depth[lane] += 1

    def first(self) -> Lane | None:
        """The most urgent lane that somebody waits in."""
        return next((lane for lane, depth in self._depth.items() if depth), None)

    def pop(self) -> tuple[Key, Lane] | None:
        """The next key and its lane, None when nobody waits."""
        for lane, namespaces in self._lanes.items():
            if not namespaces:
                continue
            namespace, keys = next(iter(namespaces.items()))
            key = keys.popleft()
            if keys:
                namespaces.move_to_end(namespace)
            else:
                del namespaces[namespace]
            del self._lane_of[key]
            self._depth[lane] -= 1
            return key, lane
        return None

    def discard(self, key: Key) -> None:
        """Take a key out wherever it waits."""
        lane = self._lane_of.pop(key, None)
        if lane is not None:
            self._take_out(key, lane)

    def _take_out(self, key: Key, lane: Lane) -> None:
        keys = self._lanes[lane][key.namespace]
        keys.remove(key)
        self._depth[lane] -= 1
        if not keys:
            del self._lanes[lane][key.namespace]
