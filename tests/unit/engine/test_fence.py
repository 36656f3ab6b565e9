"""The fence is open up to a moment, and nothing passes it afterwards."""

import pytest

from llmkeys.engine.fence import Fence, NotLeadingError


class Watch:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


def test_it_is_closed_at_first() -> None:
    with pytest.raises(NotLeadingError):
        Fence(Watch()).check()


def test_it_is_open_until_its_time_and_closes_by_itself() -> None:
    watch = Watch()
    fence = Fence(watch)
    fence.open_until(110)
    fence.check()
    watch.time = 110
    assert not fence.is_open
    with pytest.raises(NotLeadingError):
        fence.check()


def test_it_can_be_closed_before() -> None:
    fence = Fence(Watch())
    fence.open_until(110)
    fence.close()
    assert not fence.is_open


def test_one_without_end_is_always_open() -> None:
    Fence.without_end().check()
