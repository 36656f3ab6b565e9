"""How late the event loop is: the time by which a timer overslept, as `/healthz` and a dashboard want to know it."""

from collections.abc import Callable
from typing import Final, Protocol


class Timer(Protocol):
    """What `call_later` gives back."""

    def cancel(self) -> None:
        """Never call."""


class LoopLag:
    """Measures while started.

    Args:
        time: the loop's clock, seconds.
        call_later: the loop's `call_later`.
        interval: seconds between two measurements.

    """

    def __init__(
        self,
        time: Callable[[], float],
        call_later: Callable[[float, Callable[[], None]], Timer],
        interval: float = 1.0,
    ) -> None:
        self._time: Final = time
        self._call_later: Final = call_later
        self._interval: Final = interval
        self._due = 0.0
        self._lag = 0.0
        self._timer: Timer | None = None

    def start(self) -> None:
        """Begin to measure."""
        self._due = self._time() + self._interval
        self._timer = self._call_later(self._interval, self._fire)

    def stop(self) -> None:
        """End measuring."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def seconds(self) -> float:
        """Give the last lateness, or that of the timer which should have fired by now, whichever is worse."""
        if self._timer is None:
            return self._lag
        return max(self._lag, self._time() - self._due)

    def _fire(self) -> None:
        self._lag = max(0.0, self._time() - self._due)
        self.start()
