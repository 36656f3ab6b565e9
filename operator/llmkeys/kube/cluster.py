"""The engine's effects on the API server."""

import base64
import binascii
from typing import Any, Final
from urllib.parse import quote

import msgspec

from llmkeys.api.credential import LLMCredential
from llmkeys.api.names import API_VERSION, CREDENTIAL_PLURAL, GROUP, HOSTS_ANNOTATION, PROVIDER_PLURAL
from llmkeys.api.objects import Key
from llmkeys.api.provider import LLMProvider
from llmkeys.delivery.manifest import ObservedSecret, Owner, SecretMeta
from llmkeys.engine.effects import ApiUnavailableError, NotThereError
from llmkeys.kube.client import JSON_PATCH, MERGE_PATCH, METADATA, ApiClient
from llmkeys.kube.model_lists import ModelListMaps

BASE: Final = f"/apis/{API_VERSION}"
_PREFIX: Final = f"{GROUP}/"


class OwnerReference(msgspec.Struct, rename="camel"):
    """Of an object's metadata."""

    kind: str
    name: str
    uid: str


class ManagedField(msgspec.Struct, rename="camel"):
    """Who changed an object."""

    manager: str = ""
    time: str = ""


class ObjectMeta(msgspec.Struct, rename="camel"):
    """The metadata that is read off the wire; what is kept of it is `SecretMeta`."""

    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    labels: dict[str, str] = {}
    owner_references: list[OwnerReference] = []


class PartialObject(msgspec.Struct):
    """A PartialObjectMetadata."""

    metadata: ObjectMeta


class _SecretMetaFull(ObjectMeta, rename="camel"):
    managed_fields: list[ManagedField] = []
    annotations: dict[str, str] = {}


class _RawOwners(msgspec.Struct, rename="camel"):
    owner_references: list[dict[str, Any]] = []


class _Owned(msgspec.Struct):
    metadata: _RawOwners


class _SecretObject(msgspec.Struct):
    metadata: _SecretMetaFull
    type: str = ""
    data: dict[str, str] = {}


_partial = msgspec.json.Decoder(PartialObject)
_secret = msgspec.json.Decoder(_SecretObject)
_owned = msgspec.json.Decoder(_Owned)
_credential = msgspec.json.Decoder(LLMCredential)
_provider = msgspec.json.Decoder(LLMProvider)


def meta_of(metadata: ObjectMeta) -> SecretMeta:
    """What is kept of a Secret."""
    return SecretMeta(
        uid=metadata.uid,
        resource_version=metadata.resource_version,
        labels={name: value for name, value in metadata.labels.items() if name.startswith(_PREFIX)},
        owners=tuple(Owner(one.kind, one.name, one.uid) for one in metadata.owner_references),
    )


def secret_path(key: Key | None, namespace: str = "") -> str:
    base = f"/api/v1/namespaces/{quote(key.namespace if key else namespace)}/secrets"
    return f"{base}/{quote(key.name)}" if key else base


class KubeCluster:
    """Reads and writes over an `ApiClient`.

    Args:
        client: of the API server.
        namespace: the operator's, for lists of models.

    """

    def __init__(self, client: ApiClient, namespace: str) -> None:
        self._client = client
        self._lists = ModelListMaps(client, namespace)

    async def read_secret(self, key: Key, *, since: str = "") -> ObservedSecret | None:
        # "Not older than" is answered from the API server's cache, without a read of etcd
        # (https://kubernetes.io/docs/reference/using-api/api-concepts/#semantics-for-get-and-list).
        path = secret_path(key) + (f"?resourceVersion={quote(since)}" if since else "")
        try:
            content = await self._client.get(path, "secrets")
        except NotThereError:
            return None
        return observed_secret(content)

    async def create_secret(self, key: Key, manifest: dict[str, Any]) -> SecretMeta:
        path = secret_path(None, key.namespace)
        content = await self._client.post(path, "secrets", manifest, accept=METADATA)
        return meta_of(_partial.decode(content).metadata)

    async def patch_secret(self, key: Key, operations: list[dict[str, Any]]) -> SecretMeta:
        content = await self._client.patch(secret_path(key), "secrets", operations, JSON_PATCH, accept=METADATA)
        return meta_of(_partial.decode(content).metadata)

    async def patch_credential_status(self, credential: LLMCredential, patch: dict[str, Any]) -> LLMCredential:
        meta = credential.metadata
        path = f"{BASE}/namespaces/{quote(meta.namespace)}/{CREDENTIAL_PLURAL}/{quote(meta.name)}/status"
        body = {"metadata": {"resourceVersion": meta.resource_version}, "status": patch}
        return _credential.decode(await self._client.patch(path, CREDENTIAL_PLURAL, body, MERGE_PATCH))

    async def patch_provider_status(self, provider: LLMProvider, patch: dict[str, Any]) -> LLMProvider:
        meta = provider.metadata
        path = f"{BASE}/{PROVIDER_PLURAL}/{quote(meta.name)}/status"
        body = {"metadata": {"resourceVersion": meta.resource_version}, "status": patch}
        return _provider.decode(await self._client.patch(path, PROVIDER_PLURAL, body, MERGE_PATCH))

    async def read_model_list(self, provider: LLMProvider) -> dict[str, str] | None:
        return await self._lists.read(provider)

    async def write_model_list(self, provider: LLMProvider, data: dict[str, str]) -> None:
        await self._lists.write(provider, data)

    async def post_event(self, event: dict[str, Any]) -> None:
        namespace = event["metadata"]["namespace"]
        await self._client.post(f"/api/v1/namespaces/{quote(namespace)}/events", "events", event, accept=METADATA)


def observed_secret(content: bytes) -> ObservedSecret:
    """A Secret as it came over the wire.

    Raises:
        ApiUnavailableError: it is not one.

    """
    try:
        found = _secret.decode(content)
        owners = _owned.decode(content).metadata.owner_references if found.metadata.owner_references else []
        data = {name: base64.b64decode(value) for name, value in found.data.items()}
    except (msgspec.MsgspecError, binascii.Error):
        raise ApiUnavailableError("get secrets: the answer is not a Secret") from None
    latest = sorted(found.metadata.managed_fields, key=lambda one: one.time)
    return ObservedSecret(
        meta=meta_of(found.metadata),
        kind=found.type,
        data=data,
        owners=tuple(owners),
        labelled=bool(found.metadata.labels),
        managers=tuple(one.manager for one in latest if one.manager),
        hosts=_hosts(found.metadata.annotations.get(HOSTS_ANNOTATION)),
    )


def _hosts(written: str | None) -> tuple[str, ...] | None:
    """An empty list admits no host; only where nothing is said any host will do."""
    return None if written is None else tuple(one.strip() for one in written.split(",") if one.strip())
