"""Injection where the namespace, the node's DNS or the cluster is not as usual."""

import json
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from llmkeys.api.names import CREDENTIAL_PLURAL, GROUP
from tests.support.cluster import ControlPlane
from tests.support.cluster_install import ROOT, install
from tests.support.inject_objects import RESTRICTED, Object, Pod, container, pod, status, workload
from tests.support.inject_scene import Injection, injection
from tests.support.wait import eventually

CRD: Final = f"{CREDENTIAL_PLURAL}.{GROUP}"
LIMITED: Final = {"resources": {"limits": {"cpu": "100m", "memory": "64Mi"}}}
NODES_DNS: Final = "this pod asks the DNS of its node"
Elsewhere = Callable[..., Injection]


@pytest.fixture(scope="module")
def inject(installed: ControlPlane, namespace: str) -> Iterator[Injection]:
    with injection(installed, namespace) as made:
        made.credential("openai", "OPENAI_API_KEY")
        made.credential("plain", "PLAIN_KEY", encryption="None")
        yield made


@pytest.fixture
def elsewhere(inject: Injection, installed: ControlPlane) -> Iterator[Elsewhere]:
    """A namespace of its own with the credential `openai`, and with what is wrong there."""
    made: list[str] = []

    def create(*labels: str) -> Injection:
        name = installed.new_namespace("inject-fault")
        made.append(name)
        if labels:
            installed.kubectl("label", "namespace", name, *labels)
        found = inject.elsewhere(name)
        found.credential("openai", "OPENAI_API_KEY")
        return found

    yield create
    for name in made:
        installed.delete_namespace(name)


def bound(kind: str, spec: Object) -> Object:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": "bound"}, "spec": spec}


# --- What a namespace asks of its pods


@pytest.mark.parametrize("notes", [{}, {"llmkeys.dev/follow": "true"}])
def test_a_restricted_namespace_takes_the_pod(notes: dict[str, str], elsewhere: Elsewhere) -> None:
    there = elsewhere("pod-security.kubernetes.io/enforce=restricted")
    body = pod("openai", notes, containers=[container(securityContext=RESTRICTED)], securityContext={"runAsUser": 1000})

    made = there.create(body)
    assert made.variables() == {"OPENAI_API_KEY": "file:openai.env"}
    assert "runAsUser" not in made.opener["securityContext"], "it runs as the pod's user"


def test_in_a_pod_of_root_the_init_container_is_not_root(inject: Injection) -> None:
    made = inject.create(pod("openai", securityContext={"runAsUser": 0}))

    assert made.opener["securityContext"]["runAsUser"] == 65532
    assert made.opener["securityContext"]["runAsNonRoot"] is True


def test_a_quota_on_limits_and_requests_is_met(elsewhere: Elsewhere) -> None:
    there = elsewhere()
    hard = {"limits.cpu": "4", "limits.memory": "4Gi", "requests.cpu": "4", "requests.memory": "4Gi"}
    there.apply(bound("ResourceQuota", {"hard": hard}))
    body = pod("openai", containers=[container(**LIMITED)])
    # It takes a moment until a quota counts.
    eventually(lambda: "must specify" in there.try_to(pod("openai")), timeout=30, message="the quota")

    made = there.create(body)
    assert made.opener["resources"] == {
        "requests": {"cpu": "10m", "memory": "48Mi"},
        "limits": {"cpu": "500m", "memory": "128Mi"},
    }


def test_a_limit_range_that_is_too_narrow_is_named(elsewhere: Elsewhere) -> None:
    there = elsewhere()
    there.apply(bound("LimitRange", {"limits": [{"type": "Container", "max": {"memory": "64Mi"}}]}))
    body = pod("openai", containers=[container(**LIMITED)])

    def refused() -> bool:
        return "maximum memory usage per Container is 64Mi, but limit is 128Mi" in there.try_to(body)

    eventually(refused, timeout=30, message="the LimitRange")


def test_a_limit_range_that_is_wide_enough_changes_nothing_of_ours(elsewhere: Elsewhere) -> None:
    there = elsewhere()
    limits = [{"type": "Container", "default": {"memory": "256Mi"}, "defaultRequest": {"memory": "200Mi"}}]
    there.apply(bound("LimitRange", {"limits": limits}))

    def in_force() -> Pod | None:
        found = there.create(pod("openai"))
        return found if "limits" in found.container()["resources"] else None

    made = eventually(in_force, timeout=30, message="the LimitRange")
    assert made.opener["resources"]["limits"] == {"cpu": "500m", "memory": "128Mi"}


def test_a_pod_without_an_api_token_still_gets_one_for_the_unsealer(inject: Injection) -> None:
    made = inject.create(pod("openai", automountServiceAccountToken=False))

    assert [one["name"] for one in made.spec["volumes"]] == ["llmkeys", "llmkeys-sealed"]
    assert "serviceAccountToken" in made.spec["volumes"][1]["projected"]["sources"][0]
    assert made.variables() == {"OPENAI_API_KEY": "file:openai.env"}


def test_a_mirror_of_a_static_pod_is_left_alone(inject: Injection) -> None:
    made = inject.create(pod("openai, nope", {"kubernetes.io/config.mirror": "abc"}, nodeName="none"))

    assert "initContainers" not in made.spec


# --- Whether the unsealer's name can be resolved


@pytest.mark.parametrize(
    ("spec", "advice"),
    [
        ({"hostNetwork": True}, "ClusterFirstWithHostNet"),
        ({"hostNetwork": True, "dnsPolicy": "Default"}, "ClusterFirstWithHostNet"),
        ({"dnsPolicy": "Default"}, "ClusterFirst"),
    ],
)
@pytest.mark.parametrize("asked", ["openai", None])
def test_a_pod_that_asks_its_nodes_dns_is_told(
    asked: str | None, spec: dict[str, Any], advice: str, inject: Injection
) -> None:
    said = inject.refusal(pod(asked, **spec))

    assert said.startswith(NODES_DNS)
    assert said.endswith(f"set spec.dnsPolicy: {advice} in the pod template")


@pytest.mark.parametrize(
    "spec",
    [
        {"hostNetwork": True, "dnsPolicy": "ClusterFirstWithHostNet"},
        {"dnsPolicy": "None", "dnsConfig": {"nameservers": ["10.96.0.10"]}},
    ],
)
def test_other_pods_may_be_on_the_network_of_their_node(spec: dict[str, Any], inject: Injection) -> None:
    assert inject.try_to(pod("openai", **spec)) == ""


def test_nothing_has_to_be_resolved_for_a_credential_in_clear(inject: Injection) -> None:
    assert inject.try_to(pod("plain", hostNetwork=True)) == ""


def test_an_unsealer_outside_of_the_cluster_is_found_by_the_nodes_dns(elsewhere: Elsewhere) -> None:
    there = elsewhere()
    there.publish("openai", unsealer={"address": "https://unsealer.example.com:8443", "caBundle": "x"})

    assert there.try_to(pod("openai", hostNetwork=True)) == ""


# --- Many, and those who try again


def test_a_pod_can_be_given_all_of_sixty_four(elsewhere: Elsewhere) -> None:
    there = elsewhere()
    names = [f"many-{number}" for number in range(63)]
    for name in names:
        there.unseen(there.namespace, name, many(name))
    there.seen()

    made = there.create(pod(initContainers=[container("migrate")]))
    assert len(made.sealed()) == 64
    for served in ("chat", "migrate"):
        assert len(made.variables(served)) == 63 * 6 + 1
    some = there.create(pod("many-62, many-7"))
    assert some.sealed().keys() == {"envelopes/many-62", "envelopes/many-7"}


def many(name: str) -> Object:
    """The status of a credential with six variables of its own."""
    stem = name.replace("-", "_").upper()
    return status(name, *(f"{stem}_{number}" for number in range(6)))


@pytest.mark.parametrize("kind", ["Deployment", "StatefulSet", "Job", "CronJob"])
def test_a_workload_says_why_it_has_no_pods_and_gets_them_by_itself(
    kind: str, elsewhere: Elsewhere, installed: ControlPlane
) -> None:
    if not installed.has_controllers:
        pytest.skip("KUBEBUILDER_ASSETS holds no kube-controller-manager: nothing creates pods")
    there = elsewhere()
    there.apply(workload(kind, "late"))
    if kind == "CronJob":
        there.plane.kubectl("create", "job", "now", "--from=cronjob/late", f"--namespace={there.namespace}")
    words = f"there is no LLMCredential late in namespace {there.namespace}"
    eventually(lambda: words in json.dumps(listed(there, "events")), timeout=30, message="an Event with our words")

    there.credential("late", "LATE_KEY")

    made = eventually(lambda: listed(there, "pods"), timeout=60, message="a pod")
    assert made[0]["spec"]["containers"][0]["env"][0]["name"] == "LATE_KEY"


def listed(there: Injection, kind: str) -> list[Object]:
    done = there.plane.kubectl("get", kind, f"--namespace={there.namespace}", "-o", "json")
    found: list[Object] = json.loads(done.stdout)["items"]
    return found


# --- The kind is taken away


@pytest.mark.parametrize("restarted", [False, True])
def test_without_the_kind_other_pods_go_on_and_labelled_ones_are_refused_until_it_is_back(restarted: bool) -> None:
    """On a control plane of its own: with the kind, everybody's credentials go."""
    with ControlPlane.start() as plane:
        if not plane.owned:
            pytest.skip("the kinds of an existing cluster are not ours to take away")
        install(plane)
        with injection(plane, plane.new_namespace("inject-kind")) as inject:
            inject.credential("openai", "OPENAI_API_KEY")
            plane.kubectl("delete", "crd", CRD)
            if restarted:
                plane.restart_apiserver()

            eventually(lambda: inject.try_to(pod("openai")), timeout=30, message="a refusal")
            assert "llmkeys-inject" in inject.try_to(pod("openai"))
            assert inject.try_to(without_label(pod("openai"))) == ""

            plane.kubectl("apply", "--server-side", "-f", ROOT / "crds" / "llmcredentials.yaml")
            plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", f"crd/{CRD}")
            inject.unseen(inject.namespace, "openai", status("openai", "OPENAI_API_KEY"))
            eventually(lambda: inject.try_to(pod("openai")) == "", timeout=90, every=1, message="the recovery")


def without_label(body: Object) -> Object:
    return {**body, "metadata": {**body["metadata"], "labels": {}}}
