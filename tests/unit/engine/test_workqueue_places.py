"""Places in the work queue: given away while one waits for somebody else, never lost, never made."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from llmkeys.api.objects import Key
from llmkeys.engine.lanes import Lane
from llmkeys.engine.workqueue import WorkQueue
from tests.unit.engine.virtual import VirtualClock, run, settled, until

A, B, C = Key("a", "x"), Key("a", "y"), Key("b", "x")


def test_who_waits_for_somebody_else_gives_the_place_away_and_takes_one_again() -> None:
    async def story() -> tuple[list[str], int]:
        said: list[str] = []
        answer = asyncio.Event()
        at_once = most = 0

        async def work(key: Key, _lane: Lane) -> None:
            nonlocal at_once, most
            at_once += 1
            most = max(most, at_once)
            if key.namespace == "a":
                at_once -= 1
                async with queue.waiting():
                    await answer.wait()
                at_once += 1
                most = max(most, at_once)
            await asyncio.sleep(1)
            said.append(str(key))
            at_once -= 1

        queue = WorkQueue(work, VirtualClock(), 1)
        queue.open()
        queue.add(A, Lane.CHANGE)
        queue.add(B, Lane.CHANGE)
        queue.add(C, Lane.CHANGE)
        await until(10)
        assert said == ["b/x"]
        answer.set()
        await queue.drained()
        return said, most

    assert run(story()) == (["b/x", "a/x", "a/y"], 1)


def test_an_answer_goes_ahead_of_new_work() -> None:
    async def story() -> list[str]:
        said: list[str] = []
        answer = asyncio.Event()

        async def work(key: Key, _lane: Lane) -> None:
            if key == A:
                async with queue.waiting():
                    await answer.wait()
            await asyncio.sleep(1)
            said.append(str(key))

        queue = WorkQueue(work, VirtualClock(), 1)
        queue.open()
        for key in (A, B, C, Key("c", "x")):
            queue.add(key, Lane.CHANGE)
        await until(0.5)
        answer.set()
        await queue.drained()
        return said

    assert run(story())[:2] == ["a/y", "a/x"]


def _order_of(lanes: list[tuple[Key, Lane]], asking: set[Key], later: list[tuple[Key, Lane]]) -> list[Key]:
    """In which order keys are done with one place, where some ask somebody who answers all at once, after `later`."""

    async def story() -> list[Key]:
        done: list[Key] = []
        answer = asyncio.Event()

        async def work(key: Key, _lane: Lane) -> None:
            if key in asking:
                async with queue.waiting():
                    await answer.wait()
            await asyncio.sleep(1)
            done.append(key)

        queue = WorkQueue(work, VirtualClock(), 1)
        queue.open()
        for key, lane in lanes:
            queue.add(key, lane)
        await until(0.5)
        for key, lane in later:
            queue.add(key, lane)
        answer.set()
        await queue.drained()
        return done

    return run(story())


def test_the_answer_for_a_change_goes_ahead_of_earlier_ones_for_arrivals() -> None:
    busy = Key("b", "busy")
    order = _order_of([(A, Lane.ARRIVAL), (B, Lane.CHANGE), (busy, Lane.REFRESH)], {A, B}, [])
    assert order == [busy, B, A]


def test_a_change_begins_ahead_of_the_answer_for_an_arrival() -> None:
    busy = Key("b", "busy")
    order = _order_of([(A, Lane.ARRIVAL), (busy, Lane.REFRESH)], {A}, [(B, Lane.CHANGE), (C, Lane.ARRIVAL)])
    assert order == [busy, B, A, C]


def test_closing_stops_those_who_wait_for_somebody_else() -> None:
    async def story() -> int:
        stopped = 0

        async def work(_key: Key, _lane: Lane) -> None:
            nonlocal stopped
            try:
                async with queue.waiting():
                    await asyncio.Event().wait()
            except asyncio.CancelledError:
                stopped += 1
                raise

        queue = WorkQueue(work, VirtualClock(), 1)
        queue.open()
        for key in (A, B, C):
            queue.add(key, Lane.CHANGE)
        await settled()
        await queue.close()
        return stopped

    assert run(story()) == 3


def test_work_that_fails_gives_its_place_back() -> None:
    async def story() -> list[Key]:
        done: list[Key] = []

        async def work(key: Key, _lane: Lane) -> None:
            done.append(key)
            if key == A:
                raise asyncio.CancelledError

        queue = WorkQueue(work, VirtualClock(), 1)
        queue.open()
        for key in (A, B, A):
            queue.add(key, Lane.CHANGE)
        await queue.drained()
        return done

    assert run(story()) == [A, B, A]


WAITS = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=12)


@settings(max_examples=60)
@given(WAITS, st.integers(1, 3))
def test_places_are_neither_lost_nor_made(plan: list[tuple[bool, bool]], workers: int) -> None:
    """Some wait, some of those are stopped while they wait or while they come back; at the end all places are there."""

    async def story() -> None:
        inside = most = 0
        tasks: dict[Key, asyncio.Task[None] | None] = {}

        async def work(key: Key, _lane: Lane) -> None:
            nonlocal inside, most
            tasks[key] = asyncio.current_task()
            waits, _ = plan[int(key.name)] if key.namespace == "plan" else (False, False)
            inside += 1
            most = max(most, inside)
            try:
                if waits:
                    inside -= 1
                    try:
                        async with queue.waiting():
                            await asyncio.sleep(1)
                    finally:
                        inside += 1
                await asyncio.sleep(0.4)
            finally:
                inside -= 1

        queue = WorkQueue(work, VirtualClock(), workers)
        queue.open()
        for number in range(len(plan)):
            queue.add(Key("plan", str(number)), Lane.CHANGE)
        await until(1.1)
        for number, (_, stopped) in enumerate(plan):
            task = tasks.get(Key("plan", str(number)))
            if stopped and task is not None:
                task.cancel()
        await queue.drained()
        most = 0
        for number in range(workers + 3):
            queue.add(Key("after", str(number)), Lane.CHANGE)
        await queue.drained()
        assert most == workers

    run(story())


def test_one_who_is_stopped_on_the_way_back_is_passed_over_by_the_next_free_place() -> None:
    async def story() -> list[BaseException | None]:
        tasks: dict[Key, asyncio.Task[None]] = {}
        answer = asyncio.Event()

        async def work(key: Key, _lane: Lane) -> None:
            task = asyncio.current_task()
            assert task is not None
            tasks[key] = task
            if key == A:
                async with queue.waiting():
                    await answer.wait()
            await asyncio.sleep(1000)

        queue = WorkQueue(work, VirtualClock(), 1)
        queue.open()
        queue.add(A, Lane.CHANGE)
        queue.add(B, Lane.CHANGE)
        await settled()
        answer.set()
        await settled()
        tasks[B].cancel()
        tasks[A].cancel()
        return list(await asyncio.gather(tasks[A], tasks[B], return_exceptions=True))

    assert [type(one) for one in run(story())] == [asyncio.CancelledError] * 2
