"""A host that refuses many keys that were good is not believed; witnesses are called before one key is condemned."""

from llmkeys.api.objects import Key
from tests.unit.engine.doubles import ACCEPTED, REFUSED
from tests.unit.engine.virtual import run
from tests.unit.engine.world import HOUR, World, until

SUSPECT = "ProviderSuspect: Active Ready SecretSynced"


async def tenants(world: World, count: int) -> list[Key]:
    """That many credentials with proven keys of their own; it is one hour after the start."""
    for number in range(count):
        world.net.answers[f"sk-{number}"] = ACCEPTED
    keys = [world.simple(f"sk-{number}", f"chat-{number}") for number in range(count)]
    await until(HOUR)
    return keys


def test_all_keys_of_a_host_refused_at_once_are_withdrawn_from_nobody() -> None:
    async def story() -> None:
        async with World() as world:
            keys = await tenants(world, 12)
            for number in range(12):
                world.net.answers[f"sk-{number}"] = REFUSED
            await until(9 * HOUR)
            assert {str(world.seen(key)) for key in keys} == {SUSPECT}
            assert [world.delivered(key) for key in keys] == [f"sk-{number}" for number in range(12)]
            provider = world.cluster.providers["openai"].status
            assert [one.reason for one in provider.conditions if one.type == "Ready"] == ["ProviderSuspect"]
            for number in range(12):
                world.net.answers[f"sk-{number}"] = ACCEPTED
            await until(11 * HOUR)
            assert {str(world.seen(key)) for key in keys} == {"Verified: Active Ready SecretSynced"}
            provider = world.cluster.providers["openai"].status
            assert [one.reason for one in provider.conditions if one.type == "Ready"] == ["Resolved"]

    run(story())


def test_the_first_refusal_of_a_proven_key_has_five_others_looked_at_once_in_ten_minutes() -> None:
    async def story() -> None:
        async with World() as world:
            await tenants(world, 12)
            world.net.answers["accused"] = ACCEPTED
            accused = world.simple("accused", "accused", validation={"interval": "1h"})
            await until(HOUR + 60)
            world.net.answers["accused"] = REFUSED
            world.net.sent.clear()
            await until(2 * HOUR + 300)
            witnesses = {one.key for one in world.net.sent} - {"accused"}
            assert len(witnesses) == 5
            assert len(world.net.sent) == 5 + 4
            assert str(world.seen(accused)) == "Rejected: InvalidKey SecretSynced Stalled"

    run(story())


def test_one_refused_key_among_good_witnesses_is_believed_dead() -> None:
    async def story() -> None:
        async with World(dice=0.0) as world:
            keys = await tenants(world, 8)
            world.net.answers["sk-0"] = REFUSED
            world.source("sk-0", "raw-chat-0")
            await until(9 * HOUR)
            assert str(world.seen(keys[0])) == "Rejected: InvalidKey SecretSynced Stalled"
            assert {str(world.seen(key)) for key in keys[1:]} == {"Verified: Active Ready SecretSynced"}

    run(story())


def test_a_proven_key_alone_on_its_host_is_condemned_without_witnesses() -> None:
    async def story() -> None:
        async with World() as world:
            (key,) = await tenants(world, 1)
            world.net.answers["sk-0"] = REFUSED
            await until(7 * HOUR)
            assert str(world.seen(key)) == "Rejected: InvalidKey SecretSynced Stalled"

    run(story())


def test_keys_that_were_never_good_make_no_host_suspect() -> None:
    async def story() -> None:
        async with World() as world:
            (good,) = await tenants(world, 1)
            bad = [world.simple(f"bad-{number}", f"bad-{number}") for number in range(10)]
            await until(2 * HOUR)
            assert {str(world.seen(key)) for key in bad} == {"Rejected: InvalidKey Stalled"}
            assert str(world.seen(good)) == "Verified: Active Ready SecretSynced"

    run(story())
