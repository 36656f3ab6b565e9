"""Time and chance, injected so that tests own both."""

import random
import time
from typing import Protocol


class Clock(Protocol):
    """Tells the time and throws the dice."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    def jitter(self) -> float:
        """A number from 0 (included) to 1 (excluded)."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> float:
        return time.time()

    def jitter(self) -> float:
        return random.random()  # noqa: S311  spreads load, protects nothing
