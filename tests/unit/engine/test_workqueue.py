import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmkeys.api.objects import Key
from llmkeys.engine.lanes import Lane
from llmkeys.engine.workqueue import WorkQueue
from tests.unit.engine.virtual import START, VirtualClock, run, settled, until

A, B, C = Key("a", "x"), Key("a", "y"), Key("b", "x")


class Worker:
    """Works on keys and remembers when, in which lane, and how many at a time."""

    def __init__(self, takes: float = 1.0) -> None:
        self.takes = takes
        self.begun: list[tuple[Key, Lane, float]] = []
        self.ended: list[Key] = []
        self.at_work: list[Key] = []
        self.most = 0
        self.clock = VirtualClock()

    async def __call__(self, key: Key, lane: Lane) -> None:
        assert key not in self.at_work
        self.at_work.append(key)
        self.most = max(self.most, len(self.at_work))
        self.begun.append((key, lane, self.clock.now() - START))
        try:
            await asyncio.sleep(self.takes)
        finally:
            self.at_work.remove(key)
        self.ended.append(key)

    @property
    def order(self) -> list[Key]:
        return [key for key, _, _ in self.begun]

    def queue(self, workers: int = 4) -> WorkQueue:
        queue = WorkQueue(self, self.clock, workers)
        queue.open()
        return queue


def test_a_key_added_many_times_while_it_waits_is_worked_on_once() -> None:
    async def story() -> Worker:
        worker = Worker()
        queue = worker.queue(workers=1)
        queue.add(B, Lane.CHANGE)
        for _ in range(5):
            queue.add(A, Lane.CHANGE)
        await queue.drained()
        return worker

    assert run(story()).order == [B, A]


def test_a_key_added_while_it_is_at_work_is_worked_on_once_more() -> None:
    async def story() -> Worker:
        worker = Worker()
        queue = worker.queue()
        queue.add(A, Lane.REFRESH)
        await until(0.5)
        for lane in (Lane.REFRESH, Lane.CHANGE, Lane.RETRY):
            queue.add(A, lane)
        await queue.drained()
        return worker

    assert run(story()).begun == [(A, Lane.REFRESH, 0), (A, Lane.CHANGE, 1)]


def test_no_more_than_the_places_are_at_work() -> None:
    async def story() -> Worker:
        worker = Worker()
        queue = worker.queue(workers=3)
        for number in range(10):
            queue.add(Key("a", str(number)), Lane.CHANGE)
        await queue.drained()
        return worker

    worker = run(story())
    assert (worker.most, len(worker.ended)) == (3, 10)


def test_a_change_goes_ahead_of_what_has_waited_longer() -> None:
    async def story() -> Worker:
        worker = Worker()
        queue = worker.queue(workers=1)
        queue.add(Key("z", "first"), Lane.CHANGE)
        for key, lane in ((A, Lane.REFRESH), (B, Lane.DRIFT), (C, Lane.CHANGE)):
            queue.add(key, lane)
        await queue.drained()
        return worker

    assert run(story()).order[1:] == [C, B, A]


@pytest.mark.parametrize("times", [(5.0, 9.0), (9.0, 5.0), (9.0, 5.0, 7.0)])
def test_of_several_times_of_a_key_the_earliest_holds(times: tuple[float, ...]) -> None:
    async def story() -> Worker:
        worker = Worker()
        queue = worker.queue()
        for at in times:
            queue.add_at(A, START + at, Lane.REFRESH)
        assert queue.delayed == 1
        await until(60)
        return worker

    assert [at for _, _, at in run(story()).begun] == [pytest.approx(5)]


def test_a_time_that_has_passed_is_now() -> None:
    async def story() -> Worker:
        worker = Worker()
        queue = worker.queue()
        queue.add_at(A, START - 100, Lane.REFRESH)
        await until(1)
        return worker

    assert run(story()).order == [A]


def test_a_closed_queue_begins_nothing_until_it_is_opened() -> None:
    async def story() -> tuple[list[Key], list[Key]]:
        worker = Worker()
        queue = WorkQueue(worker, worker.clock)
        queue.add(A, Lane.CHANGE)
        queue.add_at(B, START + 1, Lane.CHANGE)
        await until(10)
        before = worker.order
        queue.open()
        await queue.drained()
        await until(20)
        return before, worker.order

    assert run(story()) == ([], [A, B])


def test_what_is_forgotten_is_not_worked_on_again() -> None:
    async def story() -> Worker:
        worker = Worker()
        queue = worker.queue(workers=1)
        queue.add(B, Lane.CHANGE)
        await settled()
        queue.add(B, Lane.CHANGE)
        queue.add(A, Lane.CHANGE)
        queue.add_at(C, START + 5, Lane.CHANGE)
        for key in (A, B, C):
            queue.forget(key)
        await until(60)
        return worker

    assert run(story()).order == [B]


def test_closing_stops_what_is_at_work_and_begins_nothing() -> None:
    async def story() -> Worker:
        worker = Worker(takes=1000)
        queue = worker.queue(workers=1)
        queue.add(A, Lane.CHANGE)
        queue.add(B, Lane.CHANGE)
        queue.add_at(C, START + 5, Lane.CHANGE)
        await until(1)
        await queue.close()
        await until(60)
        return worker

    worker = run(story())
    assert (worker.order, worker.ended, worker.at_work) == ([A], [], [])


ADDS = st.lists(
    st.tuples(
        st.floats(0, 20), st.builds(Key, st.sampled_from("ab"), st.sampled_from("xyz")), st.none() | st.floats(0, 20)
    ),
    max_size=25,
)


@settings(max_examples=60)
@given(ADDS, st.integers(1, 3))
def test_whatever_is_added_is_worked_on_after_it_was_added(
    adds: list[tuple[float, Key, float | None]], workers: int
) -> None:
    async def story() -> None:
        worker = Worker(takes=0.7)
        queue = worker.queue(workers)
        expected: list[tuple[Key, float]] = []
        for at, key, delay in sorted(adds, key=lambda one: one[0]):
            await until(at)
            if delay is None:
                queue.add(key, Lane.CHANGE)
            else:
                queue.add_at(key, START + at + delay, Lane.REFRESH)
            expected.append((key, at))  # a later time gives way to an earlier one that is set
        await until(200)
        assert worker.most <= workers
        for key, at in expected:
            assert any(known == key and begun >= at - 1e-3 for known, _, begun in worker.begun)
        assert queue.delayed == 0
        assert len(queue) == 0

    run(story())


class Waits:
    """An observer that only remembers how long keys waited, and how many are said to wait now."""

    def __init__(self) -> None:
        self.waited: list[tuple[str, float]] = []
        self.depths: dict[str, int] = {}

    def dequeued(self, lane: str, seconds: float) -> None:
        self.waited.append((lane, seconds))

    def queued(self, lane: str, depth: int) -> None:
        assert depth >= 0
        assert lane == lane.lower()
        self.depths[lane] = depth


def test_the_time_that_a_key_waited_is_told() -> None:
    async def story() -> list[tuple[str, float]]:
        waits, worker = Waits(), Worker()
        queue = WorkQueue(worker, worker.clock, 1, waits)  # type: ignore[arg-type]
        queue.open()
        queue.add(A, Lane.CHANGE)
        queue.add(B, Lane.DRIFT)
        await queue.drained()
        return waits.waited

    lanes, waits = zip(*run(story()), strict=True)
    assert lanes == ("change", "drift")
    assert waits == pytest.approx((0, 1))


@pytest.mark.parametrize("leave", ["move up", "be forgotten"])
def test_a_key_that_leaves_its_lane_otherwise_than_to_be_worked_on_is_not_counted_there_any_more(leave: str) -> None:
    async def story() -> dict[str, int]:
        waits, worker = Waits(), Worker()
        queue = WorkQueue(worker, worker.clock, 1, waits)  # type: ignore[arg-type]
        queue.add(A, Lane.REFRESH)
        assert waits.depths == {"refresh": 1}
        if leave == "move up":
            queue.add(A, Lane.CHANGE)
            assert waits.depths == {"change": 1, "refresh": 0}
        else:
            queue.forget(A)
        queue.open()
        await queue.drained()
        return waits.depths

    assert set(run(story()).values()) == {0}
