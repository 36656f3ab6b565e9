"""`target.rollout` against a real API server and its controllers: what is restarted, what is not, and what is told."""

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from llmkeys.api.durations import epoch
from llmkeys.api.names import CONTROLLER_ACCOUNT, DEFAULT_NAMESPACE, DELIVERED_ANNOTATION
from llmkeys.api.rollout import RolloutReason
from tests.support.admin_api import ApiStatusError
from tests.support.fault_scene import FaultScene, fault_scene, new_key
from tests.support.simulator.behaviour import Behaviour
from tests.support.wait import eventually
from tests.support.workload_objects import (
    ARGO_ROLLOUTS,
    KINDS,
    Object,
    create_workload,
    read_workload,
    restarts,
    said,
    switch_off,
    switch_on,
    workload,
    workload_path,
)

MOST_WRITES: Final = 12
ONLY_THAT: Final = "nothing but the annotation llmkeys.dev/delivered of its pod template"
NOT_A_DIGEST: Final = "is a list of digests"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultScene]:
    """A control plane with rollouts and Argo's kind on it."""
    with fault_scene(tmp_path_factory.mktemp("rollouts"), proxied=True, types=("openai",)) as made:
        made.plane.kubectl("apply", "-f", "-", input=json.dumps(ARGO_ROLLOUTS))
        made.plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd/rollouts.argoproj.io")
        switch_on(made, "rollouts")
        yield made


@pytest.fixture
def scene(running: FaultScene) -> Iterator[FaultScene]:
    """A namespace of its own, with an operator at work in it."""
    running.new_namespace("rollouts")
    running.start_operator("--rollouts")
    yield running
    running.proxy.release()
    running.proxy.forget()
    running.stop_operator()


def targets(*kinds: str, name: str = "web", interval: str = "0s", **target: Any) -> dict[str, Any]:
    named = [{"kind": kind, "name": name} for kind in kinds]
    return {"encryption": "None", "rollout": {"targets": named, "minInterval": interval}, **target}


def delivered(scene: FaultScene, *kinds: str, credential: str = "chat", **target: Any) -> None:
    """A credential that delivers a good key and names workloads, all of which have been looked at."""
    scene.credential(credential, scene.provider(), target=targets(*kinds, **target))
    scene.wait_ready(credential)
    eventually(lambda: all(one["reason"] != "Checking" for one in told(scene, credential)), message="the first looks")


def rotate(scene: FaultScene, credential: str = "chat") -> str:
    """Give a credential another good key."""
    key = new_key()
    scene.simulator.set(key, Behaviour.GOOD)
    scene.source(f"{credential}-source", key)
    return key


def told(scene: FaultScene, credential: str = "chat") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = scene.status(credential)["rollout"]["targets"]
    return found


def wait_told(scene: FaultScene, *reasons: str, timeout: float = 20) -> None:
    def reached() -> bool:
        seen = tuple(one["reason"] for one in told(scene))
        assert seen == reasons, told(scene)
        return True

    eventually(reached, timeout=timeout, message=f"targets that are {reasons}")


def events(scene: FaultScene, about: str = "chat") -> list[str]:
    """The reasons of a credential's Events that are about rollouts, sorted."""
    found = (one["reason"] for one in scene.events(about))
    return sorted(one for one in found if one in set(RolloutReason))


def replica_sets(scene: FaultScene) -> list[Object]:
    found: list[Object] = scene.api.get(f"/apis/apps/v1/namespaces/{scene.namespace}/replicasets")["items"]
    return found


# -- what is restarted --------------------------------------------------------------------------------------------


def test_another_key_restarts_workloads_of_all_kinds_once_and_changes_nothing_else_of_them(scene: FaultScene) -> None:
    for kind in KINDS:
        create_workload(scene, kind)
    delivered(scene, *KINDS)
    wait_told(scene, *["UpToDate"] * 4)
    before = {kind: read_workload(scene, kind) for kind in KINDS}
    eventually(lambda: len(replica_sets(scene)) == 1, message="the first ReplicaSet")
    assert all(restarts(one) == 0 for one in before.values())

    key = rotate(scene)

    wait_told(scene, *["RolledOut"] * 4)
    assert scene.delivered("chat") == key
    content = scene.status("chat")["target"]["content"]
    for kind, was in before.items():
        now = read_workload(scene, kind)
        assert restarts(now) == 1
        assert said(now) == {"chat": content}
        annotations = now["spec"]["template"]["metadata"]["annotations"]
        assert annotations.pop(DELIVERED_ANNOTATION)
        assert now["spec"] == was["spec"]
    eventually(lambda: len(replica_sets(scene)) == 2, message="the new ReplicaSet")
    revision = read_workload(scene, "StatefulSet")["status"]
    assert revision["updateRevision"] != revision["currentRevision"]
    eventually(lambda: events(scene) == ["RolledOut"] * 4, message="the Events")


def test_restarting_healing_and_sealing_anew_restart_nothing(scene: FaultScene) -> None:
    create_workload(scene, "Deployment")
    delivered(scene, "Deployment", encryption="Envelope")
    before = scene.secret_there("chat")

    scene.api.delete(scene.secret_path("chat"))
    eventually(lambda: scene.secret("chat") is not None, message="the healed Secret")
    scene.settle()
    scene.stop_operator()
    scene.start_operator("--rollouts")
    scene.settle()

    after = scene.secret_there("chat")
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert after["data"] != before["data"], "it was not sealed anew"
    assert restarts(read_workload(scene, "Deployment")) == 0
    wait_told(scene, "UpToDate")


def test_the_old_envelope_opens_for_as_long_as_pods_need_to_be_replaced(scene: FaultScene) -> None:
    create_workload(scene, "Deployment")
    delivered(scene, "Deployment", encryption="Envelope")
    sequence = scene.status("chat")["target"]["sequence"]

    rotate(scene)

    wait_told(scene, "RolledOut")
    status = scene.status("chat")
    assert status["target"]["sequence"] == sequence + 1
    assert epoch(status["target"]["previousUntil"]) - epoch(told(scene)[0]["lastRolloutTime"]) > 590


def test_between_two_rollouts_there_is_the_interval_and_the_last_change_wins(scene: FaultScene) -> None:
    create_workload(scene, "Deployment")
    delivered(scene, "Deployment", interval="4s")
    rotate(scene)
    wait_told(scene, "RolledOut")

    for _ in range(3):
        key = rotate(scene)
        eventually(lambda wanted=key: scene.delivered("chat") == wanted, message="the delivery")  # type: ignore[misc]
        assert restarts(read_workload(scene, "Deployment")) == 1

    wait_told(scene, "Waiting")
    wait_told(scene, "RolledOut")
    scene.settle()
    assert restarts(read_workload(scene, "Deployment")) == 2
    assert said(read_workload(scene, "Deployment")) == {"chat": scene.status("chat")["target"]["content"]}


def test_a_workload_that_is_named_later_is_not_restarted_for_that(scene: FaultScene) -> None:
    create_workload(scene, "Deployment")
    scene.proven("chat", scene.provider())

    scene.api.merge(scene.credential_path("chat"), {"spec": {"target": targets("Deployment")}})

    eventually(lambda: "rollout" in scene.status("chat"), message="the status")
    wait_told(scene, "UpToDate")
    assert restarts(read_workload(scene, "Deployment")) == 0
    rotate(scene)
    wait_told(scene, "RolledOut")
    scene.api.merge(scene.credential_path("chat"), {"spec": {"target": {"rollout": None}}})
    eventually(lambda: "rollout" not in scene.status("chat"), message="the end of the status")
    assert DELIVERED_ANNOTATION in read_workload(scene, "Deployment")["spec"]["template"]["metadata"]["annotations"]


# -- what stands in the way ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["Deployment", "Rollout"])
def test_a_paused_workload_is_refused_and_restarted_when_that_is_over(kind: str, scene: FaultScene) -> None:
    create_workload(scene, kind, paused=True)
    delivered(scene, kind)

    rotate(scene)

    wait_told(scene, "Paused")
    assert said(read_workload(scene, kind)) == {}
    scene.api.merge(workload_path(scene, kind, "web"), {"spec": {"paused": False}})
    wait_told(scene, "RolledOut", timeout=30)
    eventually(lambda: events(scene) == ["Paused", "RolledOut"], message="the Events")


def test_where_a_restart_would_be_useless_it_is_refused(scene: FaultScene) -> None:
    for kind in ("StatefulSet", "DaemonSet"):
        create_workload(scene, kind, updateStrategy={"type": "OnDelete"})
    by_reference = workload("Rollout", "web", workloadRef={"apiVersion": "apps/v1", "kind": "Deployment", "name": "x"})
    del by_reference["spec"]["template"]
    scene.api.create(workload_path(scene, "Rollout"), by_reference)
    delivered(scene, "StatefulSet", "DaemonSet", "Rollout")

    rotate(scene)

    scene.settle()
    wait_told(scene, "OnDelete", "OnDelete", "NoTemplate")
    assert all(restarts(read_workload(scene, kind)) == 0 for kind in ("StatefulSet", "DaemonSet", "Rollout"))


def test_a_workload_that_is_not_there_is_told_and_found_when_it_comes(scene: FaultScene) -> None:
    delivered(scene, "Deployment")
    wait_told(scene, "WorkloadNotFound")
    assert told(scene)[0]["message"].startswith("There is no Deployment web here.")

    create_workload(scene, "Deployment")

    wait_told(scene, "UpToDate", timeout=30)


def test_a_kind_that_is_not_served_is_told(scene: FaultScene) -> None:
    scene.plane.kubectl("delete", "crd", "rollouts.argoproj.io")
    try:
        delivered(scene, "Rollout")
        wait_told(scene, "KindNotServed")
        assert scene.operator.metric("llmkeys_reconcile_errors_total") == 0
    finally:
        scene.plane.kubectl("apply", "-f", "-", input=json.dumps(ARGO_ROLLOUTS))
        scene.plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", "crd/rollouts.argoproj.io")


def test_missing_rights_are_told_and_what_is_owed_is_done_when_they_come(scene: FaultScene) -> None:
    create_workload(scene, "Deployment")
    delivered(scene, "Deployment")
    binding = "clusterrolebinding/llmkeys-rollouts"
    scene.plane.kubectl("delete", binding)
    try:
        key = rotate(scene)
        wait_told(scene, "Forbidden")
        assert scene.delivered("chat") == key, "a delivery was held up"
        assert "rollouts.enabled=true" in told(scene)[0]["message"]
    finally:
        switch_on(scene, "rollouts")
    wait_told(scene, "RolledOut", timeout=30)


def test_an_admission_policy_that_refuses_the_restart_is_told(scene: FaultScene) -> None:
    create_workload(scene, "Deployment")
    delivered(scene, "Deployment")
    scene.proxy.fail("PATCH", "/deployments/web", 422, times=1)

    rotate(scene)

    wait_told(scene, "Refused")
    wait_told(scene, "RolledOut", timeout=30)


def test_a_workload_that_others_change_all_the_time_is_read_again(scene: FaultScene) -> None:
    create_workload(scene, "Deployment")
    delivered(scene, "Deployment")
    scene.proxy.fail("PATCH", "/deployments/web", 409, times=2)

    rotate(scene)

    wait_told(scene, "RolledOut")
    eventually(lambda: events(scene) == ["RolledOut"], message="the Events")


def test_a_workload_that_is_slow_to_patch_holds_up_no_delivery(scene: FaultScene) -> None:
    create_workload(scene, "Deployment")
    delivered(scene, "Deployment")
    slow = scene.proxy.delay("PATCH", "/deployments/web", 5.0)

    rotate(scene)
    eventually(lambda: slow.met == 1, message="the restart under way")
    key = rotate(scene)

    eventually(lambda: scene.delivered("chat") == key, timeout=4, message="the delivery meanwhile")
    wait_told(scene, "RolledOut", timeout=30)
    eventually(
        lambda: said(read_workload(scene, "Deployment")) == {"chat": scene.status("chat")["target"]["content"]},
        message="the last content",
    )


def test_without_the_flag_the_status_says_what_to_switch_on_and_nothing_goes_wrong(running: FaultScene) -> None:
    running.new_namespace("rollouts")
    running.start_operator()
    try:
        create_workload(running, "Deployment")
        delivered(running, "Deployment")
        rotate(running)
        wait_told(running, "RolloutsOff")
        running.settle()
        assert "rollouts.enabled=true" in told(running)[0]["message"]
        assert running.operator.metric("llmkeys_reconcile_errors_total") == 0
        assert restarts(read_workload(running, "Deployment")) == 0
        eventually(lambda: events(running) == ["RolloutsOff"], message="the Events")
    finally:
        running.stop_operator()
        running.proxy.forget()


# -- when the operator dies ---------------------------------------------------------------------------------------


def test_killed_after_any_of_its_writes_it_restarts_the_workload_once(running: FaultScene) -> None:
    crashes = 0
    while killed(running, after=crashes + 1):
        crashes += 1
        assert crashes < MOST_WRITES, "it does not come to an end"
    # Secret, status, workload, status, Event.
    assert crashes >= 5


def killed(scene: FaultScene, after: int) -> bool:
    """Kill the operator after a write of a rotation and see how it ends; False if there are fewer writes."""
    scene.new_namespace("rollouts-killed")
    scene.start_operator("--rollouts")
    try:
        create_workload(scene, "Deployment")
        delivered(scene, "Deployment", encryption="Envelope")
        scene.settle()
        cut = scene.proxy.hold_after(after)
        rotate(scene)
        eventually(lambda: cut.reached.is_set() or events(scene), timeout=20, message=f"write {after}, or the end")
        scene.operator.kill()
        scene.proxy.release()
        scene.start_operator("--rollouts")
        wait_told(scene, "RolledOut")
        scene.settle()
        found = read_workload(scene, "Deployment")
        assert restarts(found) == 1
        assert said(found) == {"chat": scene.status("chat")["target"]["content"]}
    finally:
        scene.proxy.release()
        scene.stop_operator()
    return cut.reached.is_set()


# -- what is accepted ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rollout", "words"),
    [
        ({"targets": [{"kind": "Job", "name": "web"}]}, "Unsupported value"),
        ({"targets": [{"kind": "Deployment", "name": "Web_1"}]}, "names of workloads of this namespace"),
        ({"targets": [{"kind": "Deployment", "name": "web"}] * 2}, "must be unique"),
        ({"targets": [{"kind": "Deployment", "name": f"web-{n}"} for n in range(17)]}, "Too many"),
        ({"targets": [], "minInterval": "10"}, "minInterval must be a duration"),
        ({"targets": [], "minInterval": "169h"}, "minInterval must be a duration"),
        ({"minInterval": "10m"}, "Required value"),
    ],
)
def test_what_makes_no_sense_is_refused(rollout: dict[str, Any], words: str, running: FaultScene) -> None:
    if not running.namespace:
        running.new_namespace("rollouts")
    manifest = running.manifest("refused", "nobody", target={"encryption": "None", "rollout": rollout})

    with pytest.raises(ApiStatusError, match=words):
        running.api.create(running.credential_path("").rstrip("/"), manifest)


# -- what the controller's account may do -------------------------------------------------------------------------

Patch = Callable[..., str]


@pytest.fixture(scope="module")
def patch(running: FaultScene) -> Patch:
    """Patch a workload (dry run) as the controller's account; empty if it may, else why not."""
    kubeconfig = running.plane.service_account_kubeconfig(DEFAULT_NAMESPACE, CONTROLLER_ACCOUNT)
    running.new_namespace("rollouts-policy")
    namespace = running.namespace
    for kind in KINDS:
        create_workload(running, kind)

    def run(kind: str, change: object, *args: str, type_: str = "merge") -> str:
        words = ("patch", f"{kind.lower()}s", "web", f"--namespace={namespace}", f"--type={type_}", *args)
        done = running.plane.kubectl(
            *words, "--dry-run=server", "-p", json.dumps(change), check=False, kubeconfig=kubeconfig
        )
        return done.stderr if done.returncode else ""

    eventually(lambda: ONLY_THAT in run("Deployment", SCALED), message="the policy's coming into force")
    return run


def template(**content: object) -> dict[str, object]:
    return {"spec": {"template": content}}


SCALED: Final[dict[str, object]] = {"spec": {"replicas": 3}}
DIGESTS: Final = f"chat=1.{'a' * 32},search=12.{'b' * 32}"


def annotated(value: str | None, name: str = DELIVERED_ANNOTATION) -> dict[str, object]:
    return template(metadata={"annotations": {name: value}})


@pytest.mark.parametrize("kind", KINDS)
def test_the_controller_may_change_the_annotation(kind: str, patch: Patch) -> None:
    assert patch(kind, annotated(DIGESTS)) == ""


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "change",
    [
        {"spec": {"minReadySeconds": 3}},
        annotated("x", "team"),
        annotated(None, "team"),
        annotated("x", "another"),
        template(metadata={"labels": {"more": "x"}}),
        template(spec={"serviceAccountName": "other"}),
        template(spec={"containers": [{"name": "app", "image": "evil:1"}]}),
    ],
    ids=["spec", "changed", "removed", "added", "label", "account", "image"],
)
def test_the_controller_may_change_nothing_else(change: object, kind: str, patch: Patch) -> None:
    assert ONLY_THAT in patch(kind, change)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "metadata",
    [{"labels": {"more": "x"}}, {"annotations": {"owner": None}}, {"finalizers": ["llmkeys.dev/never"]}],
    ids=["label", "annotation", "finalizer"],
)
def test_the_controller_leaves_metadata_alone(metadata: object, kind: str, patch: Patch) -> None:
    assert "leaves a workload's metadata as they are" in patch(kind, {"metadata": metadata})


@pytest.mark.parametrize("value", ["sk-a-key-in-clear", "chat=sk-a-key-in-clear", "chat=1.short", f"{DIGESTS},sk-x"])
def test_the_annotation_holds_digests_alone(value: str, patch: Patch) -> None:
    assert NOT_A_DIGEST in patch("Deployment", annotated(value))


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet"])
def test_the_controller_scales_nothing_by_the_subresource(kind: str, patch: Patch) -> None:
    assert "forbidden" in patch(kind, SCALED, "--subresource=scale")


def test_others_change_workloads_as_they_may(running: FaultScene, patch: Patch) -> None:
    assert patch
    running.new_namespace("rollouts-others")
    create_workload(running, "Deployment")
    running.api.merge(workload_path(running, "Deployment", "web"), SCALED)
    assert read_workload(running, "Deployment")["spec"]["replicas"] == 3


def test_without_the_component_the_controller_may_neither_read_nor_change_workloads(running: FaultScene) -> None:
    kubeconfig = running.plane.service_account_kubeconfig(DEFAULT_NAMESPACE, CONTROLLER_ACCOUNT)

    def may(verb: str, resource: str) -> bool:
        asked = ("auth", "can-i", verb, resource, f"--namespace={running.namespace}")
        return running.plane.kubectl(*asked, check=False, kubeconfig=kubeconfig).stdout.strip() == "yes"

    if not running.namespace:
        running.new_namespace("rollouts")
    resources = ("deployments.apps", "statefulsets.apps", "daemonsets.apps", "rollouts.argoproj.io")
    assert all(may(verb, one) for verb in ("get", "patch") for one in resources)
    assert not any(may(verb, one) for verb in ("list", "watch", "update", "create", "delete") for one in resources)
    switch_off(running, "rollouts")
    try:
        eventually(lambda: not any(may(verb, one) for verb in ("get", "patch") for one in resources))
    finally:
        switch_on(running, "rollouts")
