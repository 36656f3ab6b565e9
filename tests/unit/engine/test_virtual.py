"""The tests' own time: a day passes at once, in order, and a wait for nothing is an error."""

import asyncio

import pytest

from tests.unit.engine.virtual import START, NothingLeftError, VirtualClock, run, until

DAY = 86400.0


def test_timers_fire_in_order_at_their_moments() -> None:
    async def story() -> list[tuple[str, float]]:
        clock, seen = VirtualClock(), []

        async def note(name: str, at: float) -> None:
            await until(at)
            seen.append((name, clock.now() - START))

        await asyncio.gather(note("late", DAY), note("early", 1.5))
        return seen

    names, times = zip(*run(story()), strict=True)
    assert names == ("early", "late")
    assert times == pytest.approx((1.5, DAY))


def test_a_wait_for_what_never_comes_is_an_error() -> None:
    async def story() -> None:
        await asyncio.Event().wait()

    with pytest.raises(NothingLeftError):
        run(story())
