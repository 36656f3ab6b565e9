"""Who called, when, and how many at once; keys are held as sent and shown to nobody who does not have them."""

import time
from typing import NamedTuple


class Call(NamedTuple):
    """One request.

    Args:
        at: seconds of the system's monotonic clock, which all processes of a machine share.
        server: name of the server that was called.
        query: as it was sent; empty where it may hold the key.
    """

    at: float
    method: str
    path: str
    server: str
    query: str


class CallLog:
    """The calls of one simulator. Written by its event loop, read from any thread."""

    def __init__(self) -> None:
        self._all: list[Call] = []
        self._by_key: dict[str, list[Call]] = {}

    def add(self, key: str, server: str, method: str, path: str, query: str) -> None:
        call = Call(time.monotonic(), method, path, server, query)
        self._all.append(call)
        self._by_key.setdefault(key, []).append(call)

    def of(self, key: str | None, server: str | None) -> list[Call]:
        """In the order of arrival.

        Args:
            key: as it was sent, empty for requests without one; None for all.
            server: its name; None for all.
        """
        calls = self._all if key is None else self._by_key.get(key, [])
        return [call for call in list(calls) if server is None or call.server == server]

    def total(self, server: str | None) -> int:
        return len(self._all) if server is None else len(self.of(None, server))

    def distinct_keys(self) -> int:
        return len(self._by_key)

    def clear(self) -> None:
        self._all = []
        self._by_key = {}


class Gauge:
    """How many requests are being answered, and the most there were at once."""

    __slots__ = ("now", "peak")

    def __init__(self) -> None:
        self.now = 0
        self.peak = 0

    def __enter__(self) -> None:
        self.now += 1
        self.peak = max(self.peak, self.now)

    def __exit__(self, *_: object) -> None:
        self.now -= 1

    def reset(self) -> None:
        self.peak = self.now
