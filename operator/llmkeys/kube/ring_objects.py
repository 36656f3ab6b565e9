"""The operator's own Secrets and ConfigMaps: created, or changed in exactly the version that was read."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal
from urllib.parse import quote, urlencode

import msgspec

from llmkeys.api.names import INTERNAL_LABEL
from llmkeys.delivery.manifest import encoded
from llmkeys.engine.effects import ApiUnavailableError, NotThereError
from llmkeys.kube.client import JSON_PATCH, ApiClient

Resource = Literal["secrets", "configmaps"]

OPAQUE: Final = "Opaque"
TLS: Final = "kubernetes.io/tls"
_KINDS: Final = {"secrets": "Secret", "configmaps": "ConfigMap"}


class _Metadata(msgspec.Struct, rename="camel"):
    name: str
    uid: str
    resource_version: str
    labels: dict[str, str] = {}


class _Object(msgspec.Struct):
    metadata: _Metadata
    data: dict[str, str] = {}
    immutable: bool = False


class _Objects(msgspec.Struct):
    items: list[_Object] | None = None


@dataclass(frozen=True, slots=True)
class OwnObject:
    """A Secret or ConfigMap of the operator as it was read.

    Args:
        resource: which of the two.
        name: in the operator's namespace.
        uid: of this very object.
        resource_version: of this very state.
        labelled: it has labels at all.
        data: decoded values.
        immutable: nobody can change it.

    """

    resource: Resource
    name: str
    uid: str
    resource_version: str
    labelled: bool
    data: Mapping[str, bytes] = field(repr=False)
    immutable: bool = False


class OwnObjects:
    """Reads and writes them in one namespace.

    Args:
        client: of the API server.
        namespace: the operator's.
        creator: creates what is not there; the same client if None. A controller that does not lead may do that, too,
            where all would create the same: only one is created.

    """

    def __init__(self, client: ApiClient, namespace: str, creator: ApiClient | None = None) -> None:
        self.namespace: Final = namespace
        self._client = client
        self._creator = creator or client

    async def read(self, resource: Resource, name: str) -> OwnObject | None:
        """The object, None if it is not there."""
        try:
            content = await self._client.get(self._path(resource, name), resource)
        except NotThereError:
            return None
        return _decoded(resource, content)

    async def internal(self, resource: Resource) -> list[OwnObject]:
        """All that carry our label."""
        query = urlencode({"labelSelector": f"{INTERNAL_LABEL}=true"})
        content = await self._client.list(f"{self._path(resource)}?{query}", resource)
        try:
            return [_own(resource, one) for one in msgspec.json.decode(content, type=_Objects).items or ()]
        except (msgspec.MsgspecError, binascii.Error):
            raise ApiUnavailableError(f"list {resource}: the answer is not what was asked for") from None

    async def create(
        self, resource: Resource, name: str, data: Mapping[str, bytes], *, kind: str = OPAQUE, immutable: bool = False
    ) -> OwnObject:
        """A new object.

        Args:
            resource: Secret or ConfigMap.
            name: in the operator's namespace.
            data: decoded values.
            kind: a Secret's `type`.
            immutable: nobody shall change it.

        Raises:
            ConflictError: it is there already.

        """
        body: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": _KINDS[resource],
            "metadata": {"name": name, "namespace": self.namespace, "labels": {INTERNAL_LABEL: "true"}},
            "data": _on_the_wire(resource, data),
        }
        if resource == "secrets":
            body["type"] = kind
        if immutable:
            body["immutable"] = True
        return _decoded(resource, await self._creator.post(self._path(resource), resource, body))

    async def replace(self, found: OwnObject, data: Mapping[str, bytes]) -> OwnObject:
        """The object with other data: one atomic patch.

        Raises:
            ConflictError: it is not the one that was read any more.
            NotThereError: it is gone.

        """
        label = "/metadata/labels/" + INTERNAL_LABEL.replace("/", "~1")
        operations: list[dict[str, Any]] = [
            {"op": "test", "path": "/metadata/uid", "value": found.uid},
            {"op": "test", "path": "/metadata/resourceVersion", "value": found.resource_version},
            {"op": "add", "path": "/data", "value": _on_the_wire(found.resource, data)},
            *([] if found.labelled else [{"op": "add", "path": "/metadata/labels", "value": {}}]),
            {"op": "add", "path": label, "value": "true"},
        ]
        path = self._path(found.resource, found.name)
        return _decoded(found.resource, await self._client.patch(path, found.resource, operations, JSON_PATCH))

    def _path(self, resource: Resource, name: str = "") -> str:
        base = f"/api/v1/namespaces/{quote(self.namespace)}/{resource}"
        return f"{base}/{quote(name)}" if name else base


def _on_the_wire(resource: Resource, data: Mapping[str, bytes]) -> dict[str, str]:
    if resource == "secrets":
        return encoded(data)
    return {name: value.decode() for name, value in data.items()}


def _decoded(resource: Resource, content: bytes) -> OwnObject:
    try:
        return _own(resource, msgspec.json.decode(content, type=_Object))
    except (msgspec.MsgspecError, binascii.Error):
        raise ApiUnavailableError(f"get {resource}: the answer is not what was asked for") from None


def _own(resource: Resource, one: _Object) -> OwnObject:
    if resource == "secrets":
        data = {name: base64.b64decode(value) for name, value in one.data.items()}
    else:
        data = {name: value.encode() for name, value in one.data.items()}
    meta = one.metadata
    return OwnObject(resource, meta.name, meta.uid, meta.resource_version, bool(meta.labels), data, one.immutable)
