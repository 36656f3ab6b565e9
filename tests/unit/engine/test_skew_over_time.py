"""Leaders whose wall clocks differ follow each other: what one wrote into a status, the next reads by its own clock."""

from itertools import cycle

import pytest

from tests.unit.engine.doubles import ACCEPTED, REFUSED
from tests.unit.engine.virtual import VirtualClock, run
from tests.unit.engine.world import DAY, HOUR, World, until

GOOD = "Verified: Active Ready SecretSynced"
DEAD = "Rejected: InvalidKey Stalled"
SKEWS = pytest.mark.parametrize("skew", [-HOUR, -1.0, 1.0, HOUR])


class SkewedClock(VirtualClock):
    """One that is wrong by some seconds."""

    def __init__(self, skew: float) -> None:
        super().__init__()
        self._skew = skew

    def now(self) -> float:
        return super().now() + self._skew


async def followed(world: World, skew: float) -> None:
    """Have another leader take over, whose clock is wrong."""
    world.clock = SkewedClock(skew)
    await world.restart()


@SKEWS
def test_a_proven_key_stays_delivered_and_nothing_is_sent_or_written_before_it_is_due(skew: float) -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["sk-1"] = ACCEPTED
            key = world.simple("sk-1")
            await until(HOUR)
            before = (len(world.net.sent), len(world.cluster.writes), len(world.cluster.patches))

            await followed(world, skew)

            await until(HOUR + 60)
            assert (len(world.net.sent), len(world.cluster.writes), len(world.cluster.patches)) == before
            await until(2 * DAY)
            assert (str(world.seen(key)), world.delivered(key)) == (GOOD, "sk-1")
            assert len(world.cluster.writes) == before[1]
            assert 7 <= len(world.net.times("sk-1")) <= 10

    run(story())


def test_leaders_that_take_turns_for_days_keep_to_five_looks_a_day() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["sk-1"] = ACCEPTED
            key = world.simple("sk-1")
            for turn, skew in zip(range(1, 97), cycle((300.0, 0.0, -300.0)), strict=False):
                await until(turn * HOUR)
                await followed(world, skew)
            times = world.net.times("sk-1")
            assert all(later - earlier >= DAY - HOUR for earlier, later in zip(times, times[5:], strict=False))
            assert len(times) >= 12
            assert (str(world.seen(key)), world.delivered(key)) == (GOOD, "sk-1")

    run(story())


@SKEWS
def test_a_refused_key_is_confirmed_and_then_rests(skew: float) -> None:
    async def story() -> None:
        async with World() as world:
            key = world.simple("sk-dead")
            await until(2)

            await followed(world, skew)

            await until(2 * HOUR)
            assert str(world.seen(key)) == DEAD
            sent = len(world.net.times("sk-dead"))
            assert 2 <= sent <= 3
            await until(2 * HOUR + DAY)
            assert len(world.net.times("sk-dead")) - sent <= 4

    run(story())


@SKEWS
def test_a_proven_key_that_is_revoked_afterwards_is_noticed(skew: float) -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["sk-1"] = ACCEPTED
            key = world.simple("sk-1")
            await until(HOUR)
            await followed(world, skew)

            world.net.answers["sk-1"] = REFUSED

            await until(9 * HOUR)
            assert str(world.seen(key)).startswith("Rejected: InvalidKey")

    run(story())
