"""A base URL with one version too many, or too few: the other form is tried once, and the message names it."""

import re

from llmkeys.api.objects import Key
from tests.unit.engine.doubles import ACCEPTED, REFUSED, Sent, reply
from tests.unit.engine.virtual import run
from tests.unit.engine.world import DAY, HOUR, World, until

REAL = re.compile(r"sk-\d")
NOT_FOUND = reply(404, {"error": {"message": "no route"}})
WITH, WITHOUT = "https://gw.example/v1/models", "https://gw.example/models"


def gateway(world: World, base: str = "https://gw.example", **spec: object) -> None:
    world.provider(**{"baseURL": base, **spec})


def shown(world: World) -> list[Sent]:
    """The calls with a real key."""
    return [one for one in world.net.sent if REAL.fullmatch(one.key)]


def tried(world: World) -> list[str]:
    return [one.url for one in shown(world)]


def message(world: World, key: Key) -> str:
    ready = world.seen(key).condition("Ready")
    assert ready.reason == "BadEndpoint"
    return ready.message


def test_the_form_that_works_is_named() -> None:
    async def story() -> None:
        async with World() as world:
            gateway(world)
            world.net.at = {(WITH, "sk-1"): NOT_FOUND, (WITHOUT, "sk-1"): ACCEPTED}
            key = world.simple("sk-1")
            await until(2)
            assert tried(world) == [WITH, WITHOUT]
            assert message(world, key).endswith("The API answers below https://gw.example/: set spec.baseURL to that.")

    run(story())


def test_following_the_message_works() -> None:
    async def story() -> None:
        async with World() as world:
            gateway(world, "https://gw.example/v1/v1/")
            world.net.at = {(WITH, "sk-1"): ACCEPTED}
            world.net.answers["sk-1"] = NOT_FOUND
            key = world.simple("sk-1")
            await until(2)
            assert "https://gw.example/v1/:" in message(world, key)
            gateway(world, "https://gw.example/v1/")
            await until(4)
            assert str(world.seen(key)) == "Verified: Active Ready SecretSynced"

    run(story())


def test_a_refusal_shows_the_api_as_well() -> None:
    async def story() -> None:
        async with World() as world:
            gateway(world)
            world.net.at = {(WITH, "sk-1"): NOT_FOUND, (WITHOUT, "sk-1"): REFUSED}
            key = world.simple("sk-1")
            await until(2)
            assert "https://gw.example/:" in message(world, key)

    run(story())


def test_where_neither_form_works_none_is_named_and_the_other_is_tried_once_a_day() -> None:
    async def story() -> None:
        async with World() as world:
            gateway(world)
            world.net.otherwise = NOT_FOUND
            keys = [world.simple(f"sk-{number}", f"chat-{number}") for number in range(5)]
            await until(DAY - HOUR)
            assert "answers below" not in message(world, keys[0])
            assert tried(world).count(WITHOUT) == 1
            assert tried(world).count(WITH) > 5

    run(story())


def test_the_name_of_the_right_form_stays_in_the_message() -> None:
    async def story() -> None:
        async with World() as world:
            gateway(world)
            world.net.at = {(WITH, "sk-1"): NOT_FOUND, (WITHOUT, "sk-1"): ACCEPTED}
            key = world.simple("sk-1")
            await until(3 * DAY)
            assert "https://gw.example/:" in message(world, key)

    run(story())


def test_a_model_that_is_not_there_is_no_wrong_url() -> None:
    async def story() -> None:
        async with World() as world:
            gateway(world)
            world.net.otherwise = reply(404, {"error": {"code": "model_not_found"}})
            world.simple("sk-1")
            await until(HOUR)
            assert set(tried(world)) == {WITH}

    run(story())


def test_no_other_url_is_tried_than_what_a_person_wrote() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.otherwise = NOT_FOUND
            world.simple("sk-1")
            await until(HOUR)
            assert set(tried(world)) == {"https://api.openai.com/v1/models"}

    run(story())


def test_a_path_that_says_whose_the_key_is_is_not_left() -> None:
    async def story() -> None:
        async with World() as world:
            gateway(world, "https://gateway.ai.cloudflare.com/v1/account/gw/v1")
            world.net.otherwise = NOT_FOUND
            world.simple("sk-1")
            await until(HOUR)
            assert set(tried(world)) == {"https://gateway.ai.cloudflare.com/v1/account/gw/v1/models"}

    run(story())


def test_the_other_form_is_paid_for_from_the_hosts_budget() -> None:
    async def story() -> None:
        async with World() as world:
            gateway(world, validation={"requestsPerSecond": 1})
            world.net.otherwise = NOT_FOUND
            for number in range(4):
                world.simple(f"sk-{number}", "chat", f"team-{number}")  # each with a budget of its own besides
            await until(30)
            first, other, second, *_ = shown(world)
            assert (first.url, other.url, second.url) == (WITH, WITHOUT, WITH)
            assert second.at - first.at >= 2 - 1e-6

    run(story())
