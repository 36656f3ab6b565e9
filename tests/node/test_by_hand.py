"""The image started by hand, without the chart's care."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from llmkeys.api.names import DEFAULT_NAMESPACE
from tests.support.image_build import Image
from tests.support.node_installed import Installed
from tests.support.node_provider import GOOD_KEY, NodeProvider
from tests.support.node_workload import Tenant

ENFORCE = "pod-security.kubernetes.io/enforce"
NAME = "by-hand"
HERE = f"--namespace={DEFAULT_NAMESPACE}"


@pytest.fixture
def alone(installed: Installed) -> Iterator[None]:
    """No controller runs, and the namespace takes any pod."""
    kubectl, deployment = installed.plane.kubectl, "deployment/llmkeys-controller"
    kubectl("label", "namespace", DEFAULT_NAMESPACE, f"{ENFORCE}=privileged", "--overwrite")
    kubectl("scale", deployment, "--replicas=0", HERE)
    kubectl(
        "wait", "--for=delete", "pod", "-l=app.kubernetes.io/component=controller", "--timeout=60s", HERE, timeout=90
    )
    yield
    kubectl("delete", "pod", NAME, "--ignore-not-found", HERE)
    kubectl("label", "namespace", DEFAULT_NAMESPACE, f"{ENFORCE}=restricted", "--overwrite")
    kubectl("scale", deployment, "--replicas=2", HERE)
    kubectl("rollout", "status", deployment, "--timeout=60s", HERE, timeout=90)


def by_hand(image: Image) -> dict[str, Any]:
    container = {
        "name": "controller",
        "image": image.reference,
        "securityContext": {"runAsUser": 0},
        "readinessProbe": {"httpGet": {"path": "/readyz", "port": 8080}, "periodSeconds": 1},
    }
    spec = {"serviceAccountName": "llmkeys-controller", "containers": [container]}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": NAME, "namespace": DEFAULT_NAMESPACE}, "spec": spec}


@pytest.mark.usefixtures("alone")
def test_as_root_with_a_writable_root_it_works_and_warns(
    installed: Installed, image: Image, tenant: Tenant, provider: NodeProvider
) -> None:
    tenant.apply(by_hand(image))

    tenant.deliver(provider, GOOD_KEY, ["chat"])

    kubectl = installed.plane.kubectl
    kubectl("wait", "--for=condition=Ready", f"pod/{NAME}", "--timeout=60s", HERE, timeout=90)
    lines = [json.loads(line) for line in kubectl("logs", NAME, HERE).stdout.splitlines()]
    warned = [line["what"] for line in lines if line["event"] == "more rights than needed"]
    assert [text.partition(":")[0] for text in warned] == ["it runs as root", "its root file system can be written to"]
