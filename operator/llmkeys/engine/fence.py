"""The fence around all that only the leader may do: open until its Lease ends, and asked right before each write."""

from collections.abc import Callable
from math import inf
from typing import Self

from llmkeys.api.errors import RetryableError


class NotLeadingError(RetryableError):
    """Another controller leads, or may do so by now: nothing was sent."""

    def __init__(self) -> None:
        super().__init__("This controller does not lead: nothing was sent.")


class Fence:
    """Closed at first.

    Args:
        now: seconds on a clock that goes on while the process is paused and the machine sleeps.

    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._until = -inf

    @classmethod
    def without_end(cls) -> Self:
        """One that is always open, for a controller that is alone."""
        made = cls(lambda: 0.0)
        made.open_until(inf)
        return made

    @property
    def is_open(self) -> bool:
        return self._now() < self._until

    def open_until(self, at: float) -> None:
        """Have it open until a time on its clock."""
        self._until = at

    def close(self) -> None:
        self._until = -inf

    def check(self) -> None:
        """Raise NotLeadingError where it is closed."""
        if not self.is_open:
            raise NotLeadingError
