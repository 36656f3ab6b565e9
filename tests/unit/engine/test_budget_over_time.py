"""Many credentials at one host: its budget holds, nobody is forgotten, and one bad host is nobody else's trouble."""

import pytest

from llmkeys.api.objects import Key
from tests.unit.engine.doubles import ACCEPTED, DOWN
from tests.unit.engine.virtual import run
from tests.unit.engine.world import HOUR, World, until

GOOD = "Verified: Active Ready SecretSynced"


def crowd(world: World, count: int, namespace: str = "team") -> list[Key]:
    keys = []
    for number in range(count):
        text = f"sk-{namespace}-{number}"
        world.net.answers[text] = ACCEPTED
        keys.append(world.simple(text, f"chat-{number}", namespace))
    return keys


@pytest.mark.parametrize(("rate", "concurrent"), [(1, 16), (4, 16), (20, 1), (20, 3)])
def test_a_small_budget_is_kept_to_and_everybody_gets_a_turn(rate: int, concurrent: int) -> None:
    async def story() -> None:
        async with World() as world:
            world.provider(validation={"requestsPerSecond": rate, "maxConcurrent": concurrent})
            world.net.takes = 0.2
            keys = crowd(world, 40)
            await until(200)
            assert {str(world.seen(key)) for key in keys} == {GOOD}
            assert len(world.net.sent) == 40
            assert world.net.most <= concurrent
            times = [one.at for one in world.net.sent]
            for first, begun in enumerate(times):
                in_a_second = sum(1 for at in times[first:] if at < begun + 1)
                assert in_a_second <= 2 * rate + 1e-6

    run(story())


def test_one_who_waits_for_the_budget_is_told_so_once_and_then_the_outcome() -> None:
    async def story() -> None:
        async with World() as world:
            world.provider(validation={"requestsPerSecond": 1})
            keys = crowd(world, 10)
            await until(3)
            assert str(world.seen(keys[-1])) == "Checking: Reconciling"
            await until(100)
            assert {len(world.patches_of(key)) for key in keys} == {1, 2}

    run(story())


def test_a_short_wait_for_the_budget_is_not_announced() -> None:
    async def story() -> None:
        async with World() as world:
            world.provider(validation={"requestsPerSecond": 20})
            keys = crowd(world, 11)  # ten at once, the last after a tenth of a second
            await until(60)
            assert {len(world.patches_of(key)) for key in keys} == {1}
            assert {str(world.seen(key)) for key in keys} == {GOOD}

    run(story())


def test_the_garbage_of_one_tenant_delays_another_by_little() -> None:
    async def story() -> None:
        async with World() as world:
            world.provider(validation={"requestsPerSecond": 4})
            for number in range(200):
                world.simple(f"bad-{number}", f"bad-{number}", "garbage")
            await until(10)
            (good,) = crowd(world, 1)
            await until(13)
            assert str(world.seen(good)) == GOOD

    run(story())


def test_a_host_that_never_answers_delays_nobody_elsewhere() -> None:
    async def story() -> None:
        async with World() as world:
            roomy = {"requestsPerSecond": 1000, "maxConcurrent": 1000}
            world.provider("dead", baseURL="https://dead.example", validation=roomy)
            world.net.hanging = {"dead.example"}
            hung = [
                world.simple(f"hung-{number}", f"hung-{number}", "hung", providerRef={"name": "dead"})
                for number in range(100)
            ]
            await until(0.05)
            (good,) = crowd(world, 1)
            await until(0.2)
            assert str(world.seen(good)) == GOOD
            await until(HOUR)
            assert {world.seen(key).condition("Ready").reason for key in hung} == {"ProviderUnreachable"}

    run(story())


def test_a_host_that_is_down_is_called_ever_more_rarely_and_found_again_when_it_is_back() -> None:
    async def story() -> None:
        async with World() as world:
            keys = crowd(world, 50)
            await until(HOUR)
            world.net.answers = dict.fromkeys(world.net.answers, DOWN)
            world.net.sent.clear()
            await until(9 * HOUR)
            # Without a circuit, 50 keys that back off to ten minutes would call more than 800 times in three hours.
            assert len(world.net.sent) < 300
            assert {str(world.seen(key)) for key in keys} == {"ProviderUnreachable: Active Ready SecretSynced"}
            world.net.answers = dict.fromkeys(world.net.answers, ACCEPTED)
            await until(10 * HOUR)
            assert {str(world.seen(key)) for key in keys} == {GOOD}

    run(story())


def test_a_deleted_credential_that_waited_is_not_looked_at() -> None:
    async def story() -> None:
        async with World() as world:
            world.provider(validation={"requestsPerSecond": 1})
            keys = crowd(world, 10)
            await until(1)
            for key in keys:
                world.cluster.credentials.pop(key)
                world.engine.credential_gone(key)
            calls = len(world.net.sent)
            await until(60)
            assert len(world.net.sent) == calls

    run(story())


def test_a_key_that_many_share_is_sent_once() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["shared"] = ACCEPTED
            keys = [world.simple("shared", "chat", f"team-{number}") for number in range(50)]
            await until(60)
            assert {str(world.seen(key)) for key in keys} == {GOOD}
            assert len(world.net.sent) == 1
            await until(24 * HOUR)
            assert len(world.net.sent) <= 6

    run(story())


def test_a_key_that_another_credential_proved_lately_is_not_sent_again() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["shared"] = ACCEPTED
            world.simple("shared", "chat", "team-a")
            await until(HOUR)
            late = world.simple("shared", "chat", "team-b")
            await until(HOUR + 1)
            assert str(world.seen(late)) == GOOD
            assert len(world.net.sent) == 1

    run(story())


def test_a_key_that_another_credential_saw_refused_is_asked_about_again() -> None:
    async def story() -> None:
        async with World() as world:
            world.simple("shared", "chat", "team-a")
            await until(HOUR)
            world.net.answers["shared"] = ACCEPTED
            late = world.simple("shared", "chat", "team-b")
            await until(HOUR + 1)
            assert str(world.seen(late)) == GOOD

    run(story())
