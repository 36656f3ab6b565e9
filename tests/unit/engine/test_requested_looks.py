"""A person who wants the keys looked at now says so in an annotation; once for each value of it."""

import msgspec
import pytest

from llmkeys.api.credential import credential_from
from llmkeys.api.names import REQUESTED_AT_ANNOTATION
from llmkeys.api.objects import Key
from tests.unit.engine.doubles import ACCEPTED, REFUSED, throttled
from tests.unit.engine.virtual import run
from tests.unit.engine.world import HOUR, World, until


def annotate(world: World, key: Key, value: str | None) -> None:
    body = msgspec.to_builtins(world.cluster.credentials[key])
    body["metadata"]["annotations"] = {} if value is None else {REQUESTED_AT_ANNOTATION: value}
    body["metadata"]["resourceVersion"] = str(world.cluster.next_version())
    world.cluster.credentials[key] = credential_from(body)
    world.engine.credential_seen(world.cluster.credentials[key])


def test_a_request_has_the_key_looked_at_now_and_is_echoed_in_the_patch_of_that_look() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["sk-1"] = ACCEPTED
            key = world.simple("sk-1")
            await until(HOUR)
            patches = len(world.patches_of(key))
            annotate(world, key, "monday")
            await until(HOUR + 1)
            assert world.net.times("sk-1")[1:] == [pytest.approx(HOUR, abs=0.1)]
            assert world.status(key).last_handled_request == "monday"
            assert len(world.patches_of(key)) == patches + 1

    run(story())


def test_the_routine_look_follows_an_interval_after_the_requested_one() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["sk-1"] = ACCEPTED
            key = world.simple("sk-1")
            await until(HOUR)
            annotate(world, key, "monday")
            await until(6.9 * HOUR)
            assert len(world.net.times("sk-1")) == 2
            await until(8.5 * HOUR)
            assert len(world.net.times("sk-1")) == 3

    run(story())


def test_the_same_request_is_handled_once_and_a_withdrawn_one_is_none() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["sk-1"] = ACCEPTED
            key = world.simple("sk-1")
            await until(10)
            for value in ("monday", "monday", None, "monday"):
                annotate(world, key, value)
                await until(100)
            assert len(world.net.times("sk-1")) == 2
            assert world.status(key).last_handled_request == "monday"
            annotate(world, key, "tuesday")
            await until(200)
            assert len(world.net.times("sk-1")) == 3

    run(story())


def test_a_routine_look_after_the_annotation_went_does_not_forget_what_was_handled() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["sk-1"] = ACCEPTED
            key = world.simple("sk-1")
            await until(10)
            annotate(world, key, "monday")
            await until(20)
            annotate(world, key, None)
            await until(7.5 * HOUR)
            looks = len(world.net.times("sk-1"))
            assert looks == 3
            annotate(world, key, "monday")
            await until(7.6 * HOUR)
            assert len(world.net.times("sk-1")) == looks

    run(story())


def test_a_request_is_not_called_handled_before_the_answer_is_there() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["sk-1"] = ACCEPTED
            key = world.simple("sk-1")
            await until(10)
            world.net.takes = 2.0
            annotate(world, key, "monday")
            world.credential(sources=("raw-chat",), validation={"interval": "3h"})
            annotate(world, key, "monday")
            await until(11)
            assert world.status(key).observed_generation == 2
            assert world.status(key).last_handled_request == ""
            await until(13)
            assert world.status(key).last_handled_request == "monday"

    run(story())


def test_a_restart_with_a_handled_request_calls_nobody_and_writes_nothing() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["sk-1"] = ACCEPTED
            key = world.simple("sk-1")
            await until(10)
            annotate(world, key, "monday")
            await until(20)
            sent, patches = len(world.net.sent), len(world.cluster.patches)
            await world.restart()
            await until(HOUR)
            assert (len(world.net.sent), len(world.cluster.patches)) == (sent, patches)

    run(story())


def test_a_request_made_while_nobody_was_looking_is_handled_at_the_start() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["sk-1"] = ACCEPTED
            key = world.simple("sk-1")
            await until(10)
            await world.engine.stop()
            annotate(world, key, "monday")
            await world.restart()
            await until(20)
            assert len(world.net.times("sk-1")) == 2
            assert world.status(key).last_handled_request == "monday"

    run(story())


def test_after_a_start_a_request_goes_before_what_is_only_due() -> None:
    async def story() -> None:
        async with World() as world:
            world.provider(validation={"requestsPerSecond": 1})
            for number in range(60):
                world.net.answers[f"sk-{number}"] = ACCEPTED
                key = world.simple(f"sk-{number}", f"chat-{number}")
            await until(HOUR)
            await world.engine.stop()
            await until(20 * HOUR)
            annotate(world, key, "monday")
            began = len(world.net.sent)
            await world.restart()
            await until(20 * HOUR + 20)
            assert "sk-59" in {one.key for one in world.net.sent[began:][:5]}

    run(story())


def test_a_dead_key_that_was_repaired_is_delivered_upon_request() -> None:
    async def story() -> None:
        async with World() as world:
            key = world.simple("sk-1")
            await until(60)
            assert str(world.seen(key)) == "Rejected: InvalidKey Stalled"
            world.net.answers["sk-1"] = ACCEPTED
            annotate(world, key, "paid")
            await until(61)
            assert world.delivered(key) == "sk-1"

    run(story())


def test_keys_before_the_one_in_use_are_looked_at_too_and_those_behind_it_are_not() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers |= {"sk-2": ACCEPTED, "sk-3": ACCEPTED}
            for number in (1, 2, 3):
                world.source(f"sk-{number}", f"raw-{number}")
            key = world.credential(sources=("raw-1", "raw-2", "raw-3"))
            await until(60)
            assert world.delivered(key) == "sk-2"
            before = {name: len(world.net.times(name)) for name in ("sk-1", "sk-2", "sk-3")}
            annotate(world, key, "monday")
            await until(61)
            after = {name: len(world.net.times(name)) for name in before}
            assert after == {"sk-1": before["sk-1"] + 1, "sk-2": before["sk-2"] + 1, "sk-3": 0}

    run(story())


def test_no_request_calls_a_provider_before_the_time_that_it_asked_for() -> None:
    async def story() -> None:
        async with World(dice=0.0) as world:
            world.net.answers["sk-1"] = throttled(3600)
            key = world.simple("sk-1")
            await until(60)
            annotate(world, key, "monday")
            await until(3590)
            assert len(world.net.times("sk-1")) == 1
            assert world.status(key).last_handled_request == "monday"
            assert str(world.seen(key)) == "Throttled: RateLimited Reconciling"

    run(story())


def test_requests_do_not_hurry_the_confirmation_of_a_refusal() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["sk-1"] = ACCEPTED
            key = world.simple("sk-1")
            await until(60)
            world.net.answers["sk-1"] = REFUSED
            for number in range(5):
                annotate(world, key, f"now {number}")
                await until(61 + number)
            assert str(world.seen(key)) == "Confirming: Active Ready SecretSynced"
            assert len(world.net.times("sk-1")) == 2

    run(story())


def test_a_request_waits_for_a_host_that_has_no_room_and_is_handled_after_that() -> None:
    async def story() -> None:
        async with World() as world:
            world.provider(validation={"requestsPerSecond": 1})
            keys = []
            for number in range(10):
                world.net.answers[f"sk-{number}"] = ACCEPTED
                keys.append(world.simple(f"sk-{number}", f"chat-{number}"))
            await until(60)
            reads = len(world.cluster.reads)
            for key in keys:
                annotate(world, key, "monday")
            await until(120)
            asked = sorted(time for number in range(10) for time in world.net.times(f"sk-{number}")[1:])
            assert len(asked) == 10
            assert asked[-1] - asked[0] >= 5
            assert {world.status(key).last_handled_request for key in keys} == {"monday"}
            # Not each time that somebody asks whether there is room.
            assert len(world.cluster.reads) == reads + len(keys)

    run(story())


@pytest.mark.parametrize("spec", [{"enabled": False}, {"providerRef": {"name": "nobody"}}])
def test_where_nothing_may_be_looked_at_a_request_is_handled_without_a_call(spec: dict[str, object]) -> None:
    async def story() -> None:
        async with World() as world:
            key = world.simple("sk-1", **spec)
            await until(5)
            annotate(world, key, "monday")
            await until(10)
            assert world.net.sent == []
            assert world.status(key).last_handled_request == "monday"

    run(story())


def test_a_very_long_value_is_told_by_its_beginning() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["sk-1"] = ACCEPTED
            key = world.simple("sk-1")
            await until(10)
            annotate(world, key, "x" * 100_000)
            await until(20)
            assert world.status(key).last_handled_request == "x" * 256
            assert len(world.net.times("sk-1")) == 2

    run(story())
