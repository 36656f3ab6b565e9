"""Pods that `llmkeys doctor` creates on trial: what the cluster makes of them tells what it can do."""

from typing import Any, Final
from urllib.parse import quote

import msgspec

from llmkeys.cli.doctor_api import Answer, PersonsApi
from llmkeys.doctor.cluster_seen import Trial
from llmkeys.doctor.finding import Hidden
from llmkeys.doctor.layout import INJECT_LABEL, init_container
from llmkeys.doctor.objects import Pod
from llmkeys.doctor.refusals import refusal

_NAME: Final = "llmkeys-doctor-"
# As the strictest namespaces want it: Pod Security restricted, limits for a quota.
_RESTRICTED: Final = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "runAsUser": 65532,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
_AMOUNTS: Final = {"cpu": "10m", "memory": "16Mi"}
_INVALID: Final = 422


async def takes_file_key_ref(api: PersonsApi, namespace: str) -> bool | None:
    """Whether the API server accepts a variable out of a file; None if that cannot be said.

    Where the gate is off, or the field is not known, it is dropped, and a variable without a source is invalid.
    """
    reference = {"volumeName": "memory", "path": "a.env", "key": "A"}
    variable = {"name": "A", "valueFrom": {"fileKeyRef": reference}}
    answer = await _try(api, namespace, variable=variable)
    if isinstance(answer, Hidden):
        return None
    if answer.status != _INVALID:
        return True if answer.accepted else None
    without = await _try(api, namespace)
    return False if isinstance(without, Answer) and without.accepted else None


async def labelled_pod(api: PersonsApi, namespace: str) -> Trial | Hidden:
    """What becomes of a labelled pod that names no credential."""
    answer = await _try(api, namespace, labels={INJECT_LABEL: "true"})
    if isinstance(answer, Hidden):
        return answer
    if not answer.accepted:
        return Trial(accepted=False, words=refusal(answer.words), variables=(), opened=False)
    pod = msgspec.json.decode(answer.body, type=Pod)
    variables = tuple(sorted({one.name for container in pod.spec.containers for one in container.env}))
    return Trial(accepted=True, words="", variables=variables, opened=init_container(pod) is not None)


async def _try(
    api: PersonsApi, namespace: str, *, labels: dict[str, str] | None = None, variable: dict[str, Any] | None = None
) -> Answer | Hidden:
    container = {
        "name": "main",
        "image": "none",
        "resources": {"requests": _AMOUNTS, "limits": _AMOUNTS},
        "securityContext": _RESTRICTED,
        "env": [variable] if variable else [],
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"generateName": _NAME, "labels": labels or {}},
        "spec": {"containers": [container], "volumes": [{"name": "memory", "emptyDir": {"medium": "Memory"}}]},
    }
    path = f"/api/v1/namespaces/{quote(namespace)}/pods"
    return await api.create_on_trial(path, pod, f"create pods in namespace {namespace}")
