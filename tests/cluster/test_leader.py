"""Two controllers in one namespace: one leads, and the other takes over whatever happens to it."""

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from typing import cast

import pytest

from llmkeys.api.names import CREDENTIAL_PLURAL, DEFAULT_NAMESPACE, LEASE
from tests.support.cluster import ControlPlane
from tests.support.fault_scene import FaultScene, fault_scene, new_key
from tests.support.operator_process import OperatorProcess
from tests.support.simulator.behaviour import Behaviour
from tests.support.wait import eventually

LEASE_PATH = f"/apis/coordination.k8s.io/v1/namespaces/{DEFAULT_NAMESPACE}/leases/{LEASE}"
WRITES = "POST|PUT|PATCH|DELETE"
# Deadlines for a busy machine; the numbers to hold are the bench's. A Lease that was given back is not waited out.
AFTER_CRASH, AFTER_SIGTERM = 30.0, 8.0
DEAF, CUT_OFF = 600.0, 20.0  # seconds
LOST = "the Lease was lost; beginning anew, since another may lead"
AWAY = 4  # renewals, tried once a second
SLOW = 2_000.0  # milliseconds: so long a look is under way when its sender is stopped


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultScene]:
    with fault_scene(tmp_path_factory.mktemp("leader"), proxied=True) as made:
        yield made


class Replicas:
    """The controllers of one test; `watched` speaks to the API server through the proxy."""

    def __init__(self, scene: FaultScene, stack: ExitStack, folder: Path) -> None:
        self.scene = scene
        self._stack = stack
        self._folder = folder
        self._count = 0

    def start(self, *, watched: bool = False, wait: bool = True) -> OperatorProcess:
        plane = cast("ControlPlane", self.scene.proxy) if watched else self.scene.plane
        self._count += 1
        folder = self._folder / str(self._count)
        folder.mkdir()
        return self._stack.enter_context(OperatorProcess.start(plane, folder, election=True, wait=wait))

    def leader(self, *, watched: bool = False) -> OperatorProcess:
        """Start one that leads."""
        made = self.start(watched=watched)
        eventually(lambda: made.leads, timeout=15, message="the first leader")
        return made

    def written(self) -> list[tuple[str, str]]:
        """What the watched one has written, its Lease aside."""
        passed = self.scene.proxy.passed(WRITES)
        return [(one.method, one.path) for one in passed if f"/leases/{LEASE}" not in one.path]


@pytest.fixture
def replicas(running: FaultScene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicas]:
    running.new_namespace("leader")
    running.simulator.latency("openai", 0.0)
    if running.api.get(LEASE_PATH) is not None:
        running.api.merge(LEASE_PATH, {"spec": {"holderIdentity": ""}})
    running.proxy.forget()
    with ExitStack() as stack:
        yield Replicas(running, stack, tmp_path_factory.mktemp("replicas"))
        running.proxy.forget()


def holder(scene: FaultScene) -> str:
    return str(scene.api.get(LEASE_PATH)["spec"]["holderIdentity"])


def lead_within(operator: OperatorProcess, seconds: float) -> None:
    eventually(lambda: operator.leads, timeout=seconds, every=0.02, message="the other's leadership")


def said(operator: OperatorProcess, event: str) -> datetime:
    """When it logged something; the line may come a moment after what it tells of."""
    line = eventually(lambda: [one for one in operator.lines() if one["event"] == event], message=event)[0]
    return datetime.fromisoformat(str(line["timestamp"]))


def began_anew(operator: OperatorProcess) -> None:
    """Wait until the one that lost the Lease stands by, in the same process."""

    def listening() -> list[datetime]:
        assert operator.running
        return [at for at in times(operator, "ready") if at > said(operator, LOST)]

    eventually(listening, timeout=30, message="the one that began anew")


def times(operator: OperatorProcess, event: str) -> list[datetime]:
    return [datetime.fromisoformat(str(one["timestamp"])) for one in operator.lines() if one["event"] == event]


def resource_versions(scene: FaultScene, names: list[str]) -> list[str]:
    paths = [path(name) for name in names for path in (scene.credential_path, scene.secret_path)]
    return [scene.api.get(path)["metadata"]["resourceVersion"] for path in paths]


def test_one_leads_and_the_other_stands_by_with_warm_caches_and_writes_nothing(replicas: Replicas) -> None:
    scene = replicas.scene
    first = replicas.leader()
    second = replicas.start(watched=True)
    key = scene.proven("chat", scene.provider())

    assert scene.delivered("chat") == key
    assert (first.leads, second.leads) == (True, False)
    assert second.page("/readyz").strip() == "ok"
    eventually(lambda: second.metric("llmkeys_queue_depth") > 0, message="the credential in the other's caches")
    assert second.metric("llmkeys_reconcile_duration_seconds_count") == 0
    assert replicas.written() == []
    assert len(scene.simulator.calls(key)) == 1


@pytest.mark.parametrize(("number", "within"), [(signal.SIGKILL, AFTER_CRASH), (signal.SIGTERM, AFTER_SIGTERM)])
def test_the_other_takes_over_without_a_call_or_a_write_for_what_is_fresh(
    replicas: Replicas, number: signal.Signals, within: float
) -> None:
    scene = replicas.scene
    first = replicas.leader()
    provider = scene.provider()
    names = [f"good-{index}" for index in range(8)]
    for name in names:
        scene.credential(name, provider)
    scene.credential("dead", provider, behaviour=Behaviour.REVOKED)
    scene.wait_ready(*names)
    scene.wait_condition("dead", "Ready", "False", "Rejected")
    wanted = {"total": 9, "active": 8, "invalid": 1, "rateLimited": 0}
    counts = eventually(lambda: scene.api.get(scene.provider_path(provider))["status"]["credentials"] == wanted)
    assert counts
    second = replicas.start(watched=True)
    before, calls = resource_versions(scene, names), scene.simulator.calls_total()

    os.kill(first.pid, number)
    lead_within(second, within)

    eventually(lambda: second.metric("llmkeys_reconcile_duration_seconds_count") >= len(names) + 1)
    eventually(lambda: second.metric("llmkeys_queue_depth") == 0)
    assert replicas.written() == []
    assert resource_versions(scene, names) == before
    assert scene.simulator.calls_total() == calls
    scene.proven("one-more", provider)
    if number == signal.SIGTERM:
        assert [line["event"] for line in first.lines()][-2:] == ["the Lease was given back", "stopped"]


def test_a_status_that_the_other_was_not_told_of_is_read_before_it_begins(replicas: Replicas) -> None:
    scene = replicas.scene
    scene.simulator.latency("openai", SLOW)
    first, second = replicas.leader(), replicas.start(watched=True)
    key = scene.credential("chat", provider := scene.provider())
    eventually(lambda: second.metric("llmkeys_queue_depth") > 0, message="the credential in the other's caches")
    eventually(lambda: scene.proxy.watches(f"/{CREDENTIAL_PLURAL}") == 1, message="the other's watch")
    scene.proxy.delay("GET", f"/{CREDENTIAL_PLURAL}.*watch=", DEAF, times=1_000)
    assert scene.proxy.drop_watches(f"/{CREDENTIAL_PLURAL}") == 1
    scene.wait_ready("chat")
    eventually(lambda: scene.api.get(scene.provider_path(provider))["status"]["credentials"]["active"] == 1)

    os.kill(first.pid, signal.SIGTERM)
    lead_within(second, AFTER_SIGTERM)

    eventually(lambda: second.metric("llmkeys_reconcile_duration_seconds_count") >= 1)
    eventually(lambda: second.metric("llmkeys_queue_depth") == 0)
    assert len(scene.simulator.calls(key)) == 1
    assert replicas.written() == []


def test_what_the_leader_was_doing_is_finished_by_the_other(replicas: Replicas) -> None:
    scene = replicas.scene
    scene.simulator.latency("openai", SLOW)
    first, second = replicas.leader(), replicas.start()
    key = scene.credential("chat", scene.provider())
    eventually(lambda: scene.simulator.calls(key), message="a look under way")

    os.kill(first.pid, signal.SIGTERM)

    scene.wait_ready("chat", timeout=30)
    assert second.leads
    assert scene.delivered("chat") == key
    assert len(scene.simulator.calls(key)) <= 2


def test_a_leader_that_was_paused_writes_nothing_when_it_goes_on_and_stands_by(replicas: Replicas) -> None:
    scene = replicas.scene
    scene.simulator.latency("openai", SLOW)
    first, second = replicas.leader(watched=True), replicas.start()
    provider = scene.provider()
    keys = {name: scene.credential(name, provider) for name in ("a", "b", "c", "d")}
    eventually(lambda: all(scene.simulator.calls(key) for key in keys.values()), message="looks under way")

    os.kill(first.pid, signal.SIGSTOP)
    try:
        lead_within(second, AFTER_CRASH)
        scene.wait_ready(*keys)
        before = replicas.written()
        later = scene.proven("later", provider)
    finally:
        os.kill(first.pid, signal.SIGCONT)

    began_anew(first)
    assert said(first, LOST) > said(second, "leading")
    assert replicas.written() == before
    assert {name: scene.delivered(name) for name in (*keys, "later")} == {**keys, "later": later}
    assert (first.leads, second.leads) == (False, True)


def test_who_began_anew_leads_when_it_is_its_turn_and_asks_nothing_twice(replicas: Replicas) -> None:
    scene = replicas.scene
    first, second = replicas.leader(), replicas.start()
    pid, key = first.pid, scene.proven("chat", scene.provider())
    version = scene.secret_there("chat")["metadata"]["resourceVersion"]
    os.kill(first.pid, signal.SIGSTOP)
    try:
        lead_within(second, AFTER_CRASH)
    finally:
        os.kill(first.pid, signal.SIGCONT)
    began_anew(first)

    os.kill(second.pid, signal.SIGTERM)
    lead_within(first, AFTER_SIGTERM)

    assert first.pid == pid
    eventually(lambda: first.metric("llmkeys_reconcile_duration_seconds_count") >= 1)
    eventually(lambda: first.metric("llmkeys_queue_depth") == 0)
    assert len(scene.simulator.calls(key)) == 1
    assert scene.secret_there("chat")["metadata"]["resourceVersion"] == version
    scene.proven("later", scene.provider())


def test_a_leader_that_is_cut_off_stops_before_the_other_leads_and_stands_by_when_it_is_back(
    replicas: Replicas,
) -> None:
    scene = replicas.scene
    first, second = replicas.leader(watched=True), replicas.start()
    provider = scene.provider()
    scene.proven("chat", provider)

    scene.proxy.delay(".*", ".*", CUT_OFF, times=1_000_000)
    lead_within(second, AFTER_CRASH)

    assert said(first, LOST) < said(second, "leading")
    scene.proven("later", provider)
    scene.proxy.forget()
    began_anew(first)
    assert (first.leads, second.leads) == (False, True)
    assert replicas.written() == []


def test_who_is_told_to_stop_when_it_has_lost_the_lease_stops(replicas: Replicas) -> None:
    first, second = replicas.leader(), replicas.start()

    os.kill(first.pid, signal.SIGSTOP)
    lead_within(second, AFTER_CRASH)
    os.kill(first.pid, signal.SIGTERM)
    os.kill(first.pid, signal.SIGCONT)

    eventually(lambda: not first.running, timeout=15, message="the end of the one that was told to stop")
    assert len(times(first, LOST)) == 1
    assert len(times(first, "starting")) == 1
    assert first.lines()[-1]["event"] == "stopped"


def test_an_api_server_that_is_away_for_some_seconds_changes_no_leader(replicas: Replicas) -> None:
    scene = replicas.scene
    first, second = replicas.leader(watched=True), replicas.start()
    leader = holder(scene)

    renewals = scene.proxy.fail("PATCH", f"/leases/{LEASE}", 503, times=AWAY)
    scene.proxy.fail(".*", "^(?!.*/leases/)", 503, times=1_000_000)
    scene.proxy.drop_watches()
    eventually(lambda: renewals.met == AWAY, timeout=AFTER_CRASH, message="renewals that fail")
    scene.proxy.forget()

    key = scene.proven("chat", scene.provider())
    assert (first.leads, second.leads) == (True, False)
    assert holder(scene) == leader
    assert len(scene.simulator.calls(key)) == 1


def test_after_a_restart_of_the_api_server_one_of_them_leads(replicas: Replicas) -> None:
    scene = replicas.scene
    both = [replicas.leader(), replicas.start()]

    scene.plane.restart_apiserver()  # on a busy machine that may take longer than a Lease lasts

    renewed = scene.api.get(LEASE_PATH)["spec"]["renewTime"]
    eventually(lambda: scene.api.get(LEASE_PATH)["spec"]["renewTime"] > renewed, timeout=30, message="a renewal")
    scene.proven("chat", scene.provider())
    assert sum(one.running and one.leads for one in both) == 1


def test_a_restart_that_has_to_wait_for_nobody_calls_nobody_and_writes_only_its_lease(replicas: Replicas) -> None:
    scene = replicas.scene
    first = replicas.leader()
    scene.proven("chat", provider := scene.provider())
    eventually(lambda: scene.api.get(scene.provider_path(provider))["status"]["credentials"]["active"] == 1)
    calls = scene.simulator.calls_total()
    first.stop()

    again = replicas.start(watched=True)

    eventually(lambda: again.leads, timeout=AFTER_SIGTERM, message="leadership, with nobody to wait for")
    eventually(lambda: again.metric("llmkeys_reconcile_duration_seconds_count") >= 1)
    eventually(lambda: again.metric("llmkeys_queue_depth") == 0)
    assert replicas.written() == []
    assert scene.simulator.calls_total() == calls
    # One list of each kind is enough: nobody led since it began.
    lists = scene.proxy.passed("GET", rf"/{CREDENTIAL_PLURAL}(\?|$)")
    listed = [one.path for one in lists if "watch" not in one.path]
    assert len(listed) <= 2, listed  # ours, and kopf's


def test_a_rotation_goes_on_under_the_next_leader(replicas: Replicas) -> None:
    scene = replicas.scene
    first, second = replicas.leader(), replicas.start()
    scene.proven("chat", scene.provider())
    key = new_key()
    scene.simulator.set(key, Behaviour.GOOD)

    first.kill()
    scene.source("chat-source", key)

    eventually(lambda: scene.delivered("chat") == key, timeout=20, message="the new key")
    assert second.leads
