"""What all callers of one host share: budget, concurrency, circuit, suspicion, and the line of those who wait."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmkeys.api.objects import Key
from llmkeys.engine.hosts import WINDOW, Circuit, Hosts, Limits, Permit
from llmkeys.engine.lanes import Lane
from llmkeys.probe.url import Origin
from tests.unit.engine.virtual import START, HandClock, VirtualClock, run

HOST, OTHER = Origin("https", "a.example", 443), Origin("https", "b.example", 443)


class Stage:
    """Hosts with a clock that is set by hand and timers that fire only when told."""

    def __init__(self, per_second: float = 10, concurrent: int = 1000) -> None:
        self.clock = HandClock()
        self.woken: list[Key] = []
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.hosts = Hosts(self.clock, self._wake, self._call_at)
        self.hosts.set_limits({HOST}, "p", Limits(per_second, concurrent))

    def _wake(self, key: Key, _lane: Lane) -> None:
        self.woken.append(key)

    def _call_at(self, at: float, action: Callable[[], None]) -> None:
        self.timers.append((at, action))

    def pass_time(self, seconds: float) -> None:
        self.clock.time += seconds
        due = [one for one in self.timers if one[0] <= self.clock.time]
        self.timers = [one for one in self.timers if one not in due]
        for _, action in due:
            action()

    def permits(self, namespace: str, wanted: int, *, proven: bool = True) -> list[Permit]:
        """As many as can be had at this moment."""
        found = []
        for _ in range(wanted):
            permit = self.hosts.reserve(HOST, namespace, proven=proven)
            if isinstance(permit, Permit):
                found.append(permit)
        return found


# -- budget ---------------------------------------------------------------------------------------------------

ASKS = st.lists(st.tuples(st.floats(0, 2), st.sampled_from("abc"), st.booleans()), max_size=80)


@given(ASKS, st.sampled_from([0.5, 1, 3, 10]))
def test_the_budget_is_never_exceeded_in_any_stretch_of_time(asks: list[tuple[float, str, bool]], rate: float) -> None:
    stage = Stage(rate)
    taken: list[float] = []
    for passed, namespace, proven in asks:
        stage.pass_time(passed)
        permit = stage.hosts.reserve(HOST, namespace, proven=proven)
        if isinstance(permit, Permit):
            taken.append(stage.clock.time)
            stage.hosts.give_back(permit)
        else:
            assert permit > 0
    burst = max(1.0, rate)
    for first, begun in enumerate(taken):
        for last in range(first, len(taken)):
            assert last - first + 1 <= burst + (taken[last] - begun) * rate + 1e-3


@given(ASKS)
def test_newcomers_of_a_namespace_get_no_more_than_half(asks: list[tuple[float, str, bool]]) -> None:
    stage = Stage(10)
    taken: list[float] = []
    for passed, _, _ in asks:
        stage.pass_time(passed / 10)
        taken += [stage.clock.time] * len(stage.permits("a", 3, proven=False))
    for first, begun in enumerate(taken):
        assert len(taken) - first <= 5 + (taken[-1] - begun) * 5 + 1e-3


def test_one_tenants_newcomers_cost_the_others_nothing() -> None:
    stage = Stage(10)
    assert len(stage.permits("garbage", 100, proven=False)) == 5
    assert len(stage.permits("other", 2, proven=False)) == 2
    assert len(stage.permits("garbage", 100, proven=True)) == 3


def test_the_wait_that_is_told_is_enough() -> None:
    stage = Stage(4)
    stage.permits("a", 4)
    wait = stage.hosts.reserve(HOST, "a", proven=True)
    assert wait == pytest.approx(0.25)
    stage.pass_time(0.24)
    assert not stage.permits("a", 1)
    stage.pass_time(0.02)
    assert stage.permits("a", 1)


def test_no_more_calls_are_under_way_than_the_provider_allows() -> None:
    stage = Stage(100, concurrent=3)
    held = stage.permits("a", 10)
    assert len(held) == 3
    stage.hosts.give_back(held[0])
    assert len(stage.permits("a", 10)) == 1


def test_the_strictest_provider_of_a_host_holds_and_a_moved_one_lets_go() -> None:
    stage = Stage(10)
    stage.hosts.set_limits({HOST}, "strict", Limits(2, 1))
    host = stage.hosts.of(HOST)
    assert (host.per_second, host.concurrent) == (2, 1)
    stage.hosts.set_limits({OTHER}, "strict", Limits(2, 1))
    assert (host.per_second, host.concurrent) == (10, 1000)


def test_hosts_do_not_share_a_budget() -> None:
    stage = Stage(1)
    assert len(stage.permits("a", 5)) == 1
    assert isinstance(stage.hosts.reserve(OTHER, "a", proven=True), Permit)


# -- those who wait -------------------------------------------------------------------------------------------


@settings(max_examples=50)
@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.booleans(), st.floats(0, 3)), min_size=1, max_size=30, unique=True),
    st.sampled_from([0.5, 2, 20]),
    st.sampled_from([1, 3, 1000]),
)
def test_a_parked_key_is_always_woken_until_it_got_its_call(
    callers: list[tuple[str, bool, float]], rate: float, concurrent: int
) -> None:
    """Callers that ask, park, are woken and ask again, in virtual time, with calls that take a while."""

    async def story() -> None:
        clock, loop = VirtualClock(), asyncio.get_running_loop()
        served: set[Key] = set()
        tasks: set[asyncio.Task[None]] = set()
        about = {Key(namespace, str(number)): one for number, one in enumerate(callers) for namespace in one[0]}

        def wake(key: Key, lane: Lane) -> None:
            task = asyncio.create_task(ask(key, lane))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

        def call_at(at: float, action: Callable[[], None]) -> object:
            return loop.call_later(max(0.0, at - clock.now()), action)

        hosts = Hosts(clock, wake, call_at)
        hosts.set_limits({HOST}, "p", Limits(rate, concurrent))

        async def ask(key: Key, lane: Lane) -> None:
            _, proven, takes = about[key]
            permit = hosts.reserve(HOST, key.namespace, proven=proven)
            if not isinstance(permit, Permit):
                hosts.park(HOST, key, lane, permit)
                return
            await asyncio.sleep(takes)
            hosts.give_back(permit)
            served.add(key)

        for key in about:
            wake(key, Lane.CHANGE)
        longest = sum(one[2] + 4 / rate + 1 for one in callers)
        await asyncio.sleep(longest)
        assert served == set(about)
        assert hosts.of(HOST).in_flight == 0

    run(story())


def test_a_parked_key_is_woken_within_the_wait_it_asked_for_though_another_waits_longer() -> None:
    stage = Stage(10)
    stage.permits("a", 10)
    stage.hosts.park(HOST, Key("slow", "x"), Lane.REFRESH, 60)
    stage.hosts.park(HOST, Key("quick", "x"), Lane.CHANGE, 0.1)
    stage.pass_time(0.2)
    assert Key("quick", "x") in stage.woken


def test_a_call_that_ends_lets_one_in_at_once() -> None:
    stage = Stage(100, concurrent=1)
    (permit,) = stage.permits("a", 1)
    for name in "xyz":
        stage.hosts.park(HOST, Key("a", name), Lane.CHANGE, 1.0)
    stage.hosts.give_back(permit)
    assert stage.woken == [Key("a", "x")]


def test_a_forgotten_key_is_not_woken() -> None:
    stage = Stage(1)
    stage.permits("a", 1)
    stage.hosts.park(HOST, Key("a", "x"), Lane.CHANGE, 1.0)
    stage.hosts.forget(Key("a", "x"))
    stage.pass_time(10)
    assert stage.woken == []


# -- circuit --------------------------------------------------------------------------------------------------


def test_a_circuit_opens_at_the_fifth_failure_in_a_row() -> None:
    stage = Stage()
    circuit = stage.hosts.of(HOST).circuit
    for _ in range(4):
        stage.hosts.record(HOST, failed=True)
    assert not circuit.is_open(stage.clock.time)
    stage.hosts.record(HOST, failed=False)
    for _ in range(4):
        stage.hosts.record(HOST, failed=True)
    assert not circuit.is_open(stage.clock.time)
    stage.hosts.record(HOST, failed=True)
    assert circuit.is_open(stage.clock.time)
    assert circuit.is_open(stage.clock.time + 9.9)
    assert not circuit.is_open(stage.clock.time + 10.1)


def test_a_half_open_circuit_lets_one_call_in_at_a_time() -> None:
    stage = Stage(100, concurrent=16)
    for _ in range(5):
        stage.hosts.record(HOST, failed=True)
    stage.pass_time(11)
    (permit,) = stage.permits("a", 5)
    stage.hosts.record(HOST, failed=False)
    stage.hosts.give_back(permit)
    assert len(stage.permits("a", 50)) == 16


def test_a_circuit_that_fails_again_stays_open_longer_and_longer_up_to_five_minutes() -> None:
    circuit, now, waits = Circuit(), START, []
    for _ in range(4):
        circuit.record(failed=True, now=now, jitter=0.5)
    for _ in range(8):
        circuit.record(failed=True, now=now, jitter=0.5)
        waits.append(circuit.until - now)
        now = circuit.until
    assert waits == [10, 20, 40, 80, 160, 300, 300, 300]


def test_late_failures_of_calls_that_were_under_way_do_not_raise_the_wait() -> None:
    circuit = Circuit()
    for _ in range(20):
        circuit.record(failed=True, now=START, jitter=0.5)
    assert circuit.until == START + 10


# -- suspicion ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refused", "good", "suspect"), [(3, 0, False), (4, 0, True), (4, 12, True), (4, 16, False), (5, 16, True)]
)
def test_a_host_that_refuses_many_proven_keys_is_suspect(refused: int, good: int, suspect: bool) -> None:
    stage = Stage()
    for number in range(refused + good):
        stage.hosts.note_look(HOST, f"key-{number}", refused=number < refused)
    assert stage.hosts.suspect(HOST) is suspect
    assert not stage.hosts.suspect(OTHER)


def test_one_key_refused_often_counts_once() -> None:
    stage = Stage()
    for _ in range(10):
        stage.hosts.note_look(HOST, "the same", refused=True)
    assert not stage.hosts.suspect(HOST)


def test_a_suspicion_ends_after_ten_minutes() -> None:
    stage = Stage()
    for number in range(5):
        stage.hosts.note_look(HOST, f"key-{number}", refused=True)
    stage.pass_time(WINDOW - 1)
    assert stage.hosts.suspect(HOST)
    stage.pass_time(2)
    assert not stage.hosts.suspect(HOST)


def test_witnesses_are_called_once_in_ten_minutes() -> None:
    stage = Stage()
    assert stage.hosts.needs_witnesses(HOST)
    stage.pass_time(WINDOW - 1)
    assert not stage.hosts.needs_witnesses(HOST)
    assert stage.hosts.needs_witnesses(OTHER)
    stage.pass_time(2)
    assert stage.hosts.needs_witnesses(HOST)
