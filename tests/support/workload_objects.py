"""Workloads that a credential names, as they stand on an API server: no kubelet is needed to see whether they roll."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from llmkeys.api.names import DELIVERED_ANNOTATION
from llmkeys.delivery.rollout import pairs_in
from tests.support.cluster_install import ROOT
from tests.support.fault_scene import FaultScene

Object = dict[str, Any]

COMPONENTS: Final = ROOT / "config" / "components"
_PLACES: Final = {
    "Deployment": ("apps/v1", "deployments"),
    "StatefulSet": ("apps/v1", "statefulsets"),
    "DaemonSet": ("apps/v1", "daemonsets"),
    "Rollout": ("argoproj.io/v1alpha1", "rollouts"),
}
KINDS: Final = tuple(_PLACES)

# As Argo Rollouts brings it, as far as it matters here.
ARGO_ROLLOUTS: Final[Object] = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "rollouts.argoproj.io"},
    "spec": {
        "group": "argoproj.io",
        "scope": "Namespaced",
        "names": {"kind": "Rollout", "listKind": "RolloutList", "plural": "rollouts", "singular": "rollout"},
        "versions": [
            {
                "name": "v1alpha1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {
                        "type": "object",
                        "properties": {
                            "spec": {
                                "type": "object",
                                "properties": {
                                    "paused": {"type": "boolean"},
                                    "replicas": {"type": "integer"},
                                    "template": {
                                        "type": "object",
                                        "properties": {
                                            "metadata": {
                                                "type": "object",
                                                "x-kubernetes-preserve-unknown-fields": True,
                                            }
                                        },
                                        "x-kubernetes-preserve-unknown-fields": True,
                                    },
                                },
                                "x-kubernetes-preserve-unknown-fields": True,
                            },
                            "status": {"type": "object", "x-kubernetes-preserve-unknown-fields": True},
                        },
                    }
                },
            }
        ],
    },
}


def workload(kind: str, name: str, **spec: Any) -> Object:
    """A workload of one container that reads one variable."""
    labels = {"app": name}
    container = {"name": "app", "image": "example.invalid/app:1", "env": [{"name": "A", "value": "b"}]}
    template = {
        "metadata": {"labels": labels, "annotations": {"team": "chat"}},
        "spec": {"containers": [container]},
    }
    own: Object = {"serviceName": name} if kind == "StatefulSet" else {}
    return {
        "apiVersion": _PLACES[kind][0],
        "kind": kind,
        "metadata": {"name": name, "labels": labels, "annotations": {"owner": "somebody"}},
        "spec": {"selector": {"matchLabels": labels}, "template": template, **own, **spec},
    }


def workload_path(scene: FaultScene, kind: str, name: str = "") -> str:
    version, plural = _PLACES[kind]
    folder = f"/apis/{version}/namespaces/{scene.namespace}/{plural}"
    return f"{folder}/{name}" if name else folder


def create_workload(scene: FaultScene, kind: str, name: str = "web", **spec: Any) -> Object:
    made: Object = scene.api.create(workload_path(scene, kind), workload(kind, name, **spec))
    return made


def read_workload(scene: FaultScene, kind: str, name: str = "web") -> Object:
    found: Object = scene.api.get(workload_path(scene, kind, name))
    assert found is not None, f"there is no {kind} {name}"
    return found


def restarts(found: Mapping[str, Any]) -> int:
    """How often its template was changed: nobody else changes its spec here."""
    return int(found["metadata"]["generation"]) - 1


def said(found: Mapping[str, Any]) -> dict[str, str]:
    """What its pod template says of contents, by credential."""
    return pairs_in(found["spec"]["template"]["metadata"]["annotations"].get(DELIVERED_ANNOTATION, ""))


def switch_on(scene: FaultScene, component: str) -> None:
    """Apply a component of config/ as a person does."""
    scene.plane.kubectl("apply", "--server-side", "-k", folder_of(component))


def switch_off(scene: FaultScene, component: str) -> None:
    scene.plane.kubectl("delete", "--ignore-not-found", "-k", folder_of(component))


def folder_of(component: str) -> Path:
    return COMPONENTS / component
