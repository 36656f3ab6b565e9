"""Lists of models in the operator's namespace: written into ConfigMaps whose labels say that they are ours.

They are read by a patch that only tests those labels, so no right to read other ConfigMaps is needed.
"""

from collections.abc import Mapping
from urllib.parse import quote

import msgspec

from llmkeys.api.provider import LLMProvider
from llmkeys.delivery.model_list import config_map_name, list_manifest, list_patch
from llmkeys.engine.effects import ApiUnavailableError, ConflictError, NotOursError, NotThereError
from llmkeys.kube.client import JSON_PATCH, METADATA, ApiClient

_RESOURCE = "configmaps"


class _Owner(msgspec.Struct):
    uid: str


class _Metadata(msgspec.Struct, rename="camel"):
    owner_references: list[_Owner] = []


class _ConfigMap(msgspec.Struct):
    metadata: _Metadata
    data: dict[str, str] = {}


class ModelListMaps:
    """Reads and writes them.

    Args:
        client: of the API server.
        namespace: the operator's.

    """

    def __init__(self, client: ApiClient, namespace: str) -> None:
        self._client = client
        self._namespace = namespace

    async def read(self, provider: LLMProvider) -> dict[str, str] | None:
        """What the list of a provider holds, None without one.

        Raises:
            NotOursError: a ConfigMap of that name has other labels.

        """
        try:
            content = await self._patch(provider, None, "application/json")
        except NotThereError:
            return None
        try:
            found = msgspec.json.decode(content, type=_ConfigMap)
        except msgspec.MsgspecError:
            raise ApiUnavailableError("patch configmaps: the answer is not a ConfigMap") from None
        mine = any(owner.uid == provider.metadata.uid for owner in found.metadata.owner_references)
        return found.data if mine else {}

    async def write(self, provider: LLMProvider, data: Mapping[str, str]) -> None:
        """Have the list of a provider hold this and no more.

        Raises:
            NotOursError: a ConfigMap of that name has other labels.
            ConflictError: one was made at this moment.

        """
        try:
            await self._patch(provider, data, METADATA)
        except NotThereError:
            body = list_manifest(provider, self._namespace, data)
            await self._client.post(self._path(), _RESOURCE, body, accept=METADATA)

    async def _patch(self, provider: LLMProvider, data: Mapping[str, str] | None, accept: str) -> bytes:
        name = config_map_name(provider.metadata.name)
        operations = list_patch(provider, data)
        try:
            return await self._client.patch(self._path(name), _RESOURCE, operations, JSON_PATCH, accept=accept)
        except ConflictError:
            raise NotOursError(f"ConfigMap {self._namespace}/{name} was not written by llmkeys.") from None

    def _path(self, name: str = "") -> str:
        base = f"/api/v1/namespaces/{quote(self._namespace)}/configmaps"
        return f"{base}/{quote(name)}" if name else base
