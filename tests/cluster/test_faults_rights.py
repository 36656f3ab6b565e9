"""A controller of a few namespaces, in one of which nobody has given it its rights: the others have what they need."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from llmkeys.api.names import DEFAULT_NAMESPACE
from tests.support.audit_roles import WHERE_LISTED, ungranted
from tests.support.audit_trail import uses_in
from tests.support.cluster_install import ROOT
from tests.support.fault_scene import FaultScene, fault_scene
from tests.support.wait import eventually

FOLDER: Final = ROOT / "config" / "rbac" / "watch-namespaces"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultScene]:
    """A cluster in which no namespace is served but those that are listed."""
    with fault_scene(tmp_path_factory.mktemp("rights"), audit=True) as made:
        made.plane.kubectl("delete", "clusterrolebinding", "llmkeys-tenant")
        made.plane.kubectl("apply", "-f", FOLDER / "own-namespace.yaml")
        yield made


@pytest.fixture
def scene(running: FaultScene) -> Iterator[FaultScene]:
    yield running
    running.stop_operator()


def bound(scene: FaultScene, *, rights: bool = True) -> str:
    """A new namespace, in which the scene goes on, with the controller's rights or without."""
    name = scene.new_namespace("rights")
    if rights:
        scene.plane.kubectl("apply", "-n", name, "-f", FOLDER / "watched-namespace.yaml")
    return name


def audit_log(scene: FaultScene) -> Path:
    assert scene.plane.audit_log is not None
    return scene.plane.audit_log


def test_it_serves_the_listed_ones_and_asks_for_nothing_beyond_its_roles(scene: FaultScene) -> None:
    since = audit_log(scene).stat().st_size if scene.plane.audit_log else 0
    first, second = bound(scene), bound(scene)
    scene.start_operator(f"--watch-namespaces={first},{second}")
    key = scene.proven("chat", scene.provider())

    assert scene.delivered("chat") == key
    scene.settle()
    scene.stop_operator()
    uses = set(uses_in(audit_log(scene).read_bytes()[since:]))
    assert {first, second, DEFAULT_NAMESPACE} <= {one.namespace for one in uses}
    assert ungranted(WHERE_LISTED, uses) == []


def test_one_without_rights_is_reported_and_the_others_are_served(scene: FaultScene) -> None:
    closed = bound(scene, rights=False)
    served = bound(scene)

    scene.start_operator(f"--watch-namespaces={closed},{served}")

    key = scene.proven("chat", scene.provider())
    assert scene.delivered("chat") == key
    told = [line for line in scene.operator.lines() if line.get("namespace") == closed]
    assert [(line["level"], line["detail"]) for line in told] == [
        ("error", "list llmcredentials: forbidden; check the roles of the operator's account")
    ]
    assert "llmkeys-tenant" in str(told[0]["event"])
    assert scene.operator.page("/healthz").strip() == "ok"


def test_rights_that_come_later_are_noticed_and_used_after_a_new_start(scene: FaultScene) -> None:
    served = bound(scene)
    late = bound(scene, rights=False)
    listed = f"--watch-namespaces={late},{served}"
    scene.start_operator(listed)
    scene.credential("chat", scene.provider())
    assert scene.status("chat")["observedGeneration"] == -1

    scene.plane.kubectl("apply", "-n", late, "-f", FOLDER / "watched-namespace.yaml")

    # It ends by itself, for whoever runs it to start it again, as the kubelet does.
    eventually(lambda: not scene.operator.running, timeout=40, message="the end of this run")
    scene.start_operator(listed)
    scene.wait_ready("chat")


def test_rights_that_are_taken_away_in_one_leave_the_others_alone(scene: FaultScene) -> None:
    losing = bound(scene)
    scene.credential("before", scene.provider())
    served = bound(scene)
    scene.start_operator(f"--watch-namespaces={losing},{served}")

    scene.plane.kubectl("delete", "rolebinding", "llmkeys-tenant", "-n", losing)

    scene.proven("chat", scene.provider())
    assert scene.operator.running


def test_with_no_rights_anywhere_it_ends_and_says_which_are_missing(scene: FaultScene) -> None:
    closed = bound(scene, rights=False)

    scene.start_operator(f"--watch-namespaces={closed}", wait=False)

    eventually(lambda: not scene.operator.running, timeout=30, message="the end of it")
    assert "list llmcredentials: forbidden; check the roles" in scene.operator.text()
