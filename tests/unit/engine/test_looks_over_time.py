"""When keys are looked at, over hours and days that no test on a cluster can wait for."""

from itertools import pairwise

import pytest

from tests.unit.engine.doubles import ACCEPTED, DOWN, REFUSED, throttled
from tests.unit.engine.virtual import run
from tests.unit.engine.world import DAY, HOUR, World, until

GOOD = "Verified: Active Ready SecretSynced"
DEAD = "Rejected: InvalidKey Stalled"


def test_a_good_key_is_delivered_and_looked_at_again_after_the_interval() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["sk-1"] = ACCEPTED
            key = world.simple("sk-1")
            await until(1)
            assert str(world.seen(key)) == GOOD
            assert world.delivered(key) == "sk-1"
            await until(DAY)
            assert len(world.net.times("sk-1")) == 4
            first, second, *_ = world.net.times("sk-1")
            assert second - first == pytest.approx(6 * HOUR, abs=2)

    run(story())


@pytest.mark.parametrize("dice", [0.0, 0.5, 0.999])
def test_a_good_key_is_looked_at_five_times_a_day_at_most(dice: float) -> None:
    async def story() -> None:
        async with World(dice) as world:
            world.net.answers["sk-1"] = ACCEPTED
            world.simple("sk-1")
            await until(10 * DAY)
            times = world.net.times("sk-1")
            assert all(later - earlier >= DAY for earlier, later in zip(times, times[5:], strict=False))
            assert len(times) >= 30

    run(story())


def test_the_credentials_interval_goes_before_the_providers() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["sk-1"] = ACCEPTED
            world.simple("sk-1", validation={"interval": "1h"})
            await until(4.5 * HOUR)
            assert len(world.net.times("sk-1")) == 5

    run(story())


def test_a_new_key_is_dead_after_one_confirmation_and_then_rests() -> None:
    async def story() -> None:
        async with World() as world:
            key = world.simple("sk-dead")
            await until(3)
            assert str(world.seen(key)) == "Confirming: Reconciling"
            await until(10)
            assert str(world.seen(key)) == DEAD
            assert world.delivered(key) == ""
            await until(10 * DAY)
            first, confirming, *later = world.net.times("sk-dead")
            assert confirming - first == pytest.approx(5, abs=1.1)
            assert all(b - a >= DAY for a, b in zip(later, later[4:], strict=False))
            assert len(later) >= 20

    run(story())


def test_a_proven_key_is_called_dead_only_after_three_confirmations() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["sk-1"] = ACCEPTED
            key = world.simple("sk-1")
            await until(HOUR)
            world.net.answers["sk-1"] = REFUSED
            await until(6 * HOUR + 30)
            assert str(world.seen(key)) == "Confirming: Active Ready SecretSynced"
            await until(6 * HOUR + 120)
            assert str(world.seen(key)) == "Rejected: InvalidKey SecretSynced Stalled"
            assert world.delivered(key) == "sk-1"
            _, *refusals = world.net.times("sk-1")
            waits = [b - a for a, b in pairwise(refusals)]
            assert waits == [pytest.approx(wait, abs=1.1) for wait in (10, 20, 30)]

    run(story())


def test_a_dead_key_that_comes_to_life_is_delivered_without_anybody_doing_anything() -> None:
    async def story() -> None:
        async with World() as world:
            key = world.simple("sk-1")
            await until(HOUR)
            world.net.answers["sk-1"] = ACCEPTED
            await until(8 * HOUR)
            assert str(world.seen(key)) == GOOD
            assert world.delivered(key) == "sk-1"

    run(story())


def test_an_outage_leaves_a_good_key_alone_and_backs_off() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["sk-1"] = ACCEPTED
            key = world.simple("sk-1")
            await until(HOUR)
            world.net.answers["sk-1"] = DOWN
            await until(12 * HOUR)
            assert str(world.seen(key)) == "ProviderUnreachable: Active Ready SecretSynced"
            assert world.delivered(key) == "sk-1"
            assert len(world.net.times("sk-1")) < 60
            world.net.answers["sk-1"] = ACCEPTED
            await until(13 * HOUR)
            assert str(world.seen(key)) == GOOD

    run(story())


def test_no_call_is_made_before_the_provider_allows_it() -> None:
    async def story() -> None:
        async with World(dice=0.0) as world:
            world.net.answers["sk-1"] = throttled(3600)
            key = world.simple("sk-1")
            await until(3590)
            assert str(world.seen(key)) == "Throttled: RateLimited Reconciling"
            assert len(world.net.times("sk-1")) == 1
            world.net.answers["sk-1"] = ACCEPTED
            await until(2 * HOUR)
            assert str(world.seen(key)) == GOOD

    run(story())


def test_a_changed_source_is_looked_at_at_once() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["sk-2"] = ACCEPTED
            key = world.simple("sk-1")
            await until(HOUR)
            world.source("sk-2", "raw-chat")
            await until(HOUR + 0.2)
            assert world.delivered(key) == "sk-2"
            assert world.net.times("sk-2") == [pytest.approx(HOUR, abs=0.01)]

    run(story())


def test_a_changed_spec_alone_calls_no_provider() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["sk-1"] = ACCEPTED
            key = world.simple("sk-1")
            await until(HOUR)
            target = {"encryption": "None", "name": "chat-out", "data": {"MINE": "$(apiKey)"}}
            world.credential("chat", sources=("raw-chat",), target=target)
            await until(HOUR + 1)
            assert str(world.seen(key)) == GOOD
            assert world.status(key).env == ("MINE",)
            assert len(world.net.sent) == 1

    run(story())


def test_another_address_is_another_proof() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["sk-1"] = ACCEPTED
            key = world.simple("sk-1")
            await until(HOUR)
            world.provider(baseURL="https://gw.example")
            await until(HOUR + 1)
            assert str(world.seen(key)) == GOOD
            assert [one.url for one in world.net.sent if one.key == "sk-1"] == [
                "https://api.openai.com/v1/models",
                "https://gw.example/v1/models",
            ]

    run(story())


def test_a_restart_with_fresh_status_calls_reads_and_writes_nothing() -> None:
    async def story() -> None:
        async with World() as world:
            for number in range(20):
                world.net.answers[f"sk-{number}"] = ACCEPTED
                world.simple(f"sk-{number}", f"chat-{number}")
            await until(HOUR)
            before = (len(world.net.sent), len(world.cluster.writes), len(world.cluster.patches))
            world.cluster.reads.clear()
            await world.restart()
            await until(HOUR + 60)
            assert (len(world.net.sent), len(world.cluster.writes), len(world.cluster.patches)) == before
            assert world.cluster.reads == []
            await until(7 * HOUR)
            assert len(world.net.sent) == 2 * before[0]

    run(story())


def test_what_changed_while_nobody_watched_is_seen_after_a_restart() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers |= {"sk-1": ACCEPTED, "sk-2": ACCEPTED}
            key = world.simple("sk-1")
            await until(HOUR)
            await world.engine.stop()
            world.source("sk-2", "raw-chat")
            await world.restart()
            await until(HOUR + 1)
            assert world.delivered(key) == "sk-2"

    run(story())


def test_a_restart_forgets_no_confirmation() -> None:
    async def story() -> None:
        async with World() as world:
            key = world.simple("sk-dead")
            await until(2)
            await world.restart()
            await until(10)
            assert str(world.seen(key)) == DEAD
            assert len(world.net.times("sk-dead")) == 2

    run(story())


def test_a_second_key_takes_over_from_a_dead_first_and_nothing_is_said_of_its_state() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["sk-2"] = ACCEPTED
            world.source("sk-1", "one")
            world.source("sk-2", "two")
            key = world.credential(sources=("one", "two"))
            await until(10)
            assert str(world.seen(key)) == GOOD
            assert world.status(key).active_key == "key-two"
            assert world.delivered(key) == "sk-2"
            assert "Passed over: key-one (Rejected)." in world.seen(key).condition("Ready").message

    run(story())


def test_a_changed_source_is_looked_at_before_credentials_that_arrive() -> None:
    async def story() -> list[str]:
        async with World() as world:
            world.provider(validation={"requestsPerSecond": 1000, "maxConcurrent": 64})
            for text in ("sk-1", "sk-2", *(f"sk-arriving-{number}" for number in range(200))):
                world.net.answers[text] = ACCEPTED
            world.simple("sk-1")
            await until(60)
            before = len(world.net.sent)
            for number in range(200):
                world.simple(f"sk-arriving-{number}", f"arriving-{number}")
            world.source("sk-2", "raw-chat")
            await until(120)
            return [one.key for one in world.net.sent[before:]]

    looked_at = run(story())
    assert len(looked_at) == 201
    assert looked_at.index("sk-2") < 100


@pytest.mark.parametrize(("validation", "calls"), [({}, 0), ({"probe": "Free"}, 0), ({"probe": "Paid"}, 1)])
def test_a_probe_that_costs_money_is_sent_only_with_leave(validation: dict[str, str], calls: int) -> None:
    async def story() -> None:
        async with World() as world:
            world.provider("costly", type="mixedbread", validation=validation)
            world.net.answers["mxb-1"] = ACCEPTED
            world.source("mxb-1")
            entry = {"name": "main", "secretRef": {"name": "raw", "fields": {"apiKey": "OPENAI_API_KEY"}}}
            key = world.credential(providerRef={"name": "costly"}, keys=[entry])
            await until(30)
            assert len(world.net.sent) == calls
            if not calls:
                assert world.seen(key).condition("Ready").reason == "Unverified"
                assert (
                    "spec.validation.probe of LLMProvider costly to Paid" in world.seen(key).condition("Ready").message
                )

    run(story())
