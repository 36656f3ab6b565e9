"""How the operator ends: it lets go of what is at work, and who starts next takes it up where it stands."""

import os
import signal
from collections.abc import Iterator

import pytest

from tests.support.fault_scene import FaultScene, fault_scene
from tests.support.wait import eventually

# Whoever takes over waits for it: kopf gives tasks that it believes forgotten five seconds.
AT_ONCE = 4.0
SLOW = 10_000.0  # milliseconds, longer than it may take to end


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultScene]:
    with fault_scene(tmp_path_factory.mktemp("shutdown"), proxied=True) as made:
        yield made


@pytest.fixture
def scene(running: FaultScene) -> Iterator[FaultScene]:
    running.new_namespace("shutdown")
    running.simulator.latency("openai", 0.0)
    running.start_operator()
    yield running
    running.proxy.release()
    running.stop_operator()


def told_to_end(scene: FaultScene) -> None:
    operator = scene.operator
    os.kill(operator.pid, signal.SIGTERM)
    eventually(lambda: not operator.running, timeout=AT_ONCE, message="the operator's end")
    assert operator.lines()[-1]["event"] == "stopped"


def test_it_ends_at_once_when_it_is_asked_to_and_has_nothing_to_do(scene: FaultScene) -> None:
    told_to_end(scene)


def test_a_look_under_way_is_abandoned_and_made_once_more_by_the_next(scene: FaultScene) -> None:
    """It waits for no provider: who takes over would wait as long, and a provider may not answer at all."""
    scene.simulator.latency("openai", SLOW)
    key = scene.credential("chat", scene.provider())
    eventually(lambda: scene.simulator.calls(key), timeout=30, message="a look under way")

    told_to_end(scene)

    assert scene.delivered("chat") is None
    assert scene.conditions("chat").get("Ready", {}).get("status") != "True"
    scene.simulator.latency("openai", 0.0)
    scene.start_operator()
    scene.wait_ready("chat")
    assert scene.delivered("chat") == key
    assert len(scene.simulator.calls(key)) == 2


def test_between_a_secret_and_its_status_nothing_is_lost_and_nothing_written_twice(scene: FaultScene) -> None:
    cut = scene.proxy.hold_after(1, path=f"/namespaces/{scene.namespace}/secrets")
    key = scene.credential("chat", scene.provider())
    eventually(cut.reached.is_set, message="the Secret, of which the operator has not heard")
    secret = scene.secret_there("chat")

    told_to_end(scene)

    assert scene.conditions("chat").get("Ready", {}).get("status") != "True"
    scene.proxy.release()
    scene.start_operator()
    scene.wait_ready("chat")
    assert scene.delivered("chat") == key
    assert scene.secret_there("chat")["metadata"]["resourceVersion"] == secret["metadata"]["resourceVersion"]
    assert len(scene.simulator.calls(key)) <= 2


def test_between_two_credentials_what_is_in_line_is_left_to_the_next(scene: FaultScene) -> None:
    scene.simulator.latency("openai", SLOW)
    provider, before = scene.provider(validation={"maxConcurrent": 1}), scene.simulator.calls_total()
    keys = {name: scene.credential(name, provider) for name in ("a", "b", "c")}
    eventually(lambda: scene.simulator.calls_total() > before, message="a look under way")

    told_to_end(scene)

    assert scene.simulator.calls_total() == before + 1
    scene.simulator.latency("openai", 0.0)
    scene.start_operator()
    scene.wait_ready(*keys)
    assert {name: scene.delivered(name) for name in keys} == keys
