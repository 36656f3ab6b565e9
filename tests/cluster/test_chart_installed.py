"""The chart installed, upgraded, rolled back and uninstalled by a real Helm on an API server of its own."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from llmkeys.api.names import INSTALLED_IN_ANNOTATION, INTERNAL_LABEL, OWN_SECRETS
from tests.support.cluster import ControlPlane
from tests.support.helm_program import CHART, NAMESPACE, RELEASE, Helm, helm_program
from tests.support.operator_process import ACCOUNT, OperatorProcess
from tests.support.wait import eventually

CREDENTIAL_CRD: Final = "llmcredentials.llmkeys.dev"
CREDENTIAL: Final = {
    "apiVersion": "llmkeys.dev/v1alpha1",
    "kind": "LLMCredential",
    "metadata": {"name": "kept", "namespace": "default"},
    "spec": {"providerRef": {"name": "nobody"}, "keys": [{"name": "main", "secretRef": {"name": "nothing"}}]},
}

RESTRICTED: Final = {"pod-security.kubernetes.io/enforce": "restricted"}

Install = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """An API server on which nothing of ours is installed."""
    with ControlPlane.start() as started:
        if not started.owned or not started.has_controllers:
            pytest.skip("needs a control plane of its own, with controllers: the chart's objects have fixed names")
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE, "labels": RESTRICTED}}
        started.kubectl("create", "-f", "-", input=json.dumps(namespace))
        yield started


@pytest.fixture(scope="module")
def helm(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    return Helm(helm_program(), tmp_path_factory.mktemp("helm")).at(plane.kubeconfig)


@pytest.fixture
def install(helm: Helm) -> Iterator[Install]:
    """Install the chart, and uninstall it when the test ends."""

    def run(*arguments: str, chart: Path = CHART, namespace: str = NAMESPACE) -> subprocess.CompletedProcess[str]:
        return helm("install", RELEASE, chart, f"--namespace={namespace}", *arguments)

    yield run
    helm("uninstall", RELEASE, f"--namespace={NAMESPACE}", "--ignore-not-found")


def fetched(plane: ControlPlane, *arguments: str) -> Any:
    return json.loads(plane.kubectl("get", *arguments, "-o", "json").stdout)


def names(plane: ControlPlane, resource: str, *arguments: str) -> set[str]:
    listed = fetched(plane, resource, *arguments)["items"]
    return {one["metadata"]["name"] for one in listed if one["metadata"]["name"].startswith("llmkeys")}


def may(plane: ControlPlane, verb: str, resource: str, *arguments: str) -> bool:
    account = f"--as=system:serviceaccount:{NAMESPACE}:{ACCOUNT}"
    return plane.kubectl("auth", "can-i", verb, resource, account, *arguments, check=False).stdout.strip() == "yes"


def previous_version(folder: Path) -> Path:
    """The chart as a version before this one may have been: a policy fewer, a column of a CRD fewer."""
    chart = folder / "previous"
    shutil.copytree(CHART, chart)
    description = chart / "Chart.yaml"
    description.write_text(description.read_text(encoding="utf-8").replace("0.1.0", "0.0.9"), encoding="utf-8")
    (chart / "templates" / "policies" / "status.yaml").unlink()
    crd = chart / "templates" / "crds" / "llmcredentials.yaml"
    lines = crd.read_text(encoding="utf-8").splitlines(keepends=True)
    crd.write_text("".join(line for line in lines if "{name: Validated," not in line), encoding="utf-8")
    return chart


def columns(plane: ControlPlane) -> set[str]:
    (version,) = fetched(plane, "crd", CREDENTIAL_CRD)["spec"]["versions"]
    return {column["name"] for column in version["additionalPrinterColumns"]}


def test_the_server_takes_everything_in_a_dry_run(helm: Helm, plane: ControlPlane) -> None:
    everything = ("--set=bootstrap.enabled=true", "--set=metrics.dashboard.enabled=true")
    helm("install", RELEASE, CHART, f"--namespace={NAMESPACE}", "--dry-run=server", *everything)
    objects = helm.text("--skip-tests", *everything)
    crds = [one for one in objects.split("\n---\n") if "kind: CustomResourceDefinition" in one]

    plane.kubectl("apply", "--server-side", "--dry-run=server", "-f", "-", input=objects)

    assert len(crds) == 2
    assert names(plane, "deployments", f"--namespace={NAMESPACE}") == set()


def test_it_installs_and_its_pods_are_admitted_where_only_restricted_ones_are(
    install: Install, plane: ControlPlane
) -> None:
    notes = install().stdout

    assert "llmkeys keys backup" in notes
    assert "WARNING" not in notes

    def pods() -> list[str]:
        listed = fetched(plane, "pods", f"--namespace={NAMESPACE}")["items"]
        return sorted(one["metadata"]["labels"]["app.kubernetes.io/component"] for one in listed)

    eventually(lambda: pods() == ["controller"] * 2 + ["unsealer"] * 2, timeout=30, message="the replicas' pods")


def test_the_controller_runs_with_the_rights_that_the_chart_gives(
    install: Install, plane: ControlPlane, tmp_path: Path
) -> None:
    install()
    with OperatorProcess.start(plane, tmp_path) as operator:
        assert names(plane, "secrets", f"--namespace={NAMESPACE}", f"--selector={INTERNAL_LABEL}") == set(OWN_SECRETS)
    assert "forbidden" not in operator.text()


def test_the_test_of_the_chart_tells_a_component_that_is_ready_from_one_that_is_not(
    install: Install, helm: Helm, plane: ControlPlane, tmp_path: Path
) -> None:
    install()
    (pod,) = [one for one in helm.render() if one["kind"] == "Pod"]
    (container,) = pod["spec"]["containers"]
    script = [sys.executable, *container["command"][1:], container["args"][0]]

    with OperatorProcess.start(plane, tmp_path) as operator:
        page = f"http://127.0.0.1:{operator.port}/readyz"
        ready = subprocess.run([*script, page, page], capture_output=True, text=True, check=False)  # noqa: S603
    gone = subprocess.run([*script, page], capture_output=True, text=True, check=False)  # noqa: S603

    assert (ready.returncode, ready.stdout) == (0, f"{page} ok\n" * 2)
    assert gone.returncode == 1
    assert "refused" in gone.stdout


def test_a_list_of_namespaces_gives_rights_in_these_alone(install: Install, plane: ControlPlane) -> None:
    for name in ("team-a", "team-b"):
        plane.kubectl("create", "namespace", name)

    install("--set=watchNamespaces={team-a}")

    for verb in ("get", "list", "watch", "create", "patch"):
        assert may(plane, verb, "secrets", "--namespace=team-a")
        assert not may(plane, verb, "secrets", "--namespace=team-b")
    assert not may(plane, "list", "secrets", "--all-namespaces")
    assert not may(plane, "list", "secrets", f"--namespace={NAMESPACE}")
    assert not may(plane, "list", CREDENTIAL_CRD, "--all-namespaces")


def test_a_namespace_that_is_not_there_is_named(install: Install) -> None:
    with pytest.raises(subprocess.CalledProcessError) as refused:
        install("--set=watchNamespaces={nowhere}")
    assert 'namespaces "nowhere" not found' in refused.value.stderr


def test_an_upgrade_brings_what_is_new_and_touches_no_key(
    install: Install, helm: Helm, plane: ControlPlane, tmp_path: Path
) -> None:
    install(chart=previous_version(tmp_path))
    with OperatorProcess.start(plane, tmp_path):
        pass
    plane.kubectl("apply", "-f", "-", input=json.dumps(CREDENTIAL))
    before = fetched(plane, "secrets", f"--namespace={NAMESPACE}", f"--selector={INTERNAL_LABEL}")["items"]
    assert "Validated" not in columns(plane)
    assert "llmkeys-status" not in names(plane, "validatingadmissionpolicies")

    helm("upgrade", RELEASE, CHART, f"--namespace={NAMESPACE}")

    assert "Validated" in columns(plane)
    assert "llmkeys-status" in names(plane, "validatingadmissionpolicies")
    after = fetched(plane, "secrets", f"--namespace={NAMESPACE}", f"--selector={INTERNAL_LABEL}")["items"]
    assert [one["metadata"]["resourceVersion"] for one in after] == [
        one["metadata"]["resourceVersion"] for one in before
    ]

    helm("rollback", RELEASE, "1", f"--namespace={NAMESPACE}")

    assert "llmkeys-status" not in names(plane, "validatingadmissionpolicies")
    assert fetched(plane, CREDENTIAL_CRD, "kept", "--namespace=default")["spec"] == CREDENTIAL["spec"]
    helm("upgrade", RELEASE, CHART, f"--namespace={NAMESPACE}")
    assert "Validated" in columns(plane)


def test_uninstalling_leaves_what_the_notes_say_and_a_new_installation_takes_it_over(
    install: Install, helm: Helm, plane: ControlPlane, tmp_path: Path
) -> None:
    install()
    with OperatorProcess.start(plane, tmp_path):
        pass
    plane.kubectl("apply", "-f", "-", input=json.dumps(CREDENTIAL))
    here = (f"--namespace={NAMESPACE}",)
    rings = {one["metadata"]["name"]: one["data"] for one in fetched(plane, "secrets", *here)["items"] if "data" in one}

    helm("uninstall", RELEASE, *here)

    for kind in ("deployments", "services", "serviceaccounts", "roles", "rolebindings", "networkpolicies"):
        assert names(plane, kind, *here) == set(), kind
    for kind in ("clusterroles", "clusterrolebindings", "validatingadmissionpolicies"):
        assert names(plane, kind) == set(), kind
    assert fetched(plane, CREDENTIAL_CRD, "kept", "--namespace=default")["metadata"].get("finalizers") is None
    assert set(OWN_SECRETS) <= names(plane, "secrets", *here)
    assert names(plane, "configmaps", *here) == {"llmkeys-public-keys"}

    install()
    with OperatorProcess.start(plane, tmp_path):
        now = {one["metadata"]["name"]: one["data"] for one in fetched(plane, "secrets", *here)["items"]}
    assert {name: now[name] for name in OWN_SECRETS} == {name: rings[name] for name in OWN_SECRETS}


def test_a_second_release_is_refused_with_a_reason(install: Install, helm: Helm) -> None:
    install()

    for more in ((), ("--set=crds.install=false",)):
        second = helm("install", "second", CHART, "--namespace=other", "--create-namespace", *more, check=False)
        assert second.returncode != 0
        assert "invalid ownership metadata" in second.stderr
        assert f'must equal "other": current value is "{NAMESPACE}"' in second.stderr


def test_a_second_controller_sees_the_mark_of_the_first_and_refuses(
    install: Install, plane: ControlPlane, tmp_path: Path
) -> None:
    install()
    mark = fetched(plane, "crd", CREDENTIAL_CRD)["metadata"]["annotations"][INSTALLED_IN_ANNOTATION]

    second = OperatorProcess.start(plane, tmp_path, ["--namespace=elsewhere"], wait=False)
    eventually(lambda: not second.running, timeout=30, message="the second controller's end")

    assert mark == NAMESPACE
    assert f"Another llmkeys is installed in this cluster, in the namespace {NAMESPACE}" in second.text()
    assert "NotFound" in plane.kubectl("get", "namespace", "elsewhere", check=False).stderr
