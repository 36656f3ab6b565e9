"""The made-up key that tells whether an endpoint checks keys: when it is sent, and what the real ones are worth."""

from itertools import pairwise

import pytest

from llmkeys.api.objects import Key
from llmkeys.probe.reply import Failure, Reply
from tests.unit.engine.doubles import ACCEPTED, DOWN, REFUSED, Sent, reply
from tests.unit.engine.virtual import run
from tests.unit.engine.world import DAY, HOUR, World, until

VERIFIED = "Verified: Active Ready SecretSynced"
UNVERIFIED = "Unverified: Active Ready SecretSynced"
REAL = "sk-real"


def gateway(world: World, **spec: object) -> None:
    """A provider of a type of which nobody knows whether it checks keys."""
    world.provider(**{"type": "openai-compatible", "baseURL": "https://gw.example", **spec})


def crowd(world: World, count: int) -> list[Key]:
    for number in range(count):
        world.net.answers[f"{REAL}-{number}"] = ACCEPTED
    return [world.simple(f"{REAL}-{number}", f"chat-{number}") for number in range(count)]


def behind_gateway(world: World, otherwise: Reply = REFUSED, **spec: object) -> Key:
    """A good key of such a provider, which says this of every other."""
    gateway(world, **spec)
    world.net.otherwise = otherwise
    (key,) = crowd(world, 1)
    return key


def controls(world: World) -> list[Sent]:
    return [one for one in world.net.sent if not one.key.startswith(REAL)]


def message(world: World, key: Key) -> str:
    return world.seen(key).condition("Ready").message


def test_a_made_up_key_goes_first_and_its_refusal_proves_the_real_one() -> None:
    async def story() -> None:
        async with World() as world:
            key = behind_gateway(world)
            await until(1)
            made_up, real = world.net.sent
            assert (made_up.url, real.key) == (real.url, f"{REAL}-0")
            assert made_up.key.startswith("sk-")
            assert str(world.seen(key)) == VERIFIED

    run(story())


def test_where_a_made_up_key_passes_nothing_is_known_of_the_real_one() -> None:
    async def story() -> None:
        async with World() as world:
            key = behind_gateway(world, ACCEPTED)
            await until(1)
            assert len(controls(world)) == 1
            assert str(world.seen(key)) == UNVERIFIED

    run(story())


def test_a_made_up_key_is_never_the_same_twice() -> None:
    async def story() -> None:
        async with World() as world:
            gateway(world)
            crowd(world, 1)
            await until(4 * DAY)
            keys = [one.key for one in controls(world)]
            assert len(keys) == len(set(keys)) > 2

    run(story())


@pytest.mark.parametrize("otherwise", [ACCEPTED, REFUSED, reply(418, {})])
def test_a_made_up_key_is_sent_once_a_day_however_many_keys_there_are(otherwise: object) -> None:
    async def story() -> None:
        async with World() as world:
            gateway(world)
            world.net.otherwise = otherwise  # type: ignore[assignment]
            crowd(world, 30)
            await until(5 * DAY)
            times = [one.at for one in controls(world)]
            assert len(times) in (4, 5)
            assert all(later - earlier >= DAY for earlier, later in pairwise(times))

    run(story())


def test_a_made_up_key_costs_the_real_ones_no_time() -> None:
    async def story() -> None:
        async with World() as world:
            gateway(world)
            keys = crowd(world, 10)
            await until(0.1)
            (made_up,) = controls(world)
            assert {one.at for one in world.net.sent} == {made_up.at}
            assert {str(world.seen(key)) for key in keys} == {VERIFIED}

    run(story())


def test_a_success_waits_for_the_answer_to_the_made_up_key_and_a_refusal_does_not() -> None:
    async def story() -> None:
        async with World() as world:
            gateway(world)
            world.net.otherwise_takes = 4.0
            world.net.answers[f"{REAL}-dead"] = REFUSED
            dead = world.simple(f"{REAL}-dead", "dead")
            (good,) = crowd(world, 1)
            await until(1)
            assert str(world.seen(dead)) == "Confirming: Reconciling"
            assert str(world.seen(good)) == "Checking: Reconciling"
            assert world.delivered(good) == ""
            await until(5)
            assert str(world.seen(good)) == VERIFIED

    run(story())


def test_a_type_that_is_known_to_check_keys_gets_no_made_up_one() -> None:
    async def story() -> None:
        async with World() as world:
            crowd(world, 3)
            await until(3 * DAY)
            assert controls(world) == []

    run(story())


def test_a_type_that_is_known_to_check_no_keys_gets_no_made_up_one() -> None:
    async def story() -> None:
        async with World() as world:
            world.provider(type="cometapi")
            world.net.answers[REAL] = ACCEPTED
            world.source(REAL, "raw-chat")
            entry = {"name": "k", "secretRef": {"name": "raw-chat", "fields": {"apiKey": "OPENAI_API_KEY"}}}
            key = world.credential(keys=[entry])
            await until(HOUR)
            assert [one.key for one in world.net.sent] == [REAL]
            assert str(world.seen(key)) == UNVERIFIED
            assert "does not check keys" in message(world, key)

    run(story())


def test_an_endpoint_that_refuses_real_keys_gets_no_further_made_up_one() -> None:
    async def story() -> None:
        async with World() as world:
            gateway(world)
            world.simple(f"{REAL}-dead", "dead")
            await until(5 * DAY)
            assert len(world.net.times(f"{REAL}-dead")) > 10
            assert len(controls(world)) == 1
            (key,) = crowd(world, 1)
            await until(5 * DAY + 10)
            assert str(world.seen(key)) == VERIFIED
            assert len(controls(world)) == 1

    run(story())


def test_the_made_up_key_is_paid_for_from_the_hosts_budget() -> None:
    async def story() -> None:
        async with World() as world:
            gateway(world, validation={"requestsPerSecond": 1, "maxConcurrent": 1})
            keys = crowd(world, 3)
            await until(30)
            assert {str(world.seen(key)) for key in keys} == {VERIFIED}
            times = [one.at for one in world.net.sent]
            assert all(later - earlier >= 1 - 1e-6 for earlier, later in pairwise(times))
            assert len(times) == 4
            assert world.net.most == 1

    run(story())


def test_a_made_up_key_waits_for_room_at_its_host() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.takes = 5.0
            narrow = {"baseURL": "https://gw.example", "validation": {"maxConcurrent": 1}}
            world.provider("other", **narrow)
            gateway(world, **narrow)
            world.simple(f"{REAL}-other", "other", providerRef={"name": "other"})
            await until(1)
            (key,) = crowd(world, 1)
            await until(30)
            assert str(world.seen(key)) == VERIFIED
            assert world.net.most == 1

    run(story())


def test_a_restart_sends_nothing_and_the_next_look_asks_again() -> None:
    async def story() -> None:
        async with World() as world:
            key = behind_gateway(world)
            await until(HOUR)
            await world.restart()
            await until(2 * HOUR)
            assert len(world.net.sent) == 2
            await until(8 * HOUR)
            assert len(controls(world)) == 2
            assert str(world.seen(key)) == VERIFIED

    run(story())


def test_without_an_answer_nothing_is_claimed_and_it_is_asked_for_again_soon() -> None:
    async def story() -> None:
        async with World() as world:
            key = behind_gateway(world, DOWN)
            await until(2)
            assert str(world.seen(key)) == UNVERIFIED
            assert "no answer to a made-up key has told yet" in message(world, key)
            world.net.otherwise = REFUSED
            await until(10)
            assert str(world.seen(key)) == VERIFIED
            assert len(controls(world)) == 2

    run(story())


def test_a_gateway_that_never_answers_a_made_up_key_is_left_alone_more_and_more() -> None:
    async def story() -> None:
        async with World() as world:
            key = behind_gateway(world, Reply(0, failure=Failure.READ_TIMEOUT))
            await until(5 * DAY)
            assert str(world.seen(key)) == UNVERIFIED
            times = [one.at for one in controls(world)]
            assert sum(at < DAY for at in times) <= 15
            assert sum(at > 2 * DAY for at in times) <= 4
            assert len(world.net.times(f"{REAL}-0")) <= 15 + 5 * 5

    run(story())


def test_a_gateway_that_was_away_proves_a_key_as_soon_as_it_is_back() -> None:
    async def story() -> None:
        async with World() as world:
            key = behind_gateway(world)
            world.net.answers[f"{REAL}-0"] = world.net.otherwise = reply(503, {})
            await until(10 * 60)
            assert world.delivered(key) == ""
            world.net.answers[f"{REAL}-0"], world.net.otherwise = ACCEPTED, REFUSED
            looked = len(world.net.times(f"{REAL}-0"))
            await until(40 * 60)
            assert str(world.seen(key)) == VERIFIED
            assert len(world.net.times(f"{REAL}-0")) == looked + 1

    run(story())


def test_what_a_message_says_of_an_unverified_key_stays_while_its_secret_is_healed() -> None:
    async def story() -> None:
        async with World() as world:
            key = behind_gateway(world, ACCEPTED)
            await until(HOUR)
            told = message(world, key)
            assert "does not check keys" in told
            out = Key("team", f"{key.name}-out")
            labels = dict(world.cluster.secrets[out].labels)
            world.engine.generated_seen(out, world.cluster.put_secret(out, {"OPENAI_API_KEY": b"edited"}, labels))
            await until(HOUR + 10)
            assert world.delivered(key) == f"{REAL}-0"
            assert message(world, key) == told

    run(story())


def test_a_control_without_an_answer_takes_nothing_from_a_key_that_was_proven() -> None:
    async def story() -> None:
        async with World() as world:
            key = behind_gateway(world)
            await until(HOUR)
            world.net.otherwise = DOWN
            await until(3 * DAY)
            assert str(world.seen(key)) == VERIFIED

    run(story())


def test_a_gateway_that_begins_to_check_keys_is_noticed_within_a_day() -> None:
    async def story() -> None:
        async with World() as world:
            key = behind_gateway(world, ACCEPTED)
            await until(HOUR)
            assert str(world.seen(key)) == UNVERIFIED
            world.net.otherwise = REFUSED
            await until(32 * HOUR)
            assert str(world.seen(key)) == VERIFIED

    run(story())


# -- types that are known to check keys, behind an address that is not theirs ----------------------------------

STRANGER = {"type": "openai", "baseURL": "https://gw.example"}


def test_a_strangers_gateway_that_says_yes_to_everything_proves_no_key() -> None:
    async def story() -> None:
        async with World() as world:
            key = behind_gateway(world, ACCEPTED, **STRANGER)
            await until(1)
            assert str(world.seen(key)) == UNVERIFIED
            assert message(world, key).startswith("https://gw.example answers, but does not check keys")
            assert world.status(key).keys[0].belief == "Unknown"
            (made_up,) = controls(world)
            assert made_up.key.startswith("sk-proj-")

    run(story())


def test_a_strangers_gateway_that_refuses_a_made_up_key_proves_the_real_one() -> None:
    async def story() -> None:
        async with World() as world:
            gateway(world, **STRANGER)
            keys = crowd(world, 5)
            await until(DAY - HOUR)
            assert {str(world.seen(key)) for key in keys} == {VERIFIED}
            assert len(controls(world)) == 1

    run(story())


def test_a_list_of_models_at_a_strangers_proves_no_more() -> None:
    async def story() -> None:
        async with World() as world:
            world.provider(endpoints={"models": "https://gw.example/v1/models"})
            world.net.otherwise = ACCEPTED
            (key,) = crowd(world, 1)
            await until(1)
            assert str(world.seen(key)) == UNVERIFIED

    run(story())


def test_a_key_that_was_proven_at_home_is_not_proven_by_the_gateway_that_it_moves_to() -> None:
    async def story() -> None:
        async with World() as world:
            (key,) = crowd(world, 1)
            await until(HOUR)
            assert str(world.seen(key)) == VERIFIED
            world.net.otherwise = ACCEPTED
            world.provider(baseURL="https://gw.example")
            await until(HOUR + 1)
            assert str(world.seen(key)) == UNVERIFIED
            assert world.status(key).keys[0].belief == "Unknown"

    run(story())
