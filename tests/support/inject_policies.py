"""Somebody else's mutating policy, which adds a container to pods that have been given their credentials."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import uuid4

from tests.support.inject_scene import Injection

_API: Final = "admissionregistration.k8s.io/v1"


@contextmanager
def added_by_another_policy(scene: Injection) -> Iterator[None]:
    """Have a container `late` added after our policy; it takes a moment until that is in force."""
    # A name of its own each time: the API server is slow to notice a policy that takes the place of a deleted one.
    name = f"zz-late-{uuid4().hex[:8]}.example.com"
    policy = {
        "apiVersion": _API,
        "kind": "MutatingAdmissionPolicy",
        "metadata": {"name": name},
        "spec": {
            "failurePolicy": "Fail",
            "reinvocationPolicy": "IfNeeded",
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": scene.namespace}},
                "resourceRules": [
                    {"apiGroups": [""], "apiVersions": ["v1"], "resources": ["pods"], "operations": ["CREATE"]}
                ],
            },
            "matchConditions": [
                {
                    "name": "after-ours",
                    "expression": 'object.spec.?initContainers.orValue([]).exists(one, one.name == "llmkeys") && '
                    '!object.spec.containers.exists(one, one.name == "late")',
                }
            ],
            "mutations": [
                {
                    "patchType": "JSONPatch",
                    "jsonPatch": {
                        "expression": '[JSONPatch{op: "add", path: "/spec/containers/-", value: '
                        'Object.spec.containers{name: "late", image: "late"}}]'
                    },
                }
            ],
        },
    }
    binding = {
        "apiVersion": _API,
        "kind": "MutatingAdmissionPolicyBinding",
        "metadata": {"name": name},
        "spec": {"policyName": name},
    }
    for body in (policy, binding):
        scene.plane.kubectl("create", "-f", "-", input=json.dumps(body))
    try:
        yield
    finally:
        for body in (binding, policy):
            scene.plane.kubectl("delete", "-f", "-", input=json.dumps(body))
