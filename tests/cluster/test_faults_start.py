"""A controller that is started before what it needs is there, and beside an API server that goes and comes."""

from collections.abc import Iterator

import pytest

from tests.support.cluster_install import ROOT
from tests.support.fault_scene import FaultScene, fault_scene
from tests.support.wait import eventually


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultScene]:
    with fault_scene(tmp_path_factory.mktemp("start")) as made:
        yield made


@pytest.fixture
def scene(running: FaultScene) -> Iterator[FaultScene]:
    running.new_namespace("start")
    yield running
    running.stop_operator()


def told(scene: FaultScene, text: str) -> list[str]:
    return [line for line in map(str, scene.operator.lines()) if text in line]


def test_missing_crds_are_told_once_waited_for_and_used_when_they_come(scene: FaultScene) -> None:
    scene.plane.kubectl("delete", "-f", ROOT / "crds", "--wait=true")
    scene.start_operator(wait=False)
    eventually(lambda: told(scene, "kubectl apply --server-side -f crds/"), message="what is missing")
    assert scene.operator.page("/readyz").strip() != "ok"
    assert scene.operator.page("/healthz").strip() == "ok"

    scene.plane.kubectl("apply", "--server-side", "-f", ROOT / "crds")

    scene.operator.wait_ready()
    assert len(told(scene, "the CRDs are missing")) == 1
    key = scene.proven("chat", scene.provider())
    assert scene.delivered("chat") == key


def test_one_missing_kind_is_missed_like_both(scene: FaultScene) -> None:
    scene.plane.kubectl("delete", "-f", ROOT / "crds" / "llmproviders.yaml", "--wait=true")
    scene.start_operator(wait=False)
    eventually(lambda: told(scene, "the CRDs are missing"), message="what is missing")

    scene.plane.kubectl("apply", "--server-side", "-f", ROOT / "crds" / "llmproviders.yaml")

    scene.operator.wait_ready()


def test_a_restarted_api_server_is_picked_up_and_nothing_is_asked_twice(scene: FaultScene) -> None:
    scene.start_operator()
    provider = scene.provider()
    key = scene.proven("chat", provider)
    scene.settle()
    pid, calls = scene.operator.pid, len(scene.simulator.calls(key))

    scene.plane.restart_apiserver()

    scene.credential("after", provider)
    scene.wait_ready("after", timeout=60)
    scene.api.delete(scene.secret_path("chat"))
    eventually(lambda: scene.delivered("chat") == key, timeout=30, message="the healed Secret")
    assert scene.operator.pid == pid
    assert scene.operator.running
    assert len(scene.simulator.calls(key)) == calls


def test_an_api_server_that_is_away_at_the_start_is_waited_for(scene: FaultScene) -> None:
    scene.start_operator()
    provider = scene.provider()
    key = scene.proven("chat", provider)
    scene.settle()
    scene.stop_operator()
    calls = len(scene.simulator.calls(key))
    # Its account's token is asked of the API server, so it begins before that goes.
    scene.start_operator(wait=False)
    scene.plane.stop_apiserver(grace=0)
    assert scene.operator.running

    scene.plane.start_apiserver()

    scene.operator.wait_ready()
    scene.wait_ready("chat")
    assert len(scene.simulator.calls(key)) == calls
