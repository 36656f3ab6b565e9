"""Somebody else's mutating policy, which adds a container to pods that have been given their credentials."""

import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from uuid import uuid4

from tests.support.inject_objects import Object, Pod
from tests.support.inject_scene import Injection
from tests.support.wait import eventually

_API: Final = "admissionregistration.k8s.io/v1"


@contextmanager
def added_by_another_policy(scene: Injection, body: Object) -> Iterator[None]:
    """Have a container `late` added to pods like `body`, which ours gives credentials that need our init container.

    Notes:
        Policies are invoked in an order that the API server throws anew whenever one of them changes. Only where the
        other goes after ours, ours has to come back.

    """
    # A name of its own each time: the API server is slow to notice a policy that takes the place of a deleted one.
    name = f"late-{uuid4().hex[:8]}.example.com"
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
    for made in (policy, binding):
        scene.plane.kubectl("create", "-f", "-", input=json.dumps(made))
    try:
        throws = itertools.count()

        def goes_last() -> bool:
            if _is_late_in(scene.create(body)):
                return True
            throw = f"example.com/throw={next(throws)}"
            scene.plane.kubectl("annotate", "mutatingadmissionpolicy", name, "--overwrite", throw)
            return False

        eventually(goes_last, timeout=90, every=2, message="the other policy's going last")
        yield
    finally:
        for made in (binding, policy):
            scene.plane.kubectl("delete", "-f", "-", input=json.dumps(made))


def _is_late_in(made: Pod) -> bool:
    return "late" in [one["name"] for one in made.spec["containers"]]
