"""The unsealer's workload as it is shipped, judged by the API server."""

import json
from typing import Any

import pytest
import yaml

from llmkeys.api.names import DEFAULT_NAMESPACE, UNSEALER_ACCOUNT, UNSEALER_SERVICE
from tests.support.cluster import ControlPlane
from tests.support.cluster_install import ROOT


@pytest.fixture(scope="module")
def workload(installed: ControlPlane) -> dict[tuple[str, str], dict[str, Any]]:
    text = installed.kubectl("kustomize", ROOT / "config" / "unsealer").stdout
    return {(one["kind"], one["metadata"]["name"]): one for one in yaml.safe_load_all(text)}


def test_the_api_server_takes_it(installed: ControlPlane) -> None:
    done = installed.kubectl("apply", "--server-side", "--dry-run=server", "-k", ROOT / "config" / "unsealer")
    assert "Warning" not in done.stderr


def test_its_pods_are_admitted_where_only_restricted_ones_are(
    installed: ControlPlane, workload: dict[tuple[str, str], dict[str, Any]]
) -> None:
    template = workload["Deployment", UNSEALER_SERVICE]["spec"]["template"]
    labels = template["metadata"]["labels"]
    metadata = {"name": "unsealer", "namespace": DEFAULT_NAMESPACE, "labels": labels}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": template["spec"]}

    assert template["spec"]["serviceAccountName"] == UNSEALER_ACCOUNT
    assert installed.kubectl("create", "--dry-run=server", "-f", "-", input=json.dumps(pod)).stderr == ""
    weakened = json.loads(json.dumps(pod))
    weakened["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"] = True
    refused = installed.kubectl("create", "--dry-run=server", "-f", "-", input=json.dumps(weakened), check=False)
    assert "restricted" in refused.stderr


def test_services_and_budget_select_its_pods(workload: dict[tuple[str, str], dict[str, Any]]) -> None:
    labels = workload["Deployment", UNSEALER_SERVICE]["spec"]["template"]["metadata"]["labels"]
    service = workload["Service", UNSEALER_SERVICE]["spec"]
    replicas = workload["Service", f"{UNSEALER_SERVICE}-replicas"]["spec"]
    budget = workload["PodDisruptionBudget", UNSEALER_SERVICE]["spec"]

    assert workload["Deployment", UNSEALER_SERVICE]["spec"]["replicas"] == 2
    assert service["selector"] == replicas["selector"] == budget["selector"]["matchLabels"] == labels
    assert service["ports"][0]["port"] == 443
    assert replicas["clusterIP"] == "None"
