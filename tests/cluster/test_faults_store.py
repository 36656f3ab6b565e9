"""The API server's store is full, as etcd says it when its quota is used up: it reads, and writes nothing."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.fault_scene import FaultScene, fault_scene, new_key
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


def told(scene: FaultScene) -> list[str]:
    """What the operator logged about it."""
    return [line for line in map(str, scene.operator.lines()) if FULL in line]


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
        eventually(lambda: told(scene), timeout=30, message="the cause in the log")
        assert scene.secret("chat") is None
        assert scene.operator.page("/readyz").strip() == "ok"
        calls = scene.simulator.calls_total()
        failures = len(told(scene))
        eventually(lambda: len(told(scene)) > failures, timeout=30, message="another try")
        # What fails is the write: no provider is asked for that again.
        assert scene.simulator.calls_total() == calls

    eventually(lambda: scene.delivered("chat") == new, timeout=60, message="the healed Secret")
    assert scene.operator.pid == pid
    assert scene.operator.running
    scene.credential("after", provider)
    scene.wait_ready("after")
