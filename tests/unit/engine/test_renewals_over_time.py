"""Files whose access token is renewed: when, and how often."""

import json

import pytest

from llmkeys.api.objects import Key
from llmkeys.engine.effects import ApiUnavailableError, ForbiddenError
from tests.unit.engine.doubles import ACCEPTED
from tests.unit.engine.renewal_world import LIFE, Renewing, message
from tests.unit.engine.virtual import START, run, until
from tests.unit.engine.world import DAY, HOUR

# -- when -----------------------------------------------------------------------------------------------------


def test_a_token_is_renewed_before_it_ends_and_the_new_file_is_delivered() -> None:
    async def story() -> None:
        async with Renewing() as world:
            chat = world.begun(expiry_unit="kept")
            await until(2)
            assert str(world.seen(chat)) == "Verified: Active Ready SecretSynced"
            assert world.delivered_file(chat)["access_token"] == "access-0"
            assert world.renewals == []
            await until(LIFE)
            assert world.renewals == [pytest.approx(LIFE - 300, abs=1)]
            file = world.delivered_file(chat)
            ends = START + world.renewals[0] + LIFE
            assert file == {
                "access_token": "access-1",
                "refresh_token": "refresh-1",
                "resource_url": "portal.qwen.ai",
                "expiry_unit": "kept",
                "expiry_date": pytest.approx(ends * 1000, abs=1000),
            }
            assert str(world.seen(chat)) == "Verified: Active Ready SecretSynced"

    run(story())


def test_every_token_is_renewed_when_a_tenth_of_its_life_is_left() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.begun()
            await until(2 * DAY)
            gaps = [later - earlier for earlier, later in zip(world.renewals, world.renewals[1:], strict=False)]
            assert gaps
            assert gaps == [pytest.approx(0.9 * LIFE, abs=2)] * len(gaps)
            assert [token for _, token in world.net.asked] == [f"refresh-{n}" for n in range(len(world.net.asked))]

    run(story())


def test_a_file_that_has_ended_is_renewed_before_anything_of_it_is_shown() -> None:
    async def story() -> None:
        async with Renewing() as world:
            chat = world.begun(-HOUR)
            await until(2)
            assert len(world.renewals) == 1
            assert {one.key for one in world.net.sent} == {"access-1"}
            assert world.delivered_file(chat)["access_token"] == "access-1"

    run(story())


def test_without_leave_nothing_is_renewed_and_the_message_tells_how_to_give_it() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.renewing(config={})
            world.file(-HOUR)
            chat = world.credential()
            await until(DAY)
            assert world.net.asked == []
            assert world.net.sent == []
            assert world.renewed.reads == 0
            assert str(world.seen(chat)) == "Expired: InvalidKey Stalled"
            assert 'spec.config.refresh: "true"' in message(world, chat)
            assert "may log its owner out" in message(world, chat)
            world.renewing()
            await until(DAY + 5)
            assert str(world.seen(chat)) == "Verified: Active Ready SecretSynced"

    run(story())


def test_a_file_without_a_refresh_token_cannot_be_renewed() -> None:
    async def story() -> None:
        async with Renewing() as world:
            chat = world.begun(-HOUR, refresh="")
            await until(60)
            assert world.net.asked == []
            assert str(world.seen(chat)) == "Expired: InvalidKey Stalled"

    run(story())


def test_a_key_that_is_bound_to_a_host_goes_to_no_other_token_service() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.renewing(endpoints={"token": "https://tenant.example"})
            file = json.dumps({"access_token": "access-0", "refresh_token": "refresh-0", "expiry_date": 1000})
            sealed = world.sealed(file, field="oauth_creds.json", audience="https://portal.qwen.ai")
            entry = {"name": "main", "sealed": {"oauth_creds.json": sealed["sealed"]["apiKey"]}}
            chat = world.enveloped(entry)
            await until(60)
            assert world.net.asked == []
            assert str(world.seen(chat)) == "SealedForOtherHost: Stalled"
            world.renewing()
            await until(120)
            assert str(world.seen(chat)) == "Verified: Active Ready SecretSynced"
            assert json.loads(world.opened(chat)["oauth_creds.json"])["access_token"] == "access-1"

    run(story())


def test_a_token_that_the_provider_calls_expired_is_renewed_once_a_day() -> None:
    async def story() -> None:
        async with Renewing() as world:
            chat = world.begun(None)
            await until(2)
            world.net.lifetime = None
            world.net.ended.add("access-0")
            await until(12 * HOUR)
            assert len(world.renewals) == 1
            assert world.delivered_file(chat)["access_token"] == "access-1"
            assert str(world.seen(chat)) == "Verified: Active Ready SecretSynced"
            world.net.ended |= {f"access-{number}" for number in range(9)}
            await until(20 * HOUR)
            assert len(world.renewals) == 1
            assert str(world.seen(chat)) == "Expired: InvalidKey SecretSynced Stalled"
            await until(3 * DAY)
            assert len(world.renewals) <= 3

    run(story())


def test_a_service_that_gives_tokens_for_a_second_is_not_called_every_second() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.net.lifetime = 1
            world.begun(-HOUR)
            await until(HOUR)
            assert len(world.renewals) <= 61

    run(story())


def test_a_key_that_is_not_in_use_is_not_renewed() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.net.answers["other"] = ACCEPTED
            world.renewing()
            world.file(30 * DAY, source="first", access_token="other")
            world.file(-HOUR, source="second")
            world.credential(sources=("first", "second"))
            await until(2 * DAY)
            assert world.net.asked == []

    run(story())


def test_a_service_that_takes_its_time_does_not_delay_the_first_status() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.net.takes = 3
            chat = world.begun(-HOUR)
            await until(0.5)
            assert str(world.seen(chat)) == "Checking: Reconciling"
            await until(10)
            assert str(world.seen(chat)) == "Verified: Active Ready SecretSynced"

    run(story())


# -- once -----------------------------------------------------------------------------------------------------


def test_credentials_of_one_source_share_a_renewal() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.renewing()
            world.file(-HOUR)
            keys = [world.credential(f"chat-{number}") for number in range(5)]
            await until(2 * LIFE)
            assert [token for _, token in world.net.asked] == ["refresh-0", "refresh-1", "refresh-2"]
            assert {world.delivered_file(key)["access_token"] for key in keys} == {"access-3"}

    run(story())


def test_a_copy_of_a_used_up_file_gains_nothing_by_it() -> None:
    async def story() -> None:
        async with Renewing() as world:
            chat = world.begun(-HOUR)
            await until(2)
            world.file(-HOUR, source="copy")
            thief = world.credential("thief", sources=("copy",))
            await until(300)
            assert str(world.seen(thief)) == "Expired: InvalidKey Stalled"
            assert str(world.seen(chat)) == "Verified: Active Ready SecretSynced"

    run(story())


def test_a_restart_calls_nobody_and_reads_what_is_kept() -> None:
    async def story() -> None:
        async with Renewing() as world:
            chat = world.begun(-HOUR)
            await until(60)
            before, sent = list(world.net.asked), len(world.net.sent)
            reads, writes, patches = world.renewed.reads, len(world.renewed.writes), len(world.patches_of(chat))
            await world.restart()
            await until(120)
            assert (world.net.asked, len(world.net.sent)) == (before, sent)
            assert (world.renewed.reads, len(world.renewed.writes)) == (reads, writes)
            assert len(world.patches_of(chat)) == patches
            del world.cluster.secrets[Key("team", "chat-out")]
            world.engine.generated_gone(Key("team", "chat-out"))
            await until(180)
            assert world.delivered_file(chat)["access_token"] == "access-1"
            assert (world.net.asked, len(world.net.sent)) == (before, sent)

    run(story())


def test_a_file_that_cannot_be_written_yet_is_not_used_and_its_token_is_not_asked_for_again() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.renewed.failures = [None, *[ApiUnavailableError("away")] * 4]
            chat = world.begun(-HOUR)
            await until(0.5)
            assert len(world.net.asked) == 1
            assert world.net.sent == []
            assert Key("team", "chat-out") not in world.cluster.secrets
            await until(60)
            assert len(world.net.asked) == 1
            assert world.delivered_file(chat)["refresh_token"] == "refresh-1"
            assert world.renewed.writes[-1] <= world.net.sent[0].at

    run(story())


def test_what_is_still_to_be_written_is_written_before_it_is_shown() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.renewed.failures = [None, ApiUnavailableError("away")]
            world.net.ended.add("access-0")
            chat = world.begun()
            await until(60)
            assert [one.key for one in world.net.sent] == ["access-0", "access-1"]
            assert len(world.net.asked) == 1
            assert world.delivered_file(chat)["access_token"] == "access-1"

    run(story())


def test_a_secret_that_may_not_be_written_costs_no_refresh_token() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.renewed.failures = [ForbiddenError("patch secrets: forbidden")] * 3
            chat = world.begun(-HOUR)
            await until(0.5)
            assert world.net.asked == []
            await until(HOUR)
            assert world.delivered_file(chat)["access_token"] == "access-1"

    run(story())


def test_a_stop_waits_for_the_answer_that_is_under_way() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.net.takes = 5
            chat = world.begun(-HOUR)
            await until(1)
            assert len(world.net.asked) == 1
            world.net.takes = 0.05
            await world.restart()
            await until(30)
            assert len(world.net.asked) == 1
            assert world.delivered_file(chat)["access_token"] == "access-1"

    run(story())


def test_another_process_that_was_faster_is_believed() -> None:
    async def story() -> None:
        async with Renewing() as world:
            chat = world.begun()
            await until(2)
            other = Renewing(world.renewed)
            other.net.lifetime = 2 * LIFE
            world.net.answers["access-1"] = ACCEPTED
            other.net.ended.add("access-0")
            async with other:
                other.begun()
                await until(10)
            assert other.renewals
            await until(LIFE)
            assert world.net.asked == []
            assert world.delivered_file(chat)["access_token"] == "access-1"

    run(story())
