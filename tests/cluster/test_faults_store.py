"""The API server's store is full, as etcd says it when its quota is used up: it reads, and writes nothing."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.fault_scene import FaultScene, fault_scene, new_key
from tests.support.operator_process import OperatorProcess
from tests.support.simulator.behaviour import Behaviour
from tests.support.wait import eventually

FULL = "its store is full"


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultScene]:
    with fault_scene(tmp_path_factory.mktemp("store")) as made:
        made.start_operator()
        yield made


def asked(scene: FaultScene, path: str, body: dict[str, Any]) -> dict[str, Any]:
    """One call to etcd itself, over its gateway."""
    request = urllib.request.Request(f"{scene.plane.etcd}{path}", json.dumps(body).encode())  # noqa: S310  its own, on loopback
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
        found: dict[str, Any] = json.loads(answer.read())
    return found


@contextmanager
def full(scene: FaultScene) -> Iterator[None]:
    """The alarm that etcd raises by itself when its quota is used up, and that a person disarms who has made room."""
    member = asked(scene, "/v3/maintenance/status", {})["header"]["member_id"]
    alarm = {"memberID": member, "alarm": "NOSPACE"}
    asked(scene, "/v3/maintenance/alarm", {"action": "ACTIVATE", **alarm})
    try:
        yield
    finally:
        asked(scene, "/v3/maintenance/alarm", {"action": "DEACTIVATE", **alarm})


def told(operator: OperatorProcess) -> list[str]:
    """What it logged about that."""
    return [line for line in map(str, operator.lines()) if FULL in line]


def test_while_it_is_full_the_cause_is_logged_and_what_could_not_be_written_is_written_afterwards(
    scene: FaultScene,
) -> None:
    scene.new_namespace("full")
    provider = scene.provider()
    old = scene.proven("chat", provider)
    new = new_key()
    scene.simulator.set(new, Behaviour.GOOD)
    scene.source("chat-source", new)
    eventually(lambda: scene.delivered("chat") == new)
    scene.settle()
    pid = scene.operator.pid
    scene.credential("late", provider)
    scene.wait_ready("late")

    with full(scene):
        scene.simulator.set(new, Behaviour.REVOKED)
        scene.simulator.set(old, Behaviour.REVOKED)
        scene.api.delete(scene.secret_path("chat"))  # what is deleted makes room: that works
        eventually(lambda: told(scene.operator), timeout=30, message="the cause in the log")
        assert scene.secret("chat") is None
        assert scene.operator.page("/readyz").strip() == "ok"
        calls = scene.simulator.calls_total()
        failures = len(told(scene.operator))
        eventually(lambda: len(told(scene.operator)) > failures, timeout=30, message="another try")
        # What fails is the write: no provider is asked for that again.
        assert scene.simulator.calls_total() == calls

    eventually(lambda: scene.delivered("chat") == new, timeout=60, message="the healed Secret")
    assert scene.operator.pid == pid
    assert scene.operator.running
    scene.credential("after", provider)
    scene.wait_ready("after")


def test_a_leader_whose_lease_cannot_be_renewed_waits_and_leads_again_by_itself(
    scene: FaultScene, tmp_path: Path
) -> None:
    scene.stop_operator()
    scene.new_namespace("full")
    provider = scene.provider()
    with OperatorProcess.start(scene.plane, tmp_path, election=True) as leader:
        eventually(lambda: leader.leads, timeout=30, message="the leader")
        key, pid = scene.proven("chat", provider), leader.pid

        with full(scene):
            lost = eventually(lambda: events(leader, "Lease was lost"), timeout=30, message="the end of its time")
            ready = len(events(leader, "ready"))
            eventually(lambda: len(events(leader, "ready")) > ready, timeout=30, message="the one that waits")
            scene.api.delete(scene.secret_path("chat"))
            failures = len(told(leader))
            eventually(
                lambda: len(told(leader)) > failures, timeout=30, message="the cause, told by the one that waits"
            )
            assert not leader.leads
            assert leader.page("/readyz").strip() == "ok"

        eventually(lambda: leader.leads, timeout=30, message="its leadership")
        eventually(lambda: scene.delivered("chat") == key, timeout=30, message="the healed Secret")
        assert (len(lost), len(events(leader, "Lease was lost"))) == (1, 1)
        assert (leader.running, leader.pid) == (True, pid)
        assert len(scene.simulator.calls(key)) == 1


def events(operator: OperatorProcess, text: str) -> list[str]:
    return [str(line["event"]) for line in operator.lines() if text in str(line["event"])]
