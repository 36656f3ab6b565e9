"""`llmkeys doctor` on a real API server, with a person's rights."""

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from llmkeys.api.names import CREDENTIAL_KIND, DEFAULT_NAMESPACE, LEASE, UNSEALER_SERVICE
from llmkeys.cli.main import main
from tests.support.admin_api import AdminApi
from tests.support.cluster import ControlPlane
from tests.support.cluster_install import ROOT
from tests.support.operator_process import OperatorProcess
from tests.support.stage import Stage
from tests.support.wait import eventually
from tests.support.world import World

WELL, FAILED, WRONG = 0, 1, 3
SLICES = f"/apis/discovery.k8s.io/v1/namespaces/{DEFAULT_NAMESPACE}/endpointslices"
LABELS = {"llmkeys.dev/inject": "true"}
POD_SPEC: dict[str, Any] = {"containers": [{"name": "main", "image": "none"}]}
NUMBERS = itertools.count()
ENDPOINT = {"addresses": ["192.0.2.1"], "conditions": {"ready": True}}
SLICE: dict[str, Any] = {
    "metadata": {"name": f"{UNSEALER_SERVICE}-test", "labels": {"kubernetes.io/service-name": UNSEALER_SERVICE}},
    "addressType": "IPv4",
    "endpoints": [ENDPOINT],
    "ports": [{"name": "https", "port": 8443}],
}


class Doctor:
    """Somebody who calls for one."""

    def __init__(self, kubeconfig: Path) -> None:
        self._environment = {"KUBECONFIG": str(kubeconfig)}

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(main, ["doctor", *arguments], env=self._environment)

    def report(self, *arguments: str, code: int = WELL) -> dict[str, Any]:
        done = self.run("-o", "json", *arguments)
        assert done.exit_code == code, done.output
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def pod(self, namespace: str, name: str) -> list[dict[str, Any]]:
        """What is said about a pod, whatever the rest."""
        found: list[dict[str, Any]] = json.loads(self.run("-o", "json", "-n", namespace, "--pod", name).stdout)["pod"]
        return found


def states(findings: list[dict[str, Any]]) -> dict[str, str]:
    return {one["about"]: one["state"] for one in findings}


def about(findings: list[dict[str, Any]], what: str) -> dict[str, Any]:
    (found,) = (one for one in findings if one["about"] == what)
    return found


@pytest.fixture(scope="module")
def doctor(installed: ControlPlane) -> Doctor:
    return Doctor(installed.kubeconfig)


@pytest.fixture(scope="module")
def api(installed: ControlPlane) -> AdminApi:
    return AdminApi(installed)


class Policies:
    """Those for labelled pods, as they are shipped."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane
        self._text = plane.kubectl("kustomize", ROOT / "config" / "components" / "policy").stdout

    @contextmanager
    def in_force(self) -> Iterator[None]:
        self.apply()
        yield
        self.delete()

    def apply(self) -> None:
        self._plane.kubectl("apply", "--server-side", "-f", "-", input=self._text)

    def delete(self) -> None:
        self._plane.kubectl("delete", "-f", "-", input=self._text)


@pytest.fixture(scope="module")
def policies(installed: ControlPlane) -> Policies:
    return Policies(installed)


@pytest.fixture(scope="module")
def whole(
    shared_stage: Stage, api: AdminApi, policies: Policies, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ControlPlane]:
    """A cluster with all that belongs to the product; of the unsealer a Service, with a replica called ready."""
    plane = shared_stage.plane
    service = ROOT / "config" / "unsealer" / "service.yaml"
    with OperatorProcess.start(plane, tmp_path_factory.mktemp("doctor"), election=True) as operator:
        eventually(lambda: operator.leads, message="a controller that leads")
        plane.kubectl("apply", "--server-side", "-f", service)
        api.create(SLICES, SLICE)
        with policies.in_force():
            yield plane
        api.delete(f"{SLICES}/{SLICE['metadata']['name']}")
        plane.kubectl("delete", "-f", service)


@pytest.fixture(scope="module")
def patient(shared_stage: Stage, whole: ControlPlane, namespace: str, provider_prefix: str) -> World:
    """A namespace in it, with a credential that an account may have opened."""
    world = World(shared_stage, namespace, provider_prefix)
    whole.kubectl("create", "serviceaccount", "chat", f"--namespace={namespace}")
    target = {"encryption": "Envelope", "serviceAccounts": ["chat"]}
    world.proven("openai", world.provider("openai"), target=target)
    # The API server takes its time to hear of policies.
    trial = {"kind": "Pod", "apiVersion": "v1", "metadata": {"name": "trial", "labels": LABELS}, "spec": POD_SPEC}
    create = ("create", "--dry-run=server", "-o", "jsonpath={.spec.initContainers}", f"--namespace={namespace}")

    def is_injected() -> bool:
        done = whole.kubectl(*create, "-f", "-", input=json.dumps(trial), check=False)
        return bool(done.stdout)

    eventually(is_injected, timeout=30, message="the injection")
    return world


# ---- the cluster


def test_where_all_is_there_nothing_is_wrong(patient: World, doctor: Doctor) -> None:
    report = doctor.report("-n", patient.namespace)
    assert set(states(report["cluster"]).values()) == {"ok"}
    assert report["ways"][0]["way"] == "policy"
    (openai,) = report["credentials"]
    assert (openai["state"], openai["delivered"], openai["openedBy"]) == ("ok", True, ["chat"])
    assert openai["variables"] == ["OPENAI_API_KEY", "OPENAI_BASE_URL"]
    labelled = about(report["namespace"], "labelled pod")
    assert labelled["state"] == "ok"
    assert "OPENAI_API_KEY, OPENAI_BASE_URL" in labelled["message"]


def test_a_person_reads_a_table(patient: World, doctor: Doctor) -> None:
    done = doctor.run("-n", patient.namespace)
    assert done.exit_code == WELL, done.output
    lines = [line.split() for line in done.stdout.splitlines()]
    assert ["CLUSTER", "STATE", "WHAT", "IS", "KNOWN"] in lines
    assert ["best", "way", "policy:"] in [line[:3] for line in lines]
    assert ["openai", "ok", "OPENAI_API_KEY,", "OPENAI_BASE_URL", "chat"] in [line[:5] for line in lines]
    as_yaml = yaml.safe_load(doctor.run("-o", "yaml").stdout)
    assert as_yaml["ways"] == doctor.report()["ways"]


def test_nothing_is_stored(patient: World, doctor: Doctor, api: AdminApi) -> None:
    pods = f"/api/v1/namespaces/{patient.namespace}/pods"
    before = {one["metadata"]["name"] for one in api.get(pods)["items"]}
    doctor.report("-n", patient.namespace)
    assert {one["metadata"]["name"] for one in api.get(pods)["items"]} == before


def test_on_a_bare_cluster_each_missing_part_comes_with_its_command() -> None:
    with ControlPlane.start(lambda _: None) as plane:
        report = Doctor(plane.kubeconfig).report("-n", "default", code=WRONG)
    helps = {one["about"]: one["help"] for one in report["cluster"] if one["state"] == "wrong"}
    assert helps["kinds"] == "kubectl apply --server-side -f crds/"
    assert helps["injection"].startswith("kubectl apply --server-side -k config/components/policy/")
    assert helps["unsealer"].startswith("kubectl apply --server-side -k config/unsealer/")
    assert set(helps) == {"kinds", "controller", "public keys", "unsealer", "injection"}
    assert states(report["cluster"])["fileKeyRef"] == "ok"
    assert [one["way"] for one in report["ways"]] == ["inject", "inject --files", "plain Secret"]
    assert report["credentials"] == []


def test_whoever_has_no_rights_is_told_what_is_unseen(patient: World, installed: ControlPlane) -> None:
    installed.kubectl("create", "serviceaccount", "nobody", f"--namespace={patient.namespace}")
    doctor = Doctor(installed.service_account_kubeconfig(patient.namespace, "nobody"))
    report = doctor.report("-n", patient.namespace, "--pod", "any")
    found = states(report["cluster"])
    assert {name for name, state in found.items() if state == "unseen"} == {
        *("controller", "unsealer", "injection", "fileKeyRef")
    }
    assert (found["kinds"], found["public keys"]) == ("ok", "ok")
    assert states(report["namespace"]) == {"credentials": "unseen", "labelled pod": "unseen"}
    assert states(report["pod"]) == {"pod any": "unseen"}
    assert report["ways"][0]["way"] == "policy"  # by its version


def test_a_developer_of_one_namespace_learns_what_a_pod_gets_there(patient: World, installed: ControlPlane) -> None:
    space = f"--namespace={patient.namespace}"
    installed.kubectl("create", "serviceaccount", "developer", space)
    installed.kubectl(
        *("create", "rolebinding", "developer", space, "--clusterrole=edit"),
        f"--serviceaccount={patient.namespace}:developer",
    )
    doctor = Doctor(installed.service_account_kubeconfig(patient.namespace, "developer"))

    def seen() -> dict[str, Any]:
        report = doctor.report("-n", patient.namespace)
        assert report["credentials"]  # the right has come
        return report

    report = eventually(seen)
    assert states(report["cluster"])["injection"] == "unseen"
    assert states(report["cluster"])["fileKeyRef"] == "ok"
    assert about(report["namespace"], "labelled pod")["state"] == "ok"
    (openai,) = report["credentials"]
    assert (openai["openedBy"], openai["openedByComplete"]) == (["chat"], False)


@pytest.mark.usefixtures("whole")
def test_an_unsealer_without_a_ready_replica_is_wrong(doctor: Doctor, api: AdminApi) -> None:
    path = f"{SLICES}/{UNSEALER_SERVICE}-test"
    api.merge(path, {"endpoints": [{**ENDPOINT, "conditions": {"ready": False}}]})
    try:
        found = about(doctor.report(code=WRONG)["cluster"], "unsealer")
        assert found["state"] == "wrong"
        assert found["help"].startswith(f"kubectl get pods -n {DEFAULT_NAMESPACE}")
    finally:
        api.merge(path, {"endpoints": [ENDPOINT]})


def test_a_lease_that_nobody_renews_is_no_controller(installed: ControlPlane, doctor: Doctor, api: AdminApi) -> None:
    home = installed.new_namespace("doctor-home")
    leases = f"/apis/coordination.k8s.io/v1/namespaces/{home}/leases"
    spec = {"holderIdentity": "gone", "leaseDurationSeconds": 1}
    api.create(leases, {"metadata": {"name": LEASE}, "spec": spec})
    found = about(doctor.report("--operator-namespace", home, code=WRONG)["cluster"], "controller")
    assert "its last holder was gone" in found["message"]
    api.merge(f"{leases}/{LEASE}", {"spec": {"holderIdentity": ""}})
    found = about(doctor.report("--operator-namespace", home, code=WRONG)["cluster"], "controller")
    assert "nobody holds it" in found["message"]
    installed.delete_namespace(home)


def test_a_policy_without_its_binding_is_wrong(whole: ControlPlane, policies: Policies, doctor: Doctor) -> None:
    whole.kubectl("delete", "mutatingadmissionpolicybinding", "llmkeys-inject")
    try:
        report = doctor.report(code=WRONG)
        assert "llmkeys-inject has no binding" in about(report["cluster"], "injection")["message"]
        assert report["ways"][0]["way"] == "inject"
    finally:
        policies.apply()


def test_a_namespace_or_cluster_that_is_not_there_is_an_error(doctor: Doctor, tmp_path: Path) -> None:
    done = doctor.run("-n", "nowhere")
    assert (done.exit_code, done.stdout) == (FAILED, "")
    assert "There is no namespace nowhere." in done.stderr
    assert Doctor(tmp_path / "nothing").run().exit_code == FAILED


# ---- credentials


def test_a_credential_that_nobody_may_have_opened_comes_with_the_command_that_grants_it(
    patient: World, doctor: Doctor, installed: ControlPlane
) -> None:
    patient.proven("lonely", patient.provider("openai"), target={"encryption": "Envelope"})
    try:
        lonely = credential(doctor, patient, "lonely")
        assert (lonely["state"], lonely["openedBy"]) == ("wrong", [])
        command = lonely["help"].removesuffix(" | kubectl apply -f -").replace("ACCOUNT", "chat").split()
        grant = CliRunner().invoke(main, command[1:])
        installed.kubectl("apply", "-f", "-", input=grant.stdout)
        lonely = credential(doctor, patient, "lonely")
        assert (lonely["state"], lonely["openedBy"]) == ("ok", ["chat"])
    finally:
        patient.delete(CREDENTIAL_KIND, "lonely")


def test_a_disabled_credential_says_that_pods_are_refused(patient: World, doctor: Doctor) -> None:
    with unproven(patient, "idle", enabled=False, reason="Disabled", ready="False"):
        idle = credential(doctor, patient, "idle")
    assert (idle["state"], idle["delivered"]) == ("wrong", False)
    assert idle["message"].startswith("It is disabled: pods that name it are refused, others start without it.")
    assert idle["help"] == f"llmkeys status {patient.namespace}/idle"


def test_a_credential_whose_source_is_missing_says_that_pods_wait(patient: World, doctor: Doctor) -> None:
    with unproven(patient, "early"):
        early = credential(doctor, patient, "early")
    assert (early["state"], early["delivered"]) == ("wrong", False)
    assert early["message"].startswith("No key is proven: pods that name it wait, others start without it. SourceNot")


def test_a_labelled_pod_without_any_credential_is_told_of_in_the_policys_words(
    whole: ControlPlane, doctor: Doctor
) -> None:
    empty = whole.new_namespace("doctor-empty")
    found = eventually(
        lambda: about(json.loads(doctor.run("-o", "json", "-n", empty).stdout)["namespace"], "labelled pod")
    )
    assert found["state"] == "note"
    assert "no LLMCredential" in found["message"]
    whole.delete_namespace(empty)


# ---- pods


def test_a_pod_without_the_label(patient: World, doctor: Doctor, api: AdminApi) -> None:
    pod(patient, api, "plain", labels={})
    (found,) = doctor.pod(patient.namespace, "plain")
    assert (found["about"], found["state"]) == ("label", "wrong")
    assert json.loads(found["help"].split("'")[1])["spec"]["template"]["metadata"]["labels"] == LABELS


def test_a_pod_that_has_its_key(patient: World, doctor: Doctor, api: AdminApi) -> None:
    pod(patient, api, "well")
    found = doctor.pod(patient.namespace, "well")
    assert set(states(found).values()) == {"ok"}
    assert about(found, "main: OPENAI_API_KEY")["message"] == "It is that of credential openai."


def test_a_pod_whose_own_value_stands_in_the_way(patient: World, doctor: Doctor, api: AdminApi) -> None:
    pod(patient, api, "stubborn", env=[{"name": "OPENAI_API_KEY", "value": "sk-CANARY-mine"}])
    found = doctor.pod(patient.namespace, "stubborn")
    variable = about(found, "main: OPENAI_API_KEY")
    assert variable["state"] == "note"
    assert "a value of its own, so what credential openai holds is not used" in variable["message"]
    assert "CANARY" not in json.dumps(found)


def test_a_pod_whose_account_may_not_have_it_opened(patient: World, doctor: Doctor, api: AdminApi) -> None:
    name = pod(patient, api, "stranger", account="default")
    message = 'Error: The pod\'s account "default" may not have LLMCredential "openai" opened.\x1b[2J'
    ended = {"exitCode": 14, "reason": "Error", "message": message}
    status = {"phase": "Failed", "initContainerStatuses": [container_status("llmkeys", terminated=ended)]}
    api.merge(f"{name}/status", {"status": status})
    found = doctor.pod(patient.namespace, "stranger")
    grant = f"llmkeys manifest rolebinding openai -n {patient.namespace} --service-account default"
    assert about(found, "credential openai")["help"].startswith(grant)
    ended = about(found, "container llmkeys")
    assert ended["message"].startswith("It ended with 14: The pod's service account may not")
    assert "\x1b" not in ended["message"]
    assert ended["help"].startswith(grant)


def test_a_pod_that_waits_for_a_secret(patient: World, doctor: Doctor, api: AdminApi) -> None:
    with unproven(patient, "late"):
        path = pod(patient, api, "waiting", annotations={"llmkeys.dev/credentials": "late"})
        message = 'MountVolume.SetUp failed for volume "llmkeys-sealed" : secret "late" not found'
        event(patient, api, api.get(path), "FailedMount", message)
        found = doctor.pod(patient.namespace, "waiting")
    volumes = about(found, "volumes")
    assert volumes["state"] == "wrong"
    assert "LLMCredential late, whose key is not proven yet; the pod waits" in volumes["message"]
    assert volumes["help"] == f"llmkeys status {patient.namespace}/late"


def test_a_workload_whose_pods_are_refused(patient: World, doctor: Doctor, api: AdminApi) -> None:
    template = {
        "metadata": {"labels": {"app": "hopeless", **LABELS}, "annotations": {"llmkeys.dev/credentials": "nope"}}
    }
    spec = {"selector": {"matchLabels": {"app": "hopeless"}}, "template": {**template, "spec": POD_SPEC}}
    api.create(
        f"/apis/apps/v1/namespaces/{patient.namespace}/deployments", {"metadata": {"name": "hopeless"}, "spec": spec}
    )

    def refusal() -> dict[str, Any]:
        (found,) = doctor.pod(patient.namespace, "hopeless")
        assert found["about"].startswith("ReplicaSet hopeless-")
        return found

    found = eventually(refusal, timeout=30)
    assert found["state"] == "wrong"
    assert found["message"].startswith("Its pods are refused: there is no LLMCredential nope")
    replica_set = found["about"].partition(" ")[2]
    (of_a_pod,) = doctor.pod(patient.namespace, f"{replica_set}-x2x4z")
    assert (of_a_pod["about"], of_a_pod["message"]) == (found["about"], found["message"])


def test_a_pod_that_is_older_than_the_policy(patient: World, doctor: Doctor, api: AdminApi, policies: Policies) -> None:
    policies.delete()
    try:
        created = eventually(lambda: api.get(pod(patient, api, f"older-{next(NUMBERS)}")), timeout=30)
        while "initContainers" in created["spec"]:  # the API server has not heard of it yet
            created = eventually(lambda: api.get(pod(patient, api, f"older-{next(NUMBERS)}")), timeout=30)
    finally:
        policies.apply()
    found = about(doctor.pod(patient.namespace, created["metadata"]["name"]), "injection")
    assert "older than the policy" in found["message"]
    assert found["help"].startswith("kubectl rollout restart")


# ---- the example


def test_the_example_is_accepted(installed: ControlPlane) -> None:
    namespace = installed.new_namespace("doctor-example")
    example = ROOT / "examples" / "workloads" / "injected.yaml"
    done = installed.kubectl(
        *("apply", "--server-side", "--dry-run=server", "--validate=strict"),
        *(f"--namespace={namespace}", "-f", example),
    )
    installed.delete_namespace(namespace)
    assert "Warning" not in done.stderr
    kinds = [one["kind"] for one in yaml.safe_load_all(example.read_text(encoding="utf-8"))]
    assert {"LLMCredential", "Deployment"} <= set(kinds)


@contextmanager
def unproven(
    world: World, name: str, *, reason: str = "SourceNotFound", ready: str = "Unknown", **spec: Any
) -> Iterator[None]:
    """A credential whose source is not there."""
    entry = {"name": "k1", "secretRef": {"name": "absent"}}
    target = {"encryption": "Envelope", "serviceAccounts": ["chat"]}
    world.credential(name, world.provider("openai"), entries=[entry], target=target, **spec)
    world.wait(name, ready=ready, reason=reason)
    yield
    world.delete(CREDENTIAL_KIND, name)


def credential(doctor: Doctor, world: World, name: str) -> dict[str, Any]:
    found = json.loads(doctor.run("-o", "json", "-n", world.namespace).stdout)["credentials"]
    one: dict[str, Any] = next(one for one in found if one["name"] == name)
    return one


def pod(
    world: World,
    api: AdminApi,
    name: str,
    *,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    account: str = "chat",
    env: list[dict[str, Any]] | None = None,
) -> str:
    """Create a pod, which nobody runs here; its path."""
    metadata = {"name": name, "labels": LABELS if labels is None else labels, "annotations": annotations or {}}
    spec = {**POD_SPEC, "serviceAccountName": account, "containers": [{**POD_SPEC["containers"][0], "env": env or []}]}
    path = f"/api/v1/namespaces/{world.namespace}/pods"
    api.create(path, {"metadata": metadata, "spec": spec})
    return f"{path}/{name}"


def container_status(name: str, **state: Any) -> dict[str, Any]:
    return {"name": name, "ready": False, "restartCount": 0, "image": "none", "imageID": "", "state": state}


def event(world: World, api: AdminApi, about: dict[str, Any], reason: str, message: str) -> None:
    involved = {"kind": "Pod", "name": about["metadata"]["name"], "namespace": world.namespace}
    body = {
        "metadata": {"generateName": "doctor-"},
        "involvedObject": {**involved, "uid": about["metadata"]["uid"]},
        "reason": reason,
        "message": message,
        "lastTimestamp": "2027-01-01T00:00:00Z",
    }
    api.create(f"/api/v1/namespaces/{world.namespace}/events", body)
