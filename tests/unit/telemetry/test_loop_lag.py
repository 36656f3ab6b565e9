from collections.abc import Callable

from llmkeys.telemetry.loop_lag import LoopLag


class Loop:
    """A loop whose clock the test moves."""

    def __init__(self) -> None:
        self.now = 100.0
        self.callback: Callable[[], None] | None = None

    def time(self) -> float:
        return self.now

    def call_later(self, _delay: float, callback: Callable[[], None]) -> "Loop":
        self.callback = callback
        return self

    def cancel(self) -> None:
        self.callback = None

    def wake_at(self, now: float) -> None:
        self.now = now
        assert self.callback is not None
        self.callback()


def test_a_loop_on_time_has_no_lag() -> None:
    loop = Loop()
    lag = LoopLag(loop.time, loop.call_later)
    lag.start()
    loop.wake_at(101.0)
    assert lag.seconds() == 0


def test_the_lag_is_the_time_overslept_and_goes_with_the_next_punctual_timer() -> None:
    loop = Loop()
    lag = LoopLag(loop.time, loop.call_later)
    lag.start()
    loop.wake_at(104.0)
    assert lag.seconds() == 3
    loop.wake_at(105.0)
    assert lag.seconds() == 0


def test_a_timer_that_has_not_fired_yet_counts() -> None:
    loop = Loop()
    lag = LoopLag(loop.time, loop.call_later)
    lag.start()
    loop.now = 110.0
    assert lag.seconds() == 9


def test_after_stop_nothing_is_measured() -> None:
    loop = Loop()
    lag = LoopLag(loop.time, loop.call_later)
    lag.start()
    lag.stop()
    loop.now = 110.0
    assert (lag.seconds(), loop.callback) == (0, None)
