"""Which credentials and pods still need a key of the operator, read from the API server."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from llmkeys.api.durations import epoch
from llmkeys.api.names import CREDENTIAL_PLURAL, TOKEN_AUDIENCE
from llmkeys.api.objects import Key
from llmkeys.crypto.errors import EnvelopeMalformedError
from llmkeys.crypto.ring import Ring, RingPurpose
from llmkeys.crypto.sealing import header_of
from llmkeys.engine.effects import RefusedError
from llmkeys.kube.client import ApiClient
from llmkeys.kube.cluster import BASE

_CHUNK: Final = 500

_T = TypeVar("_T")


class _Entry(msgspec.Struct, frozen=True):
    sealed: dict[str, str] = {}


class _TargetSpec(msgspec.Struct, frozen=True):
    encryption: str = "Envelope"
    recipients: list[str] = []


class _Spec(msgspec.Struct, frozen=True):
    keys: list[_Entry] = []
    target: _TargetSpec = _TargetSpec()


class _TargetStatus(msgspec.Struct, frozen=True, rename="camel"):
    sealed_with: str = ""
    mac: str = ""


class _Status(msgspec.Struct, frozen=True):
    target: _TargetStatus = _TargetStatus()


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    namespace: str
    creation_timestamp: str = ""


class _Credential(msgspec.Struct, frozen=True):
    metadata: _Metadata
    spec: _Spec
    status: _Status = _Status()


class _Token(msgspec.Struct, frozen=True):
    audience: str = ""


class _Source(msgspec.Struct, frozen=True, rename="camel"):
    service_account_token: _Token | None = None


class _Projected(msgspec.Struct, frozen=True):
    sources: list[_Source] | None = None


class _Volume(msgspec.Struct, frozen=True):
    projected: _Projected | None = None


class _PodSpec(msgspec.Struct, frozen=True):
    volumes: list[_Volume] = []


class _Pod(msgspec.Struct, frozen=True):
    metadata: _Metadata
    spec: _PodSpec


class _ListMeta(msgspec.Struct, frozen=True, rename={"continue_": "continue"}):
    continue_: str = ""


class _Page(msgspec.Struct, frozen=True):
    metadata: _ListMeta
    items: list[msgspec.Raw] | None = None


@dataclass(frozen=True, slots=True)
class CredentialUse:
    """What a credential needs of the operator's keys.

    Args:
        key: its name.
        created: epoch seconds.
        sealed_to: ids of the sealing keys that its values are sealed to.
        sealed_with: id of the key that its envelope is sealed with; empty if it has none.
        envelope: it is delivered as an envelope that the unsealer opens.
        delivered: its status shows a MAC of ours.

    """

    key: Key
    created: float
    sealed_to: frozenset[str]
    sealed_with: str
    envelope: bool
    delivered: bool

    def needs(self, purpose: RingPurpose, key_id: str) -> bool:
        """Whether it would be lost, or its workloads cut off, without this key."""
        return {"sealing": key_id in self.sealed_to, "envelope": key_id == self.sealed_with, "mac": False}[purpose]


@dataclass(frozen=True, slots=True)
class Traces:
    """What our own status fields say of rings that were there; what tenants write does not count.

    Args:
        envelope: a delivery names the key that sealed it.
        mac: a delivery shows a MAC.

    """

    envelope: bool = False
    mac: bool = False

    def names(self, purpose: RingPurpose) -> bool:
        """Whether a ring for this must have been there."""
        return {"sealing": False, "envelope": self.envelope, "mac": self.mac}[purpose]


def traces_of(uses: Iterable[CredentialUse]) -> Traces:
    """The traces in all of them."""
    found = list(uses)
    return Traces(any(one.sealed_with for one in found), any(one.delivered for one in found))


def concerned_by(purpose: RingPurpose, ring: Ring, key_id: str, uses: Iterable[CredentialUse]) -> list[CredentialUse]:
    """Whose keys somebody may have who has this key.

    Every envelope that it ever sealed counts, since old ones lie in backups: those of all credentials that were there
    before its successor. Of sealed values only those count that are still there; older ones are known to Git alone.
    """
    if purpose == "mac":
        return []
    if purpose == "sealing":
        return [one for one in uses if one.needs(purpose, key_id)]
    ids = [key.key_id for key in ring.keys]
    later = ring.keys[ids.index(key_id) + 1 :]
    ended = later[0].created if later else float("inf")
    return [one for one in uses if one.envelope and one.created <= ended]


async def uses_in(client: ApiClient, namespaces: Sequence[str] = ()) -> list[CredentialUse]:
    """All credentials, or those of some namespaces."""
    scopes = [f"/namespaces/{quote(one)}" for one in namespaces] or [""]
    found: list[CredentialUse] = []
    for scope in scopes:
        found += map(_use, await _listed(client, f"{BASE}{scope}/{CREDENTIAL_PLURAL}", CREDENTIAL_PLURAL))
    return found


async def traces_in(client: ApiClient, namespaces: Sequence[str] = ()) -> Traces:
    """The traces in the cluster, or in some namespaces."""
    return traces_of(await uses_in(client, namespaces))


async def pods_that_ask(client: ApiClient) -> list[Key]:
    """The pods that have a token for the unsealer; they keep the certificates of their admission."""
    found: list[Key] = []
    for raw in await _listed(client, "/api/v1/pods", "pods"):
        pod = _read(raw, _Pod, "pods")
        sources = [one for volume in pod.spec.volumes if volume.projected for one in volume.projected.sources or ()]
        if any(one.service_account_token and one.service_account_token.audience == TOKEN_AUDIENCE for one in sources):
            found.append(Key(pod.metadata.namespace, pod.metadata.name))
    return found


def _use(raw: msgspec.Raw) -> CredentialUse:
    one = _read(raw, _Credential, CREDENTIAL_PLURAL)
    target = one.spec.target
    return CredentialUse(
        key=Key(one.metadata.namespace, one.metadata.name),
        created=epoch(one.metadata.creation_timestamp) if one.metadata.creation_timestamp else 0.0,
        sealed_to=frozenset(_key_ids(text for entry in one.spec.keys for text in entry.sealed.values())),
        sealed_with=one.status.target.sealed_with,
        envelope=target.encryption == "Envelope" and not target.recipients,
        delivered=bool(one.status.target.mac),
    )


def _key_ids(texts: Iterable[str]) -> Iterable[str]:
    for text in texts:
        try:
            yield header_of(text).key_id
        except EnvelopeMalformedError:
            continue  # opens with no key at all


async def _listed(client: ApiClient, path: str, resource: str) -> list[msgspec.Raw]:
    found: list[msgspec.Raw] = []
    following = ""
    while True:
        query = {"limit": str(_CHUNK)} | ({"continue": following} if following else {})
        content = await client.list(f"{path}?{urlencode(query)}", resource)
        page = msgspec.json.decode(content, type=_Page)
        found += [raw.copy() for raw in page.items or ()]
        following = page.metadata.continue_
        if not following:
            return found


def _read(raw: msgspec.Raw, kind: type[_T], resource: str) -> _T:
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.MsgspecError:
        raise RefusedError(f"list {resource}: one does not have the shape of its schema") from None
