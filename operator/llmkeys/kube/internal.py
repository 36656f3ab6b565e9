"""What must be there before the operator can begin: its namespace, and its kinds."""

import contextlib
from pathlib import Path
from typing import Final
from urllib.parse import quote

import msgspec
import structlog

from llmkeys.api.names import DEFAULT_NAMESPACE
from llmkeys.engine.effects import ConflictError, NotThereError
from llmkeys.kube.client import ApiClient

_POD_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")

log = structlog.get_logger(__name__)


def own_namespace() -> str:
    """The namespace of the pod that this is, `llmkeys-system` outside of one."""
    with contextlib.suppress(OSError):
        return _POD_NAMESPACE.read_text(encoding="utf-8").strip() or DEFAULT_NAMESPACE
    return DEFAULT_NAMESPACE


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
