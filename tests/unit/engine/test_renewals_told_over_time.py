"""Files whose access token is renewed: what is said where it cannot be, and what stays in use."""

import pytest

from llmkeys.probe.reply import Reply
from tests.unit.engine.doubles import DOWN, reply
from tests.unit.engine.renewal_world import BUSY, LIFE, REFUSED, Renewing, message
from tests.unit.engine.virtual import run, until
from tests.unit.engine.world import DAY, HOUR, World


def test_a_refused_renewal_is_expired_and_says_to_sign_in_again() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.net.instead = REFUSED
            chat = world.begun(-HOUR)
            await until(60)
            assert str(world.seen(chat)) == "Expired: InvalidKey Stalled"
            assert "Sign in again with the program" in message(world, chat)
            assert world.net.sent == []
            asked = len(world.net.asked)
            assert asked == 2, "one look confirms it"
            await until(DAY)
            assert len(world.net.asked) - asked <= 4
            world.net.instead = None
            world.file(LIFE, refresh="refresh-0", note="new")
            await until(DAY + 60)
            assert str(world.seen(chat)) == "Verified: Active Ready SecretSynced"

    run(story())


def test_a_refused_refresh_token_is_not_shown_with_every_look() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.net.instead = REFUSED
            world.net.ended.add("access-0")
            chat = world.begun()
            await until(HOUR)
            assert len(world.net.times("access-0")) == 2
            assert len(world.net.asked) == 1
            assert str(world.seen(chat)) == "Expired: InvalidKey Stalled"

    run(story())


def test_a_refused_renewal_of_a_proven_key_withdraws_nothing() -> None:
    async def story() -> None:
        async with Renewing() as world:
            chat = world.begun()
            await until(2)
            world.net.instead = REFUSED
            await until(LIFE + HOUR)
            assert str(world.seen(chat)) == "Expired: InvalidKey SecretSynced Stalled"
            assert world.delivered_file(chat)["access_token"] == "access-0"

    run(story())


@pytest.mark.parametrize(
    ("answer", "then"),
    [
        (BUSY, "Throttled: Active RateLimited Ready SecretSynced"),
        (DOWN, "ProviderUnreachable: Active Ready SecretSynced"),
    ],
)
def test_a_service_that_has_no_answer_costs_nothing_while_the_token_lasts(answer: Reply, then: str) -> None:
    async def story() -> None:
        async with Renewing() as world:
            chat = world.begun()
            await until(2)
            world.net.instead = answer
            await until(LIFE - 2)
            assert world.renewals
            assert str(world.seen(chat)) == "Verified: Active Ready SecretSynced"
            await until(LIFE + 200)
            assert str(world.seen(chat)) == then
            assert world.delivered_file(chat)["access_token"] == "access-0"
            world.net.instead = None
            await until(LIFE + HOUR)
            assert world.delivered_file(chat)["access_token"] == "access-1"
            assert str(world.seen(chat)) == "Verified: Active Ready SecretSynced"

    run(story())


def test_a_service_is_not_called_before_it_wants_to_be() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.begun()
            await until(2)
            world.net.instead = BUSY
            await until(LIFE + HOUR)
            gaps = [later - earlier for earlier, later in zip(world.renewals, world.renewals[1:], strict=False)]
            assert gaps
            assert min(gaps) >= 600

    run(story())


def test_a_program_that_the_service_does_not_know_is_no_dead_key() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.net.instead = reply(401, {"error": "invalid_client"})
            chat = world.begun(-HOUR)
            await until(120)
            assert str(world.seen(chat)) == "ProbeRefused: Reconciling"
            assert "https://chat.qwen.ai" in message(world, chat)

    run(story())


def test_a_success_without_a_token_is_no_token() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.net.instead = reply(200, {"token_type": "Bearer"})
            chat = world.begun(-HOUR)
            await until(20)
            assert str(world.seen(chat)) == "Unrecognised: Reconciling"
            assert world.net.sent == []

    run(story())


def test_the_programs_secret_is_asked_for_where_one_is_needed() -> None:
    async def story() -> None:
        async with World() as world:
            world.provider(type="gemini-cli", config={"refresh": "true"})
            await until(1)
            ready = world.cluster.providers["openai"].status.conditions[0]
            assert (ready.status, ready.reason) == ("False", "BadEndpoint")
            assert "Set spec.config.clientSecret" in ready.message

    run(story())
