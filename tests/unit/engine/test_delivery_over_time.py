"""What workloads find in the Secret, over the hours in which keys are replaced, refused and expire."""

from typing import Any

import pytest

from llmkeys.api.durations import rfc3339
from llmkeys.api.objects import Key
from tests.unit.engine.doubles import ACCEPTED, DOWN, REFUSED
from tests.unit.engine.virtual import START, run
from tests.unit.engine.world import DAY, HOUR, World, until

GOOD = "Verified: Active Ready SecretSynced"
SECRET = Key("team", "chat-out")


async def good(world: World, **spec: Any) -> Key:
    """A credential whose key `old` is proven and delivered; it is one hour after the start."""
    world.net.answers["old"] = ACCEPTED
    key = world.simple("old", **spec)
    await until(HOUR)
    assert str(world.seen(key)) == GOOD
    return key


# -- KeepLastGood ---------------------------------------------------------------------------------------------


def test_a_replaced_value_is_delivered_on_until_its_replacement_is_proven() -> None:
    async def story() -> None:
        async with World() as world:
            key = await good(world)
            world.net.answers["new"] = DOWN
            world.source("new", "raw-chat")
            await until(HOUR + 60)
            assert world.delivered(key) == "old"
            assert str(world.seen(key)) == "ProviderUnreachable: Active Reconciling SecretSynced"
            assert world.seen(key).condition("Active").reason == "KeptLastGood"
            world.net.answers["new"] = ACCEPTED
            await until(HOUR + 1200)
            assert world.delivered(key) == "new"
            assert str(world.seen(key)) == GOOD
            assert world.status(key).target.kept_until == ""

    run(story())


@pytest.mark.parametrize(("rotation", "overlap"), [({"overlap": "30m"}, 1800.0), ({}, DAY)])
def test_a_replaced_value_is_withdrawn_when_the_overlap_ends(rotation: dict[str, str], overlap: float) -> None:
    async def story() -> None:
        async with World() as world:
            key = await good(world, rotation=rotation)
            world.net.answers["new"] = DOWN
            world.source("new", "raw-chat")
            await until(HOUR + overlap - 5)
            assert world.delivered(key) == "old"
            await until(HOUR + overlap + 5)
            assert world.cluster.secrets[SECRET].data == {}
            assert str(world.seen(key)) == "ProviderUnreachable: Reconciling"
            assert world.seen(key).condition("SecretSynced").reason == "Withdrawn"

    run(story())


def test_a_refused_replacement_is_invalid_while_the_old_value_stays_and_its_time_does_not_begin_anew() -> None:
    async def story() -> None:
        async with World() as world:
            key = await good(world, rotation={"overlap": "30m"})
            world.source("refused", "raw-chat")
            await until(HOUR + 60)
            assert world.delivered(key) == "old"
            assert str(world.seen(key)) == "Rejected: Active InvalidKey SecretSynced Stalled"
            await until(HOUR + 1700)
            world.source("refused-too", "raw-chat")
            await until(HOUR + 1860)
            assert world.delivered(key) == ""
            assert str(world.seen(key)) == "Rejected: InvalidKey Stalled"

    run(story())


def test_another_proven_key_goes_before_a_value_that_is_only_kept() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers |= {"old": ACCEPTED, "backup": ACCEPTED}
            world.source("old", "one")
            world.source("backup", "two")
            key = world.credential(sources=("one", "two"))
            await until(HOUR)
            assert world.delivered(key) == "old"
            world.source("refused", "one")
            await until(HOUR + 60)
            assert world.delivered(key) == "backup"
            assert str(world.seen(key)) == GOOD

    run(story())


def test_a_value_whose_entry_is_removed_is_not_kept() -> None:
    async def story() -> None:
        async with World() as world:
            key = await good(world)
            world.source("refused", "other")
            world.credential("chat", sources=("other",))
            await until(HOUR + 60)
            assert world.delivered(key) == ""

    run(story())


@pytest.mark.parametrize("lost", ["replaced", "refused", "source gone"])
def test_withdraw_keeps_nothing(lost: str) -> None:
    async def story() -> None:
        async with World() as world:
            key = await good(world, validation={"onInvalid": "Withdraw"})
            if lost == "replaced":
                world.net.answers["new"] = DOWN
                world.source("new", "raw-chat")
                await until(HOUR + 60)
            elif lost == "source gone":
                del world.cluster.secrets[Key("team", "raw-chat")]
                world.engine.source_gone(Key("team", "raw-chat"))
                await until(HOUR + 60)
            else:
                world.net.answers["old"] = REFUSED
                await until(8 * HOUR)
            assert world.delivered(key) == ""
            assert world.cluster.secrets[SECRET].data == {}

    run(story())


def test_a_source_that_is_gone_takes_nothing_away_and_one_that_comes_back_is_used() -> None:
    async def story() -> None:
        async with World() as world:
            key = await good(world)
            del world.cluster.secrets[Key("team", "raw-chat")]
            world.engine.source_gone(Key("team", "raw-chat"))
            await until(30 * HOUR)
            assert world.delivered(key) == "old"
            assert str(world.seen(key)) == "SourceNotFound: Active Reconciling SecretSynced"
            world.source("old", "raw-chat")
            await until(30 * HOUR + 10)
            assert str(world.seen(key)) == GOOD

    run(story())


# -- switches -------------------------------------------------------------------------------------------------


def test_disabling_empties_the_secret_and_keeps_the_object_and_enabling_calls_nobody() -> None:
    async def story() -> None:
        async with World() as world:
            key = await good(world)
            world.credential("chat", sources=("raw-chat",), enabled=False)
            await until(HOUR + 1)
            assert world.cluster.secrets[SECRET].data == {}
            assert str(world.seen(key)) == "Disabled: Stalled"
            assert world.seen(key).condition("SecretSynced").reason == "Disabled"
            world.credential("chat", sources=("raw-chat",))
            await until(HOUR + 2)
            assert world.delivered(key) == "old"
            assert str(world.seen(key)) == GOOD

    run(story())


def test_a_disabled_provider_is_not_called_and_delivers_nothing() -> None:
    async def story() -> None:
        async with World() as world:
            key = await good(world)
            world.provider(enabled=False)
            await until(20 * HOUR)
            assert str(world.seen(key)) == "ProviderDisabled: Stalled"
            assert world.delivered(key) == ""
            assert len(world.net.sent) == 1
            world.provider(enabled=True)
            await until(20 * HOUR + 2)
            assert world.delivered(key) == "old"

    run(story())


# -- expiry ---------------------------------------------------------------------------------------------------


def test_an_expiry_is_warned_of_once_seven_days_before_and_then_invalid_without_a_call() -> None:
    async def story() -> None:
        async with World() as world:
            key = await good(world, expiresAt=rfc3339(START + 10 * DAY + 2 * HOUR))
            await until(3 * DAY + 2 * HOUR - 60)
            assert "ExpiresSoon" not in world.events_of(key)
            await until(3 * DAY + 2 * HOUR + 60)
            assert world.events_of(key).count("ExpiresSoon") == 1
            await until(10 * DAY + 2 * HOUR - 60)
            assert str(world.seen(key)) == GOOD
            calls = len(world.net.sent)
            await until(10 * DAY + 2 * HOUR + 5)
            assert str(world.seen(key)) == "Expired: InvalidKey SecretSynced Stalled"
            assert world.delivered(key) == "old"
            await until(20 * DAY)
            assert len(world.net.sent) == calls
            assert world.events_of(key).count("ExpiresSoon") == 1
            world.credential("chat", sources=("raw-chat",), expiresAt=rfc3339(START + 400 * DAY))
            await until(20 * DAY + 10)
            assert str(world.seen(key)) == GOOD

    run(story())


def test_an_expired_credential_is_never_sent() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["old"] = ACCEPTED
            key = world.simple("old", expiresAt=rfc3339(START - 5))
            await until(DAY)
            assert str(world.seen(key)) == "Expired: InvalidKey Stalled"
            assert world.net.sent == []

    run(story())


# -- the Secret under other hands -----------------------------------------------------------------------------


def test_an_edited_secret_is_healed_without_a_call_and_an_endless_fight_is_given_up() -> None:
    async def story() -> None:
        async with World() as world:
            key = await good(world)
            stored = world.cluster.secrets[SECRET]
            for number in range(8):
                stored.data = {"OPENAI_API_KEY": f"vandal-{number}".encode()}
                stored.version = world.cluster.next_version()
                stored.managers = ("llmkeys", "vandal")
                world.engine.generated_seen(SECRET, stored.meta)
                await until(HOUR + 10 + number)
                expected = "old" if number < 5 else "vandal-7" if number == 7 else f"vandal-{number}"
                assert world.delivered(key) == expected
            assert str(world.seen(key)) == "Contested: Active Stalled"
            assert '"vandal"' in world.seen(key).condition("Ready").message
            assert len(world.net.sent) == 1
            await until(HOUR + 1200)
            assert world.delivered(key) == "old"
            assert str(world.seen(key)) == GOOD

    run(story())


def test_a_deleted_secret_is_made_again_without_a_call() -> None:
    async def story() -> None:
        async with World() as world:
            key = await good(world)
            del world.cluster.secrets[SECRET]
            world.engine.generated_gone(SECRET)
            await until(HOUR + 1)
            assert world.delivered(key) == "old"
            assert str(world.seen(key)) == GOOD
            assert len(world.net.sent) == 1

    run(story())


def test_a_strangers_secret_is_left_alone_and_taken_up_when_it_is_gone() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["old"] = ACCEPTED
            world.cluster.put_secret(SECRET, {"theirs": b"1"}, {"app": "other"})
            key = world.simple("old")
            await until(HOUR)
            assert str(world.seen(key)) == "TargetConflict: Active Stalled"
            assert world.cluster.secrets[SECRET].data == {"theirs": b"1"}
            assert len(world.patches_of(key)) == 1  # it is tried again and again, and nothing new is said
            assert world.events_of(key) == ["TargetConflict"]
            del world.cluster.secrets[SECRET]
            await until(HOUR + 400)
            assert world.delivered(key) == "old"
            assert str(world.seen(key)) == GOOD

    run(story())


def test_a_kept_value_that_somebody_edited_is_withdrawn_for_it_cannot_be_made_anew() -> None:
    async def story() -> None:
        async with World() as world:
            key = await good(world)
            world.net.answers["new"] = DOWN
            world.source("new", "raw-chat")
            await until(HOUR + 60)
            stored = world.cluster.secrets[SECRET]
            stored.data = {"OPENAI_API_KEY": b"vandal"}
            stored.version = world.cluster.next_version()
            world.engine.generated_seen(SECRET, stored.meta)
            await until(HOUR + 62)
            assert stored.data == {}
            assert world.seen(key).condition("SecretSynced").reason == "Withdrawn"

    run(story())
