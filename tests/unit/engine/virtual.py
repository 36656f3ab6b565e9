"""Time that passes only while nobody has anything to do: an event loop whose clock jumps to the next timer.

So a day of appointments takes milliseconds, in the order and at the very moments in which it would happen, and a wait
for something that will never come is an error instead of a hang.
"""

import asyncio
import selectors
from collections.abc import Coroutine, Mapping
from typing import Any, Final, TypeVar

START: Final = 1_800_000_000.0
_LONGEST: Final = 2000 * 24 * 3600.0

_T = TypeVar("_T")


class NothingLeftError(Exception):
    """Everybody waits and no timer is set."""


class _Selector(selectors.BaseSelector):
    """Asks the real selector without waiting, and moves the clock by what it was to wait for."""

    def __init__(self) -> None:
        self._real = selectors.DefaultSelector()
        self.passed = 0.0

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None or self.passed > _LONGEST:
            raise NothingLeftError("everybody waits for something that does not come")
        self.passed += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.passed


class VirtualClock:
    """The engine's clock on that loop, with dice that always fall in the middle unless told otherwise."""

    def __init__(self, dice: float = 0.5) -> None:
        self.dice = dice

    def now(self) -> float:
        return START + asyncio.get_running_loop().time()

    def jitter(self) -> float:
        return self.dice


class HandClock:
    """A clock that stands still until it is set: for machines that need no loop."""

    def __init__(self) -> None:
        self.time = START

    def now(self) -> float:
        return self.time

    def jitter(self) -> float:
        return 0.5


def run(story: Coroutine[Any, Any, _T]) -> _T:
    """Run a coroutine to its end in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(story)


async def until(seconds: float) -> None:
    """Let it become `seconds` after the start."""
    await asyncio.sleep(max(0.0, seconds - asyncio.get_running_loop().time()))


async def settled() -> None:
    """Let everybody who has something to do now do it."""
    for _ in range(50):
        await asyncio.sleep(0)
