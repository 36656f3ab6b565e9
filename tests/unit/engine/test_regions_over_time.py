"""`region: auto`: a key is shown to a provider's regions one after another until one knows it, and then to that one."""

from itertools import pairwise
from typing import Any

import pytest

from llmkeys.api.objects import Key
from tests.unit.engine.doubles import ACCEPTED, DOWN, REFUSED, reply, throttled
from tests.unit.engine.virtual import run
from tests.unit.engine.world import DAY, HOUR, World, until

CN, INTL = "https://api.moonshot.cn/v1/models", "https://api.moonshot.ai/v1/models"
VERIFIED = "Verified: Active Ready SecretSynced"
NO_MONEY = reply(429, {"error": {"type": "exceeded_current_quota_error", "message": "no money"}})
BLOCKED = reply(403, {"error": {"type": "access_terminated_error", "message": "terms"}})
CONFIRMED = 120.0


def moonshot(world: World, **spec: object) -> None:
    world.provider(**{"type": "moonshot", "region": "auto", **spec})


def key(world: World, text: str = "sk-1", name: str = "chat", **spec: Any) -> Key:
    world.source(text, f"raw-{name}")
    ref = {"name": f"raw-{name}", "fields": {"apiKey": "OPENAI_API_KEY"}}
    return world.credential(name, keys=[{"name": "k", "secretRef": ref}], **spec)


def asked(world: World) -> list[str]:
    return [one.url for one in world.net.sent]


def test_a_key_of_another_region_is_found_there_and_delivered_with_its_address() -> None:
    async def story() -> None:
        async with World() as world:
            moonshot(world)
            world.net.at[INTL, "sk-1"] = ACCEPTED
            chat = key(world)
            await until(2)
            assert str(world.seen(chat)) == VERIFIED
            assert asked(world) == [CN, INTL]
            assert world.status(chat).keys[0].region == "intl"
            data = world.cluster.secrets[Key("team", "chat-out")].data
            assert data["MOONSHOT_API_BASE"] == b"https://api.moonshot.ai/v1"

    run(story())


def test_a_key_that_the_first_region_knows_is_shown_to_no_other() -> None:
    async def story() -> None:
        async with World() as world:
            moonshot(world)
            world.net.answers["sk-1"] = ACCEPTED
            chat = key(world)
            await until(3 * DAY)
            assert set(asked(world)) == {CN}
            assert world.status(chat).keys[0].region == "cn"

    run(story())


def test_a_key_that_has_a_region_goes_nowhere_else_not_even_when_it_is_refused_there() -> None:
    async def story() -> None:
        async with World() as world:
            moonshot(world)
            world.net.at[INTL, "sk-1"] = ACCEPTED
            chat = key(world)
            await until(HOUR)
            world.net.at[INTL, "sk-1"] = REFUSED
            world.net.sent.clear()
            await until(3 * DAY)
            assert set(asked(world)) == {INTL}
            assert world.seen(chat).condition("Ready").reason == "Rejected"
            await world.restart()
            await until(5 * DAY)
            assert set(asked(world)) == {INTL}

    run(story())


def test_a_key_that_no_region_knows_is_shown_to_each_once_for_each_confirmation() -> None:
    async def story() -> None:
        async with World() as world:
            moonshot(world)
            chat = key(world)
            await until(3)
            assert asked(world) == [CN, INTL]
            assert str(world.seen(chat)) == "Confirming: Reconciling"
            await until(CONFIRMED)
            assert asked(world) == [CN, INTL] * 2
            assert str(world.seen(chat)) == "Rejected: InvalidKey Stalled"
            assert world.status(chat).keys[0].region == ""

    run(story())


def test_a_key_is_not_dead_while_its_region_may_be_the_one_that_is_away() -> None:
    async def story() -> None:
        async with World() as world:
            moonshot(world)
            world.net.at[INTL, "sk-1"] = DOWN
            chat = key(world)
            await until(CONFIRMED)
            assert str(world.seen(chat)) == "ProviderUnreachable: Reconciling"

    run(story())


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (DOWN, "ProviderUnreachable"),
        (throttled(3600), "Throttled"),
        (NO_MONEY, "QuotaExhausted"),
        (BLOCKED, "AccountBlocked"),
        (reply(500, {}), "Overloaded"),
        (reply(418, {}), "Unrecognised"),
    ],
)
def test_only_a_key_that_was_refused_is_shown_to_another_region(answer: object, reason: str) -> None:
    async def story() -> None:
        async with World() as world:
            moonshot(world)
            world.net.at[CN, "sk-1"] = answer  # type: ignore[assignment]
            chat = key(world)
            await until(CONFIRMED)
            assert set(asked(world)) == {CN}
            assert world.seen(chat).condition("Ready").reason == reason

    run(story())


def test_a_region_that_knows_a_key_without_money_is_its_home() -> None:
    async def story() -> None:
        async with World() as world:
            moonshot(world)
            world.net.at[INTL, "sk-1"] = NO_MONEY
            chat = key(world)
            await until(3)
            assert world.seen(chat).condition("Ready").reason == "QuotaExhausted"
            assert world.status(chat).keys[0].region == "intl"

    run(story())


@pytest.mark.parametrize("region", [None, "cn"])
def test_without_auto_a_refused_key_stays_in_its_region_and_the_message_names_the_other(region: str | None) -> None:
    async def story() -> None:
        async with World() as world:
            moonshot(world, **({"region": region} if region else {"region": "cn"}))
            world.net.at[INTL, "sk-1"] = ACCEPTED
            chat = key(world)
            await until(CONFIRMED)
            assert set(asked(world)) == {CN}
            ready = world.seen(chat).condition("Ready")
            assert ready.reason == "Rejected"
            assert "set spec.region of LLMProvider openai to that one: intl." in ready.message

    run(story())


@pytest.mark.parametrize(
    "spec", [{"type": "openai", "region": "global"}, {"region": "coding"}, {"region": "cn", "baseURL": CN[:-7]}]
)
def test_the_message_names_no_region_where_there_is_no_other_account(spec: dict[str, object]) -> None:
    async def story() -> None:
        async with World() as world:
            moonshot(world, **spec)
            chat = key(world)
            await until(CONFIRMED)
            ready = world.seen(chat).condition("Ready")
            assert ready.reason == "Rejected"
            assert "another region" not in ready.message

    run(story())


def test_a_change_to_auto_has_refused_keys_looked_for_at_once() -> None:
    async def story() -> None:
        async with World() as world:
            moonshot(world, region="cn")
            world.net.at[INTL, "sk-1"] = ACCEPTED
            chat = key(world)
            await until(CONFIRMED)
            moonshot(world, region="auto")
            await until(CONFIRMED + 5)
            assert str(world.seen(chat)) == VERIFIED

    run(story())


def test_each_region_keeps_to_the_providers_budget() -> None:
    async def story() -> None:
        async with World() as world:
            narrow = {"requestsPerSecond": 1, "maxConcurrent": 1}
            moonshot(world, validation=narrow)
            world.net.takes = 0.0
            for number in range(8):
                world.net.at[INTL, f"sk-{number}"] = ACCEPTED
                key(world, f"sk-{number}", f"chat-{number}")
            await until(120)
            assert len(asked(world)) == 16
            moonshot(world, validation=narrow, headers={"X-Team": "a"})  # all are looked at again, at home
            await until(240)
            for url, count in ((CN, 8), (INTL, 16)):
                times = [one.at for one in world.net.sent if one.url == url]
                assert len(times) == count
                assert all(later - earlier >= 1 - 1e-6 for earlier, later in pairwise(times))

    run(story())


def test_a_region_without_room_is_waited_for_and_the_others_are_not_asked_again() -> None:
    async def story() -> None:
        async with World() as world:
            world.provider("busy", type="moonshot", region="intl", validation={"maxConcurrent": 1})
            moonshot(world)
            world.net.at[INTL, "sk-1"] = ACCEPTED
            world.net.takes = 20.0
            key(world, "sk-busy", "busy", providerRef={"name": "busy"})
            await until(1)
            world.net.takes = 0.1
            chat = key(world)
            await until(60)
            assert str(world.seen(chat)) == VERIFIED
            assert [one.url for one in world.net.sent if one.key == "sk-1"] == [CN, INTL]

    run(story())


def test_a_made_up_key_waits_for_room_in_its_region() -> None:
    async def story() -> None:
        async with World() as world:
            # Of a type that is known to check no keys, so that none is made up for it.
            host = {"models": "https://api.minimax.io"}
            world.provider("busy", type="cometapi", endpoints=host, validation={"maxConcurrent": 1})
            moonshot(world, type="minimax")
            world.net.takes = 20.0
            key(world, "sk-busy", "busy", providerRef={"name": "busy"})
            await until(1)
            world.net.takes = 0.1
            world.net.at["https://api.minimax.io/v1/models", "sk-1"] = ACCEPTED
            chat = key(world)
            await until(60)
            assert str(world.seen(chat)) == VERIFIED
            there = [one for one in world.net.sent if "minimax.io" in one.url]
            assert [one.key for one in there[::2]] == ["sk-busy", "sk-1"]
            assert all(one.at >= 20 for one in there[1:])

    run(story())


def test_auto_means_the_usual_place_for_a_type_without_regions() -> None:
    async def story() -> None:
        async with World() as world:
            world.provider(region="auto")
            world.net.answers["sk-1"] = ACCEPTED
            chat = world.simple("sk-1")
            await until(2)
            assert str(world.seen(chat)) == VERIFIED
            assert asked(world) == ["https://api.openai.com/v1/models"]

    run(story())
