"""Answers remembered for seconds, so that a revocation acts soon and a busy pod costs the API server little."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class _Entry(Generic[V]):
    value: V
    until: float


class ExpiringCache(Generic[K, V]):
    """Remembers what was found; errors are never remembered. Those who ask at once for one thing wait for one answer.

    Args:
        lifetime: seconds that a value counts, from the moment at which its question was asked.
        size: how many are kept; the oldest go first.
        monotonic: seconds of a clock that never goes back.
        looked_up: told whether a question was answered from memory.

    """

    def __init__(
        self,
        lifetime: Callable[[V], float],
        size: int,
        monotonic: Callable[[], float],
        looked_up: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._lifetime: Final = lifetime
        self._size: Final = size
        self._monotonic: Final = monotonic
        self._looked_up: Final = looked_up
        self._entries: dict[K, _Entry[V]] = {}
        self._asking: dict[K, asyncio.Task[V]] = {}

    async def get(self, key: K, ask: Callable[[], Awaitable[V]]) -> V:
        """The remembered value, else what `ask` finds."""
        entry = self._entries.get(key)
        if entry is not None and self._monotonic() < entry.until:
            self._looked_up(True)
            return entry.value
        self._looked_up(False)
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.create_task(self._ask(key, ask))
            task.add_done_callback(_retrieve)
        # One who gives up waiting must not take the answer from the others.
        return await asyncio.shield(task)

    async def _ask(self, key: K, ask: Callable[[], Awaitable[V]]) -> V:
        asked = self._monotonic()
        try:
            value = await ask()
        finally:
            del self._asking[key]
        self._entries.pop(key, None)
        while len(self._entries) >= self._size:
            del self._entries[next(iter(self._entries))]
        self._entries[key] = _Entry(value, asked + self._lifetime(value))
        return value


def _retrieve(task: asyncio.Task[V]) -> None:
    """Look at the error, lest asyncio reports one that nobody was left to wait for."""
    if not task.cancelled():
        task.exception()
