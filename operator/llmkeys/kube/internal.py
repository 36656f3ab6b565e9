"""Objects of ours: the operator's namespace and the MAC key in it."""

import base64
import secrets
from typing import Final
from urllib.parse import quote

import msgspec
import structlog

from llmkeys.api.errors import PlatformError
from llmkeys.api.names import INTERNAL_LABEL, MAC_SECRET
from llmkeys.api.objects import Key
from llmkeys.crypto.mac import KEY_BYTES, MacKey
from llmkeys.engine.effects import ConflictError, NotThereError
from llmkeys.kube.client import ApiClient
from llmkeys.kube.cluster import observed_secret, secret_path

log = structlog.get_logger(__name__)

_KEY: Final = "key"
_VERSION: Final = "version"


class MacKeyUnusableError(PlatformError):
    """The Secret with the MAC key is there but not as we wrote it."""


async def ensure_namespace(client: ApiClient, namespace: str) -> None:
    """Have the operator's namespace, for a controller that runs outside the cluster."""
    try:
        await client.get(f"/api/v1/namespaces/{quote(namespace)}", "namespaces")
    except NotThereError:
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
        try:
            await client.post("/api/v1/namespaces", "namespaces", body)
        except ConflictError:
            return
        log.info("namespace created", namespace=namespace)


async def ensure_mac_key(client: ApiClient, namespace: str) -> MacKey:
    """The MAC key, made at the first start. Create-only: of two that race, both end with the same one.

    Raises:
        MacKeyUnusableError: the Secret was changed by somebody.

    """
    key = Key(namespace, MAC_SECRET)
    for _ in range(3):
        try:
            return _read(await client.get(secret_path(key), "secrets"))
        except NotThereError:
            pass
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": MAC_SECRET, "namespace": namespace, "labels": {INTERNAL_LABEL: "true"}},
            "type": "Opaque",
            "data": {
                _KEY: base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode(),
                _VERSION: base64.b64encode(b"1").decode(),
            },
        }
        try:
            created = await client.post(secret_path(None, namespace), "secrets", body)
        except ConflictError:
            continue
        log.info("MAC key created", secret=str(key))
        return _read(created)
    raise MacKeyUnusableError(f"Secret {key} can neither be read nor created.")


def _read(content: bytes) -> MacKey:
    secret = observed_secret(content)
    try:
        return MacKey(int(secret.data[_VERSION]), bytes(secret.data[_KEY]))
    except (KeyError, ValueError):
        raise MacKeyUnusableError(
            f"Secret {MAC_SECRET} is not as llmkeys wrote it. Restore it from a backup; a new key would make every "
            "credential look changed."
        ) from None


class _ApiResources(msgspec.Struct):
    class Resource(msgspec.Struct):
        name: str

    resources: list[Resource] = []


async def served_kinds(client: ApiClient, api_version: str) -> set[str]:
    """Plural names of the kinds that the API server serves in a group and version; empty while its CRDs are missing."""
    try:
        content = await client.get(f"/apis/{api_version}", "apis")
    except NotThereError:
        return set()
    return {one.name for one in msgspec.json.decode(content, type=_ApiResources).resources}
