"""Workloads that are restarted: read one by one, and changed in nothing but one annotation of their pod template."""

from typing import Final
from urllib.parse import quote

import msgspec

from llmkeys.api.names import DELIVERED_ANNOTATION
from llmkeys.api.rollout import RolloutReason, WorkloadRef
from llmkeys.delivery.rollout import Workload
from llmkeys.engine.effects import ApiUnavailableError, ForbiddenError, NotThereError, RefusedError
from llmkeys.kube.client import MERGE_PATCH, METADATA, ApiClient

_FOLDERS: Final = {
    "Deployment": ("/apis/apps/v1", "deployments"),
    "StatefulSet": ("/apis/apps/v1", "statefulsets"),
    "DaemonSet": ("/apis/apps/v1", "daemonsets"),
    "Rollout": ("/apis/argoproj.io/v1alpha1", "rollouts"),
}
_ON_DELETE: Final = "OnDelete"


class _Metadata(msgspec.Struct, rename="camel"):
    resource_version: str = ""
    annotations: dict[str, str] | None = None


class _Template(msgspec.Struct):
    metadata: _Metadata = msgspec.field(default_factory=_Metadata)


class _RollingUpdate(msgspec.Struct):
    partition: int = 0


class _Strategy(msgspec.Struct, rename="camel"):
    type: str = ""
    rolling_update: _RollingUpdate | None = None


class _Spec(msgspec.Struct, rename="camel"):
    replicas: int = 1
    paused: bool = False
    template: _Template | None = None
    update_strategy: _Strategy = msgspec.field(default_factory=_Strategy)


class _Object(msgspec.Struct):
    metadata: _Metadata
    spec: _Spec


_object = msgspec.json.Decoder(_Object)


class KubeWorkloads:
    """Workloads over an `ApiClient`.

    Args:
        client: of the API server.

    """

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    async def read(self, namespace: str, ref: WorkloadRef) -> Workload | RolloutReason:
        """A workload as it is, or why it cannot be read.

        Raises:
            RetryableError: the API server did not answer.

        """
        path, resource = _place(namespace, ref)
        try:
            return _workload(await self._client.get(path, resource))
        except NotThereError:
            return RolloutReason.NOT_FOUND if await self._is_served(ref) else RolloutReason.KIND_NOT_SERVED
        except ForbiddenError:
            # RBAC answers before anybody asks whether there is such a kind.
            return RolloutReason.FORBIDDEN if await self._is_served(ref) else RolloutReason.KIND_NOT_SERVED

    async def roll_out(self, namespace: str, ref: WorkloadRef, version: str, annotation: str) -> RolloutReason | None:
        """Have the pod template of exactly that version say something; None if it does now, else why it does not.

        Raises:
            ConflictError: it is not that version any more.
            RetryableError: the API server did not answer.

        """
        path, resource = _place(namespace, ref)
        template = {"metadata": {"annotations": {DELIVERED_ANNOTATION: annotation}}}
        body = {"metadata": {"resourceVersion": version}, "spec": {"template": template}}
        try:
            await self._client.patch(path, resource, body, MERGE_PATCH, accept=METADATA)
        except NotThereError:
            return RolloutReason.NOT_FOUND
        except ForbiddenError:
            return RolloutReason.FORBIDDEN
        except RefusedError:
            return RolloutReason.REFUSED
        return None

    async def _is_served(self, ref: WorkloadRef) -> bool:
        base, resource = _FOLDERS[ref.kind]
        try:
            await self._client.get(base, resource)
        except NotThereError:
            return False
        return True


def _place(namespace: str, ref: WorkloadRef) -> tuple[str, str]:
    base, resource = _FOLDERS[ref.kind]
    return f"{base}/namespaces/{quote(namespace)}/{resource}/{quote(ref.name)}", resource


def _workload(content: bytes) -> Workload:
    try:
        found = _object.decode(content)
    except msgspec.MsgspecError:
        raise ApiUnavailableError("the answer of the API server is not a workload") from None
    template = found.spec.template
    return Workload(
        found.metadata.resource_version,
        (template.metadata.annotations or {}).get(DELIVERED_ANNOTATION, "") if template else "",
        found.spec.paused,
        _hindrance(found.spec),
    )


def _hindrance(spec: _Spec) -> RolloutReason | None:
    if spec.template is None:
        return RolloutReason.NO_TEMPLATE
    if spec.update_strategy.type == _ON_DELETE:
        return RolloutReason.ON_DELETE
    rolling = spec.update_strategy.rolling_update
    if rolling is not None and 0 < spec.replicas <= rolling.partition:
        return RolloutReason.PARTITIONED
    return None
