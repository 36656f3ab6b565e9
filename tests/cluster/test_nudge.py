"""Nudges against a real API server: which pods are patched, how soon, and what else the right to is good for."""

from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from llmkeys.api.names import CONTROLLER_ACCOUNT, DEFAULT_NAMESPACE, NUDGED_ANNOTATION
from tests.support.admin_api import AdminApi, ApiStatusError
from tests.support.fault_scene import FaultScene, fault_scene, new_key
from tests.support.simulator.behaviour import Behaviour
from tests.support.wait import eventually
from tests.support.workload_objects import Object, switch_off, switch_on

ONLY_THAT: Final = "changes of a pod nothing but the annotation llmkeys.dev/nudged"
# Containers are told apart by their names.
STRATEGIC: Final = "application/strategic-merge-patch+json"
INJECTED: Final = {"llmkeys.dev/inject": "true"}
ASKING: Final = {"llmkeys.dev/nudge": "true"}
FOLLOWED: Final = {"llmkeys.dev/follow": "true"}
PLAIN: Final[Object] = {"name": "keys", "secret": {"secretName": "chat"}}
PROJECTED: Final[Object] = {"name": "keys", "projected": {"sources": [{"secret": {"name": "chat", "optional": True}}]}}
OTHER: Final[Object] = {"name": "keys", "secret": {"secretName": "other"}}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultScene]:
    """A control plane with nudges on, and an operator that may nudge."""
    with fault_scene(tmp_path_factory.mktemp("nudge"), types=("openai",)) as made:
        switch_on(made, "nudge")
        made.start_operator("--nudge")
        yield made


@pytest.fixture
def scene(running: FaultScene) -> FaultScene:
    """A namespace of its own, in which a key is delivered."""
    running.new_namespace("nudge")
    running.proven("chat", running.provider())
    eventually(lambda: running.api.get(f"/api/v1/namespaces/{running.namespace}/serviceaccounts/default"))
    return running


def pods_path(scene: FaultScene, name: str = "") -> str:
    folder = f"/api/v1/namespaces/{scene.namespace}/pods"
    return f"{folder}/{name}" if name else folder


def create_pod(
    scene: FaultScene,
    name: str,
    volume: Object,
    labels: dict[str, str],
    annotations: dict[str, str] | None = None,
    phase: str = "Running",
) -> None:
    """A pod in a phase that no kubelet here would bring it to."""
    spec = {"containers": [{"name": "app", "image": "example.invalid/app:1"}], "volumes": [volume]}
    metadata = {"name": name, "labels": labels, "annotations": annotations or {}}
    scene.api.create(pods_path(scene), {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})
    scene.api.merge(f"{pods_path(scene, name)}/status", {"status": {"phase": phase}})


def rotate(scene: FaultScene) -> None:
    key = new_key()
    scene.simulator.set(key, Behaviour.GOOD)
    scene.source("chat-source", key)


def nudged(scene: FaultScene) -> dict[str, str]:
    """The versions that pods were nudged for, by their names."""
    found: dict[str, Any] = {one["metadata"]["name"]: one for one in scene.api.get(pods_path(scene))["items"]}
    seen = {name: one["metadata"].get("annotations", {}).get(NUDGED_ANNOTATION, "") for name, one in found.items()}
    return {name: version for name, version in seen.items() if version}


def test_running_pods_that_follow_the_secret_are_nudged_once_it_is_written_and_no_others(scene: FaultScene) -> None:
    create_pod(scene, "followed", PROJECTED, INJECTED, FOLLOWED)
    create_pod(scene, "asking", PLAIN, ASKING)
    create_pod(scene, "once", PROJECTED, INJECTED)
    create_pod(scene, "silent", PLAIN, {})
    create_pod(scene, "elsewhere", OTHER, ASKING)
    create_pod(scene, "ended", PLAIN, ASKING, phase="Succeeded")

    rotate(scene)

    eventually(lambda: set(nudged(scene)) == {"followed", "asking"}, message="the nudges")
    scene.settle()
    version = scene.secret_there("chat")["metadata"]["resourceVersion"]
    assert nudged(scene) == {"followed": version, "asking": version}
    first = version
    rotate(scene)
    eventually(lambda: first not in nudged(scene).values(), message="the next nudges")


def test_a_restart_of_the_operator_nudges_nobody(scene: FaultScene) -> None:
    create_pod(scene, "asking", PLAIN, ASKING)
    scene.stop_operator()

    scene.start_operator("--nudge")

    scene.settle()
    assert nudged(scene) == {}


def test_without_the_right_keys_are_delivered_all_the_same(scene: FaultScene) -> None:
    create_pod(scene, "asking", PLAIN, ASKING)
    scene.plane.kubectl("delete", "clusterrolebinding", "llmkeys-nudge")
    try:
        before = scene.secret_there("chat")["data"]
        rotate(scene)
        eventually(lambda: scene.secret_there("chat")["data"] != before, message="the delivery")
        scene.wait_ready("chat")
        scene.settle()
        assert nudged(scene) == {}
    finally:
        switch_on(scene, "nudge")


# -- what the controller's account may do -------------------------------------------------------------------------

Patch = Callable[..., str]


@pytest.fixture(scope="module")
def patch(running: FaultScene) -> Patch:
    """Patch a pod (dry run) as the controller's account; empty if it may, else why not."""
    kubeconfig = running.plane.service_account_kubeconfig(DEFAULT_NAMESPACE, CONTROLLER_ACCOUNT)
    running.new_namespace("nudge-policy")
    eventually(lambda: running.api.get(f"/api/v1/namespaces/{running.namespace}/serviceaccounts/default"))
    create_pod(running, "web", PLAIN, ASKING, {"team": "chat"})
    path = pods_path(running, "web")
    # kubectl reads what it patches, which this account may not.
    account = AdminApi(running.plane, kubeconfig)

    def run(change: object, subresource: str = "") -> str:
        try:
            account.call("PATCH", f"{path}{subresource}?dryRun=All", change, STRATEGIC)
        except ApiStatusError as error:
            return str(error)
        return ""

    eventually(lambda: ONLY_THAT in run(annotated("x", "team")), message="the policy's coming into force")
    return run


def annotated(value: str | None, name: str = NUDGED_ANNOTATION) -> dict[str, object]:
    return {"metadata": {"annotations": {name: value}}}


def test_the_controller_may_nudge(patch: Patch) -> None:
    assert patch(annotated("4711")) == ""


@pytest.mark.parametrize(
    "change",
    [
        annotated("x", "team"),
        annotated(None, "team"),
        annotated("x", "another"),
        {"metadata": {"labels": {"more": "x"}}},
        {"metadata": {"labels": {"llmkeys.dev/nudge": None}}},
        {"metadata": {"finalizers": ["llmkeys.dev/never"]}},
        {"spec": {"containers": [{"name": "app", "image": "evil:1"}]}},
        {"spec": {"activeDeadlineSeconds": 1}},
    ],
    ids=["changed", "removed", "added", "label", "no label", "finalizer", "image", "deadline"],
)
def test_the_controller_may_change_nothing_else(change: object, patch: Patch) -> None:
    assert ONLY_THAT in patch(change)


@pytest.mark.parametrize("value", ["sk-a-key", "", "1 2", "9" * 21])
def test_the_annotation_is_a_version_alone(value: str, patch: Patch) -> None:
    assert "is a resourceVersion" in patch(annotated(value))


@pytest.mark.parametrize("subresource", ["status", "resize"])
def test_the_controller_changes_no_part_of_a_pod_by_a_subresource(subresource: str, patch: Patch) -> None:
    assert "forbidden" in patch(annotated("1"), f"/{subresource}")


def test_others_change_pods_as_they_may(scene: FaultScene) -> None:
    create_pod(scene, "web", PLAIN, ASKING)
    scene.api.merge(pods_path(scene, "web"), {"metadata": {"labels": {"more": "x"}}})


def test_without_the_component_the_controller_may_neither_list_nor_change_pods(running: FaultScene) -> None:
    kubeconfig = running.plane.service_account_kubeconfig(DEFAULT_NAMESPACE, CONTROLLER_ACCOUNT)

    def may(verb: str, resource: str = "pods") -> bool:
        asked = ("auth", "can-i", verb, resource, "--namespace=default")
        return running.plane.kubectl(*asked, check=False, kubeconfig=kubeconfig).stdout.strip() == "yes"

    assert may("list")
    assert may("patch")
    assert not any(map(may, ("get", "watch", "update", "create", "delete")))
    assert not may("create", "pods/exec")
    switch_off(running, "nudge")
    try:
        eventually(lambda: not (may("list") or may("patch")), message="the taking back of the rights")
    finally:
        switch_on(running, "nudge")
