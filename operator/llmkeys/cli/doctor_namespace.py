"""What `llmkeys doctor` sees of a namespace and of a pod in it."""

import asyncio
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import quote

import msgspec

from llmkeys.api.credential import LLMCredential
from llmkeys.api.names import API_VERSION, CREDENTIAL_PLURAL
from llmkeys.cli.doctor_api import PersonsApi
from llmkeys.doctor.finding import Hidden
from llmkeys.doctor.objects import Event, Meta, Pod, Role, RoleBinding
from llmkeys.doctor.openers import Roles
from llmkeys.engine.effects import NotThereError

_T = TypeVar("_T")
_Events = tuple[Event, ...] | Hidden

_RBAC: Final = "/apis/rbac.authorization.k8s.io/v1"


@dataclass(frozen=True, slots=True)
class NamespaceSeen:
    """A namespace, as far as it may be seen.

    Args:
        credentials: of it.
        roles: of it and of the cluster.
        accounts: names of its service accounts.

    """

    credentials: tuple[LLMCredential, ...] | Hidden
    roles: Roles | Hidden
    accounts: frozenset[str] | Hidden


class _Account(msgspec.Struct, frozen=True):
    metadata: Meta = Meta()


async def namespace_seen(api: PersonsApi, namespace: str) -> NamespaceSeen:
    """What concerns the credentials of a namespace.

    Raises:
        NotThereError: there is no such namespace.
        LlmkeysError: the API server cannot be asked.

    """
    space = quote(namespace, safe="")
    if await api.get(f"/api/v1/namespaces/{space}", "get namespaces") is None:
        raise NotThereError(f"There is no namespace {namespace}.")
    credentials, roles, accounts = await asyncio.gather(
        api.items(
            f"/apis/{API_VERSION}/namespaces/{space}/{CREDENTIAL_PLURAL}",
            LLMCredential,
            f"list {CREDENTIAL_PLURAL} in namespace {namespace}",
        ),
        _roles(api, namespace),
        api.items(f"/api/v1/namespaces/{space}/serviceaccounts", _Account, "list serviceaccounts"),
    )
    names = accounts if isinstance(accounts, Hidden) else frozenset(one.metadata.name for one in accounts or ())
    return NamespaceSeen(credentials if isinstance(credentials, Hidden) else credentials or (), roles, names)


async def pod_and_events(api: PersonsApi, namespace: str, name: str) -> tuple[Pod | Hidden | None, _Events]:
    """A pod, None if there is none of that name, and what happened in its namespace."""
    space = quote(namespace, safe="")
    pod, events = await asyncio.gather(
        api.read(f"/api/v1/namespaces/{space}/pods/{quote(name, safe='')}", Pod, f"get pods in namespace {namespace}"),
        api.items(f"/api/v1/namespaces/{space}/events", Event, f"list events in namespace {namespace}"),
    )
    return pod, events if isinstance(events, Hidden) else events or ()


async def _roles(api: PersonsApi, namespace: str) -> Roles | Hidden:
    space = f"{_RBAC}/namespaces/{quote(namespace, safe='')}"
    roles, cluster_roles, bindings, cluster_bindings = await asyncio.gather(
        api.items(f"{space}/roles", Role, f"list roles in namespace {namespace}"),
        api.items(f"{_RBAC}/clusterroles", Role, "list clusterroles"),
        api.items(f"{space}/rolebindings", RoleBinding, f"list rolebindings in namespace {namespace}"),
        api.items(f"{_RBAC}/clusterrolebindings", RoleBinding, "list clusterrolebindings"),
    )
    for one in (roles, cluster_roles, bindings, cluster_bindings):
        if isinstance(one, Hidden):
            return one
    found = {f"Role/{one.metadata.name}": one for one in _seen(roles)}
    found |= {f"ClusterRole/{one.metadata.name}": one for one in _seen(cluster_roles)}
    return Roles(namespace, found, (*_seen(bindings), *_seen(cluster_bindings)))


def _seen(items: tuple[_T, ...] | Hidden | None) -> tuple[_T, ...]:
    return () if items is None or isinstance(items, Hidden) else items
