"""What `llmkeys doctor` sees of a cluster: one question after another to the API server."""

import asyncio
from typing import Any, Final
from urllib.parse import quote

import msgspec

from llmkeys.api.credential import LLMCredential
from llmkeys.api.errors import LlmkeysError
from llmkeys.api.names import (
    API_VERSION,
    CREDENTIAL_KIND,
    CREDENTIAL_PLURAL,
    DEFAULT_NAMESPACE,
    GROUP,
    LEASE,
    PROVIDER_KIND,
    PUBLIC_KEYS,
    UNSEALER_SERVICE,
    VERSION,
)
from llmkeys.api.provider import LLMProvider
from llmkeys.cli.doctor_api import PersonsApi
from llmkeys.cli.doctor_trial import labelled_pod, takes_file_key_ref
from llmkeys.doctor.cluster_seen import ClusterSeen, Kinds, LeaseSeen, Policies, UnsealerSeen, policies_from
from llmkeys.doctor.finding import Hidden
from llmkeys.doctor.kinds import missing_fields
from llmkeys.doctor.objects import Policy
from llmkeys.kube.client import METADATA
from llmkeys.kube.installation import installed_elsewhere
from llmkeys.sealing.public_keys import PublicKeys, public_keys_from

_KINDS: Final[dict[str, type[msgspec.Struct]]] = {CREDENTIAL_KIND: LLMCredential, PROVIDER_KIND: LLMProvider}
_ADMISSION: Final = "/apis/admissionregistration.k8s.io"
_MUTATING: Final = "mutatingadmissionpolicies"
_DISCOVERY: Final = "read the discovery of the API"
_PAUSE: Final = 0.5  # seconds between two looks at the Lease


class _Version(msgspec.Struct, frozen=True, rename="camel"):
    git_version: str = ""


class _Node(msgspec.Struct, frozen=True):
    class Status(msgspec.Struct, frozen=True, rename="camel"):
        class Info(msgspec.Struct, frozen=True, rename="camel"):
            kubelet_version: str = ""

        node_info: Info = Info()

    status: Status = Status()


class _Resources(msgspec.Struct, frozen=True):
    class Resource(msgspec.Struct, frozen=True):
        name: str

    resources: list[Resource] = []


class _Group(msgspec.Struct, frozen=True):
    class Version(msgspec.Struct, frozen=True):
        version: str

    versions: list[Version] = []


class _OpenApi(msgspec.Struct, frozen=True):
    class Components(msgspec.Struct, frozen=True):
        schemas: dict[str, dict[str, Any]] = {}

    components: Components = Components()


class _Lease(msgspec.Struct, frozen=True):
    class Meta(msgspec.Struct, frozen=True, rename="camel"):
        resource_version: str = ""

    class Spec(msgspec.Struct, frozen=True, rename="camel"):
        holder_identity: str | None = None
        lease_duration_seconds: int | None = None

    metadata: Meta = Meta()
    spec: Spec = Spec()


class _ConfigMap(msgspec.Struct, frozen=True):
    data: dict[str, str] = {}


class _Slice(msgspec.Struct, frozen=True):
    class Endpoint(msgspec.Struct, frozen=True):
        class Conditions(msgspec.Struct, frozen=True):
            ready: bool | None = None

        addresses: list[str] = []
        conditions: Conditions = Conditions()

    endpoints: list[Endpoint] | None = None


async def cluster_seen(api: PersonsApi, namespace: str, operator_namespace: str) -> ClusterSeen:
    """All that may be seen.

    Args:
        api: of the person.
        namespace: in which pods are tried, empty for none in particular.
        operator_namespace: empty for the one that the CRDs are marked with.

    Raises:
        LlmkeysError: the API server cannot be asked.

    """
    home = operator_namespace or await _marked(api) or DEFAULT_NAMESPACE
    served = await _served_versions(api)
    # The Lease is watched meanwhile; that may take as long as it lasts.
    try:
        async with asyncio.TaskGroup() as group:
            lease = group.create_task(_lease(api, home))
            version = group.create_task(_version(api))
            kubelets = group.create_task(_kubelets(api))
            kinds = group.create_task(_kinds(api))
            keys = group.create_task(_public_keys(api, home))
            unsealer = group.create_task(_unsealer(api, home))
            policies = group.create_task(_policies(api, served))
            file_key_ref = group.create_task(takes_file_key_ref(api, namespace or "default"))
            trial = group.create_task(labelled_pod(api, namespace)) if namespace else None
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return ClusterSeen(
        version=version.result(),
        kubelets=kubelets.result(),
        namespace=home,
        kinds=kinds.result(),
        lease=lease.result(),
        public_keys=keys.result(),
        unsealer=unsealer.result(),
        mutating_policies=served,
        policies=policies.result(),
        file_key_ref=file_key_ref.result(),
        trial=trial.result() if trial else None,
    )


async def _marked(api: PersonsApi) -> str:
    """The namespace of the installation that brought the CRDs, empty if they do not say."""
    path = f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{CREDENTIAL_PLURAL}.{GROUP}"
    content = await api.get(path, "get customresourcedefinitions", accept=METADATA)
    return (installed_elsewhere(content, "") or "") if isinstance(content, bytes) else ""


async def _version(api: PersonsApi) -> str:
    found = await api.read("/version", _Version, "get /version")
    return found.git_version if isinstance(found, _Version) else ""


async def _kubelets(api: PersonsApi) -> tuple[str, ...] | Hidden:
    found = await api.items("/api/v1/nodes", _Node, "list nodes")
    return found if isinstance(found, Hidden) else tuple({one.status.node_info.kubelet_version for one in found or ()})


async def _kinds(api: PersonsApi) -> Kinds | Hidden:
    found = await api.read(f"/apis/{API_VERSION}", _Resources, _DISCOVERY)
    if isinstance(found, Hidden):
        return found
    served = frozenset(one.name for one in found.resources) if isinstance(found, _Resources) else frozenset()
    published = await api.read(f"/openapi/v3/apis/{API_VERSION}", _OpenApi, _DISCOVERY)
    if not isinstance(published, _OpenApi):
        return Kinds(served, None)
    prefix = f"{'.'.join(reversed(GROUP.split('.')))}.{VERSION}."
    schemas = {kind: published.components.schemas.get(f"{prefix}{kind}") for kind in _KINDS}
    missing = {kind: missing_fields(_KINDS[kind], schema) for kind, schema in schemas.items() if schema is not None}
    return Kinds(served, missing if len(missing) == len(_KINDS) else None)


async def _lease(api: PersonsApi, home: str) -> LeaseSeen | Hidden | None:
    """Look at the Lease until it is renewed, for as long as it lasts: no clocks have to agree for that."""
    path = f"/apis/coordination.k8s.io/v1/namespaces/{quote(home)}/leases/{LEASE}"
    right = f"get leases in namespace {home}"
    first = await api.read(path, _Lease, right)
    if not isinstance(first, _Lease):
        return first
    holder = first.spec.holder_identity or ""
    if not holder:
        return LeaseSeen(holder, renewed=False)
    for _ in range(round((first.spec.lease_duration_seconds or 0) / _PAUSE)):
        await asyncio.sleep(_PAUSE)
        again = await api.read(path, _Lease, right)
        if isinstance(again, _Lease) and again.metadata.resource_version != first.metadata.resource_version:
            holder = again.spec.holder_identity or ""
            return LeaseSeen(holder, renewed=bool(holder))
    return LeaseSeen(holder, renewed=False)


async def _public_keys(api: PersonsApi, home: str) -> PublicKeys | str | Hidden | None:
    path = f"/api/v1/namespaces/{quote(home)}/configmaps/{PUBLIC_KEYS}"
    found = await api.read(path, _ConfigMap, f"get configmaps in namespace {home}")
    if not isinstance(found, _ConfigMap):
        return found
    try:
        return public_keys_from(found.data)
    except LlmkeysError as error:
        return str(error)


async def _unsealer(api: PersonsApi, home: str) -> UnsealerSeen | Hidden | None:
    space = quote(home)
    service = await api.get(f"/api/v1/namespaces/{space}/services/{UNSEALER_SERVICE}", f"get services in {home}")
    if not isinstance(service, bytes):
        return service
    path = (
        f"/apis/discovery.k8s.io/v1/namespaces/{space}/endpointslices"
        f"?labelSelector=kubernetes.io/service-name%3D{UNSEALER_SERVICE}"
    )
    slices = await api.items(path, _Slice, f"list endpointslices in namespace {home}")
    if isinstance(slices, Hidden):
        return UnsealerSeen(slices)
    # An endpoint that says nothing is to be taken for ready (discovery.k8s.io/v1, EndpointConditions).
    ready = {
        address
        for one in slices or ()
        for endpoint in one.endpoints or ()
        if endpoint.conditions.ready is not False
        for address in endpoint.addresses
    }
    return UnsealerSeen(len(ready))


async def _served_versions(api: PersonsApi) -> frozenset[str]:
    """Versions in which MutatingAdmissionPolicy is served."""
    group = await api.read(_ADMISSION, _Group, _DISCOVERY)
    if not isinstance(group, _Group):
        return frozenset()
    found: list[str] = []
    for one in group.versions:
        listed = await api.read(f"{_ADMISSION}/{one.version}", _Resources, _DISCOVERY)
        if isinstance(listed, _Resources) and any(entry.name == _MUTATING for entry in listed.resources):
            found.append(one.version)
    return frozenset(found)


async def _policies(api: PersonsApi, served: frozenset[str]) -> Policies | Hidden:
    if "v1" not in served:
        return Policies((), ())
    lists: list[tuple[Policy, ...]] = []
    for plural in (
        _MUTATING,
        "mutatingadmissionpolicybindings",
        "validatingadmissionpolicies",
        "validatingadmissionpolicybindings",
    ):
        found = await api.items(f"{_ADMISSION}/v1/{plural}", Policy, f"list {plural}")
        if isinstance(found, Hidden):
            return found
        lists.append(found or ())
    return policies_from(lists[0], lists[1], lists[2], lists[3])
