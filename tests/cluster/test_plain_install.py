"""The whole product without Helm: one `kubectl apply -k` on an API server on which nothing of ours is."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from llmkeys.api.names import CONTROLLER_ACCOUNT, DEFAULT_NAMESPACE, INTERNAL_LABEL, OWN_SECRETS, UNSEALER_ACCOUNT
from tests.support.cluster import ControlPlane
from tests.support.cluster_install import ROOT
from tests.support.operator_process import OperatorProcess
from tests.support.rendered import holds, kustomized, of_kind
from tests.support.wait import eventually

HERE: Final = f"--namespace={DEFAULT_NAMESPACE}"
APPLY: Final = ("apply", "--server-side", "-k", ROOT)


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """An API server on which all of it has been applied, at once and once."""
    with ControlPlane.start() as started:
        if not started.owned or not started.has_controllers:
            pytest.skip("needs a control plane of its own, with controllers")
        done = started.kubectl(*APPLY)
        assert "Warning" not in done.stderr
        yield started


def listed(plane: ControlPlane, resource: str, *arguments: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = json.loads(plane.kubectl("get", resource, *arguments, "-o", "json").stdout)["items"]
    return items


def test_the_pods_of_both_components_are_admitted_where_only_restricted_ones_are(plane: ControlPlane) -> None:
    def accounts() -> list[str]:
        return sorted(one["spec"]["serviceAccountName"] for one in listed(plane, "pods", HERE))

    wanted = [CONTROLLER_ACCOUNT] * 2 + [UNSEALER_ACCOUNT] * 2
    eventually(lambda: accounts() == wanted, timeout=30, message="the replicas' pods")
    (namespace,) = listed(plane, "namespaces", f"--field-selector=metadata.name={DEFAULT_NAMESPACE}")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_controller_runs_with_the_rights_that_come_with_it(plane: ControlPlane, tmp_path: Path) -> None:
    with OperatorProcess.start(plane, tmp_path) as operator:
        secrets = listed(plane, "secrets", HERE, f"--selector={INTERNAL_LABEL}")
        assert {one["metadata"]["name"] for one in secrets} == set(OWN_SECRETS)
    assert "forbidden" not in operator.text()


def test_applying_it_again_changes_nothing(plane: ControlPlane) -> None:
    difference = plane.kubectl("diff", "--server-side", "-k", ROOT, check=False)

    assert (difference.returncode, difference.stdout) == (0, "")


def test_services_budgets_and_network_policies_are_about_the_pods_of_their_component() -> None:
    objects = kustomized(ROOT)
    labels = {
        name.removeprefix("llmkeys-"): one["spec"]["template"]["metadata"]["labels"]
        for name, one in of_kind("Deployment", objects).items()
    }

    assert labels.keys() == {"controller", "unsealer"}
    for component, expected in labels.items():
        name = f"llmkeys-{component}"
        assert of_kind("PodDisruptionBudget", objects)[name]["spec"]["selector"]["matchLabels"] == expected
        assert of_kind("NetworkPolicy", objects)[name]["spec"]["podSelector"]["matchLabels"] == expected
        assert of_kind("Service", objects)[f"{name}-metrics"]["spec"]["selector"] == expected
    for service in of_kind("Service", objects).values():
        (workload,) = [
            one["spec"]["template"]
            for one in of_kind("Deployment", objects).values()
            if holds(one["spec"]["template"]["metadata"]["labels"], service["spec"]["selector"])
        ]
        ports = {port["name"] for port in workload["spec"]["containers"][0]["ports"]}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= ports


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """What an overlay builds on."""
    made = tmp_path / "llmkeys"
    for folder in ("config", "crds"):
        shutil.copytree(ROOT / folder, made / folder)
    shutil.copy(ROOT / "kustomization.yaml", made)
    return made


def overlay(copy: Path, *lines: str) -> list[dict[str, Any]]:
    folder = copy.parent / "overlay"
    folder.mkdir()
    text = "\n".join(("resources: [../llmkeys]", *lines))
    (folder / "kustomization.yaml").write_text(text, encoding="utf-8")
    return kustomized(folder)


def test_an_overlay_gives_it_another_namespace_and_another_image(copy: Path) -> None:
    objects = overlay(copy, "namespace: keys", "images: [{name: llmkeys, newName: registry.example.com/llmkeys}]")

    assert DEFAULT_NAMESPACE not in json.dumps(objects)
    for deployment in of_kind("Deployment", objects).values():
        (container,) = deployment["spec"]["template"]["spec"]["containers"]
        assert container["image"].startswith("registry.example.com/llmkeys:")


def test_an_overlay_adds_what_is_not_always_wanted(copy: Path) -> None:
    components = [f"../llmkeys/config/components/{name}" for name in ("bootstrap", "policy", "rollouts", "nudge")]
    objects = overlay(copy, f"components: {json.dumps(components)}")

    (controller,) = of_kind("Deployment", objects)["llmkeys-controller"]["spec"]["template"]["spec"]["containers"]
    assert {"--rollouts", "--nudge"} <= set(controller["args"])
    assert of_kind("MutatingAdmissionPolicy", objects)
    assert "llmkeys-bootstrap" in json.dumps(objects)
