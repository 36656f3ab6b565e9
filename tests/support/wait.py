"""Waiting for a condition with a deadline, so that no test has to guess how long something takes."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

_NOTHING_YET = "nothing: the check never finished"


class _Attempts:
    """What the checks so far gave, and whether the deadline has passed."""

    def __init__(self, timeout: float, message: str) -> None:
        self._deadline = time.monotonic() + timeout
        self._timeout = timeout
        self._message = message
        self._last = _NOTHING_YET
        self._cause: AssertionError | None = None

    def saw(self, value: object) -> None:
        self._last, self._cause = repr(value), None

    def failed(self, error: AssertionError) -> None:
        self._last, self._cause = f"AssertionError: {error}", error

    def raise_if_late(self) -> None:
        if time.monotonic() < self._deadline:
            return
        subject = self._message or "the condition"
        text = f"{subject} did not come true within {self._timeout:g} s; last seen: {self._last}"
        raise AssertionError(text) from self._cause


def eventually(check: Callable[[], T], *, timeout: float = 10.0, every: float = 0.05, message: str = "") -> T:
    """Call `check` until it gives something true, and return that.

    Args:
        check: called at least once; an AssertionError from it counts as "not yet", any other error ends the wait.
        timeout: seconds until giving up.
        every: seconds between two calls.
        message: what is waited for, as the subject of "did not come true".

    Raises:
        AssertionError: the time is up; it names the last value seen.

    """
    attempts = _Attempts(timeout, message)
    while True:
        try:
            value = check()
        except AssertionError as error:
            attempts.failed(error)
        else:
            if value:
                return value
            attempts.saw(value)
        attempts.raise_if_late()
        time.sleep(every)


async def eventually_async(
    check: Callable[[], Awaitable[T]],
    *,
    timeout: float = 10.0,  # noqa: ASYNC109 (the caller wants our message, not a bare TimeoutError)
    every: float = 0.05,
    message: str = "",
) -> T:
    """Do what `eventually` does with a coroutine function, leaving the loop free between two calls.

    A call that hangs is cut off at the deadline.

    Raises:
        AssertionError: the time is up; it names the last value seen.

    """
    attempts = _Attempts(timeout, message)
    try:
        async with asyncio.timeout(timeout):
            while True:
                try:
                    value = await check()
                except AssertionError as error:
                    attempts.failed(error)
                else:
                    if value:
                        return value
                    attempts.saw(value)
                await asyncio.sleep(every)
    except TimeoutError:
        attempts.raise_if_late()
        raise  # the check's own, before our time was up
