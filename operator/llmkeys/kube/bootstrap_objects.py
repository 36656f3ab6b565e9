"""What a bootstrap reads and writes on the API server, and the stories that people read there."""

import binascii
from base64 import b64decode
from collections.abc import Collection, Mapping
from typing import Any, Final, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from llmkeys.api.durations import epoch
from llmkeys.api.names import (
    BOOTSTRAP_SECRET,
    CREDENTIAL_PLURAL,
    INTERNAL_LABEL,
    MAC_SECRET,
    PROVIDER_PLURAL,
)
from llmkeys.api.objects import Key
from llmkeys.api.provider import LLMProvider
from llmkeys.bootstrap.planned import Kind
from llmkeys.bootstrap.records import asked_in
from llmkeys.bootstrap.story import RunStory, run_stories
from llmkeys.engine.bootstrap_effects import FoundObject, InputKind, InputObject, RecordObject
from llmkeys.engine.effects import ApiUnavailableError, NotThereError
from llmkeys.kube.client import MERGE_PATCH, METADATA, METADATA_LIST, ApiClient
from llmkeys.kube.cluster import BASE
from llmkeys.kube.ring_objects import OwnObject, OwnObjects

_FOLDERS: Final[Mapping[Kind, tuple[str, str]]] = {
    "Namespace": ("/api/v1", "namespaces"),
    "LLMProvider": (BASE, PROVIDER_PLURAL),
    "LLMCredential": (BASE, CREDENTIAL_PLURAL),
}

_T = TypeVar("_T")


class _Metadata(msgspec.Struct, rename="camel"):
    name: str = ""
    uid: str = ""
    resource_version: str = ""
    creation_timestamp: str = ""
    deletion_timestamp: str | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}


class _Object(msgspec.Struct):
    metadata: _Metadata
    spec: dict[str, Any] = {}


class _Input(msgspec.Struct):
    metadata: _Metadata
    data: dict[str, str] = {}


class _Names(msgspec.Struct):
    items: list[_Object] | None = None


_object = msgspec.json.Decoder(_Object)
_input = msgspec.json.Decoder(_Input)
_names = msgspec.json.Decoder(_Names)
_provider = msgspec.json.Decoder(LLMProvider)


class KubeBootstrap:
    """The effects of a bootstrap over an `ApiClient`.

    Args:
        client: of the API server.
        namespace: the operator's.

    """

    def __init__(self, client: ApiClient, namespace: str) -> None:
        self._client = client
        self._namespace = namespace
        self._objects = OwnObjects(client, namespace)
        self._base = f"/api/v1/namespaces/{quote(namespace)}"

    async def read_input(self) -> InputObject | None:
        """The input Secret; None if it is not there."""
        try:
            content = await self._client.get(f"{self._base}/secrets/{BOOTSTRAP_SECRET}", "secrets")
        except NotThereError:
            return None
        try:
            found = _input.decode(content)
            data = {name: b64decode(value) for name, value in found.data.items()}
        except (msgspec.MsgspecError, binascii.Error):
            raise ApiUnavailableError("get secrets: the answer is not a Secret") from None
        return self._input("Secret", found.metadata, data)

    async def read_exposed(self) -> InputObject | None:
        """The ConfigMap of the input's name; what it holds is not even read."""
        try:
            path = f"{self._base}/configmaps/{BOOTSTRAP_SECRET}"
            content = await self._client.get(path, "configmaps", accept=METADATA)
        except NotThereError:
            return None
        return self._input("ConfigMap", _decoded(_object, content).metadata, {})

    def _input(self, kind: InputKind, meta: _Metadata, data: Mapping[str, bytes]) -> InputObject:
        return InputObject(
            kind=kind,
            namespace=self._namespace,
            name=BOOTSTRAP_SECRET,
            uid=meta.uid,
            resource_version=meta.resource_version,
            data=data,
            asked=asked_in(meta.annotations),
        )

    async def record_names(self) -> frozenset[str]:
        """Names of all ConfigMaps of ours."""
        query = urlencode({"labelSelector": f"{INTERNAL_LABEL}=true"})
        content = await self._client.list(f"{self._base}/configmaps?{query}", "configmaps", accept=METADATA_LIST)
        return frozenset(one.metadata.name for one in _decoded(_names, content).items or ())

    async def read_record(self, name: str) -> RecordObject | None:
        found = await self._objects.read("configmaps", name)
        return None if found is None else _record(found)

    async def create_record(self, name: str, data: Mapping[str, bytes], *, immutable: bool) -> RecordObject:
        """Raises ConflictError where it exists."""
        return _record(await self._objects.create("configmaps", name, data, immutable=immutable))

    async def change_record(self, name: str, resource_version: str, changes: Mapping[str, str | None]) -> RecordObject:
        """Raises ConflictError where it is not in that version any more, NotThereError where it is gone."""
        body = {"metadata": {"resourceVersion": resource_version}, "data": dict(changes)}
        path = f"{self._base}/configmaps/{quote(name)}"
        content = await self._client.patch(path, "configmaps", body, MERGE_PATCH)
        found = _decoded(_input, content)
        return RecordObject(
            found.metadata.resource_version, {name: value.encode() for name, value in found.data.items()}
        )

    async def create(self, manifest: Mapping[str, Any]) -> None:
        """Raises ConflictError where it exists, RefusedError, or NotThereError where its namespace is missing."""
        folder, resource = _folder(manifest["kind"], manifest["metadata"].get("namespace", ""))
        await self._client.post(folder, resource, manifest, accept=METADATA)

    async def read(self, kind: Kind, key: Key) -> FoundObject | None:
        folder, resource = _folder(kind, key.namespace)
        try:
            content = await self._client.get(f"{folder}/{quote(key.name)}", resource)
        except NotThereError:
            return None
        found = _decoded(_object, content)
        return FoundObject(found.metadata.labels, found.spec, terminating=found.metadata.deletion_timestamp is not None)

    async def read_providers(self, names: Collection[str]) -> dict[str, LLMProvider]:
        """Those of these names that are there."""
        found: dict[str, LLMProvider] = {}
        folder, resource = _folder("LLMProvider", "")
        for name in sorted(names):
            try:
                content = await self._client.get(f"{folder}/{quote(name, safe='')}", resource)
            except NotThereError:
                continue
            found[name] = _decoded(_provider, content)
        return found

    async def mac_secret_created(self) -> float:
        """Epoch seconds; a Secret that is not there was created never, and so counts as restored."""
        try:
            content = await self._client.get(f"{self._base}/secrets/{MAC_SECRET}", "secrets", accept=METADATA)
        except NotThereError:
            return float("inf")
        return epoch(_decoded(_object, content).metadata.creation_timestamp)

    async def post_event(self, event: dict[str, Any]) -> None:
        """Raises ConflictError where an Event of that name exists."""
        await self._client.post(f"{self._base}/events", "events", event, accept=METADATA)


async def stories(objects: OwnObjects) -> tuple[RunStory, ...]:
    """What the records in the operator's namespace tell of all bootstraps, the first one first.

    Raises:
        RecordMalformedError: one of them does not hold what we write.

    """
    return run_stories({one.name: one.data for one in await objects.internal("configmaps")})


def _folder(kind: Kind, namespace: str) -> tuple[str, str]:
    base, resource = _FOLDERS[kind]
    return (f"{base}/namespaces/{quote(namespace)}/{resource}" if namespace else f"{base}/{resource}"), resource


def _record(found: OwnObject) -> RecordObject:
    return RecordObject(found.resource_version, found.data)


def _decoded(decoder: msgspec.json.Decoder[_T], content: bytes) -> _T:
    try:
        return decoder.decode(content)
    except msgspec.MsgspecError:
        raise ApiUnavailableError("the answer of the API server is not what was asked for") from None
