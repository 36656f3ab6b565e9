"""When the status is written: once per outcome, early only where somebody waits for news, never for nothing."""

import pytest

from llmkeys.engine.effects import ApiUnavailableError, ConflictError
from tests.unit.engine.doubles import ACCEPTED, DOWN
from tests.unit.engine.virtual import run
from tests.unit.engine.world import HOUR, World, until

GOOD = "Verified: Active Ready SecretSynced"


def test_a_quick_outcome_is_one_patch() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["sk-1"] = ACCEPTED
            world.net.takes = 0.25
            key = world.simple("sk-1")
            await until(5)
            assert world.patches_of(key) == [pytest.approx(0.25, abs=0.01)]

    run(story())


def test_a_slow_outcome_is_announced_after_300_ms_with_the_names() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["sk-1"] = ACCEPTED
            world.net.takes = 2.0
            key = world.simple("sk-1")
            await until(1)
            assert world.patches_of(key) == [pytest.approx(0.3, abs=0.01)]
            assert str(world.seen(key)) == "Checking: Reconciling"
            status = world.status(key)
            assert (status.secret_name, status.env) == ("chat-out", ("OPENAI_API_KEY", "OPENAI_BASE_URL"))
            await until(5)
            assert world.patches_of(key)[1:] == [pytest.approx(2, abs=0.01)]
            assert str(world.seen(key)) == GOOD
            assert world.events_of(key) in ([], ["Verified"])

    run(story())


def test_a_routine_look_is_not_announced_however_long_it_takes() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["sk-1"] = ACCEPTED
            key = world.simple("sk-1")
            await until(HOUR)
            world.net.takes = 8.0
            await until(7 * HOUR)
            assert len(world.patches_of(key)) == 2

    run(story())


def test_a_status_is_written_once_per_look_and_otherwise_never() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["sk-1"] = ACCEPTED
            key = world.simple("sk-1")
            await until(49 * HOUR)
            assert len(world.patches_of(key)) == len(world.net.sent) == 9
            assert len(world.cluster.writes) == 1
            assert world.events_of(key) == []

    run(story())


def test_a_provider_seen_again_writes_nothing() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["sk-1"] = ACCEPTED
            key = world.simple("sk-1")
            await until(60)
            before = len(world.cluster.patches)
            world.engine.provider_seen(world.cluster.providers["openai"])
            world.engine.credential_seen(world.cluster.credentials[key])
            await until(120)
            assert len(world.cluster.patches) == before

    run(story())


def test_a_conflict_on_the_status_is_read_again_and_calls_nobody_twice() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["sk-1"] = ACCEPTED
            world.cluster.failures = [ConflictError("changed")]
            key = world.simple("sk-1")
            await until(5)
            assert str(world.seen(key)) == GOOD
            assert len(world.net.sent) == 1

    run(story())


@pytest.mark.parametrize("failure", [ConflictError("changed"), ApiUnavailableError("down")])
def test_an_early_status_that_cannot_be_written_costs_the_host_no_place(failure: Exception) -> None:
    async def story() -> None:
        async with World() as world:
            world.provider(validation={"maxConcurrent": 1})
            world.net.answers["sk-1"] = ACCEPTED
            world.net.takes = 1.0
            world.cluster.failures = [failure]
            first = world.simple("sk-1", "first")
            await until(10)
            world.net.answers["sk-2"] = ACCEPTED
            second = world.simple("sk-2", "second")
            await until(20)
            assert [str(world.seen(key)) for key in (first, second)] == [GOOD, GOOD]

    run(story())


def test_an_api_server_that_asks_to_wait_is_not_asked_before() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["sk-1"] = ACCEPTED
            world.cluster.failures = [ApiUnavailableError("busy", retry_after=30.0)]
            key = world.simple("sk-1")
            await until(60)
            assert world.patches_of(key) == [pytest.approx(30, abs=1)]

    run(story())


def test_an_event_tells_of_transitions_only() -> None:
    async def story() -> None:
        async with World() as world:
            key = world.simple("sk-1")
            await until(20 * HOUR)
            assert world.events_of(key) == ["Rejected"]
            world.net.answers["sk-1"] = ACCEPTED
            await until(40 * HOUR)
            assert world.events_of(key) == ["Rejected", "Verified"]
            world.net.answers["sk-1"] = DOWN
            await until(60 * HOUR)
            assert world.events_of(key) == ["Rejected", "Verified", "ProviderUnreachable"]

    run(story())


def test_the_counts_of_a_provider_follow_its_credentials_in_few_writes() -> None:
    async def story() -> None:
        async with World() as world:
            for number in range(30):
                world.net.answers[f"sk-{number}"] = ACCEPTED
                world.simple(f"sk-{number}", f"chat-{number}", f"team-{number}")
            world.simple("bad", "bad")
            await until(60)
            counts = world.cluster.providers["openai"].status.credentials
            assert counts is not None
            assert (counts.total, counts.active, counts.invalid, counts.rate_limited) == (31, 30, 1, 0)

    run(story())
