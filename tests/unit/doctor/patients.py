"""Clusters, credentials and pods as a doctor sees them, all well unless a test says otherwise."""

from typing import Any

import msgspec

from llmkeys.api.credential import LLMCredential
from llmkeys.crypto.keypair import PrivateKey
from llmkeys.crypto.ring import State
from llmkeys.doctor.cluster_seen import ClusterSeen, Kinds, LeaseSeen, Policies, PolicySeen, UnsealerSeen
from llmkeys.doctor.objects import Event, Pod
from llmkeys.doctor.openers import Roles
from llmkeys.doctor.pod import PodSeen
from llmkeys.sealing.public_keys import PublicKeys, PublishedKey

NAMESPACE = "team-a"
BEFORE, SINCE, AFTER = "2027-01-01T00:00:00Z", "2027-01-02T00:00:00Z", "2027-01-03T00:00:00Z"
ADDRESS, AUTHORITIES = "https://llmkeys-unsealer.llmkeys-system.svc", "-----BEGIN CERTIFICATE-----"
KEYS = PublicKeys((PublishedKey(PrivateKey.generate(bytes).public, State.ACTIVE),))


def policy(name: str = "llmkeys-inject", *, version: str = "", bound: bool = True) -> PolicySeen:
    return PolicySeen(name, version, SINCE, bound)


def cluster(**changes: Any) -> ClusterSeen:
    usual: dict[str, Any] = {
        "version": "v1.36.3",
        "kubelets": ("v1.36.3", "v1.35.1"),
        "namespace": "llmkeys-system",
        "kinds": Kinds(frozenset({"llmproviders", "llmcredentials"}), {"LLMProvider": (), "LLMCredential": ()}),
        "lease": LeaseSeen("pod-a", renewed=True),
        "public_keys": KEYS,
        "unsealer": UnsealerSeen(2),
        "mutating_policies": frozenset({"v1", "v1beta1"}),
        "policies": Policies((policy(),), (policy(),)),
        "file_key_ref": True,
        "trial": None,
    }
    return ClusterSeen(**{**usual, **changes})


def condition(kind: str, status: str, reason: str, message: str = "") -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason, "message": message, "observedGeneration": 1}


READY = condition("Ready", "True", "Verified", "It was accepted.")
SYNCED = condition("SecretSynced", "True", "Synced")
STALLED = condition("Stalled", "True", "Rejected")
AWAITING = (
    condition("Ready", "Unknown", "SourceNotFound", "Create the Secret."),
    condition("SecretSynced", "False", "AwaitingKey"),
)
WITHDRAWN = (
    condition("Ready", "False", "Rejected", "Create a new key."),
    condition("SecretSynced", "False", "Withdrawn"),
    STALLED,
)


def credential(name: str = "openai", *conditions: dict[str, Any], target: Any = None, **status: Any) -> LLMCredential:
    """One that is delivered as an envelope, which account `chat` may have opened."""
    body = {
        "metadata": {"name": name, "namespace": NAMESPACE, "generation": 1},
        "spec": {"providerRef": {"name": "openai"}, "target": {"serviceAccounts": ["chat"], **(target or {})}},
        "status": {
            "observedGeneration": 1,
            "conditions": conditions or (READY, SYNCED),
            "secretName": name,
            "encryption": (target or {}).get("encryption", "Envelope"),
            "env": ["OPENAI_API_KEY"],
            "unsealer": {"address": ADDRESS, "caBundle": AUTHORITIES},
            **status,
        },
    }
    return msgspec.convert(body, LLMCredential)


NO_ROLES = Roles(NAMESPACE, {}, ())


def file_variable(name: str, of: str = "openai") -> dict[str, Any]:
    return {"name": name, "valueFrom": {"fileKeyRef": {"volumeName": "llmkeys", "path": f"{of}.env", "key": name}}}


def pod(
    *credentials: str,
    env: Any = None,
    labels: Any = None,
    named: str = "",
    account: str = "chat",
    created: str = AFTER,
    owners: Any = (),
    **status: Any,
) -> Pod:
    """A labelled pod, with what the policy adds for these credentials."""
    sources = [
        {"secret": {"name": one, "items": [{"key": "envelope", "path": f"envelopes/{one}"}]}} for one in credentials
    ]
    settings = [{"name": "LLMKEYS_UNSEALER", "value": ADDRESS}, {"name": "LLMKEYS_CA", "value": AUTHORITIES}]
    body = {
        "metadata": {
            "name": "chat-1",
            "labels": {"llmkeys.dev/inject": "true"} if labels is None else labels,
            "annotations": {"llmkeys.dev/credentials": named} if named else {},
            "creationTimestamp": created,
            "ownerReferences": [{"kind": kind, "name": name} for kind, name in owners],
        },
        "spec": {
            "serviceAccountName": account,
            "volumes": [{"name": "llmkeys-sealed", "projected": {"sources": sources}}] if sources else [],
            "initContainers": [{"name": "llmkeys", "env": settings}] if credentials else [],
            "containers": [{"name": "main", "env": [file_variable("OPENAI_API_KEY")] if env is None else env}],
        },
        "status": {"phase": "Pending", **status},
    }
    return msgspec.convert(body, Pod)


def status_of(name: str, *, ready: bool = False, **state: Any) -> dict[str, Any]:
    return {"name": name, "ready": ready, "state": state}


def event(name: str, reason: str, message: str, *, kind: str = "Pod", time: str = AFTER) -> Event:
    involved = {"kind": kind, "name": name}
    body = {"involvedObject": involved, "reason": reason, "message": message, "lastTimestamp": time}
    return msgspec.convert(body, Event)


def seen(one: Pod | None, *credentials: LLMCredential, **changes: Any) -> PodSeen:
    usual: dict[str, Any] = {
        "namespace": NAMESPACE,
        "name": "chat-1",
        "pod": one,
        "events": (),
        "credentials": {known.metadata.name: known for known in credentials},
        "roles": NO_ROLES,
        "policy_since": SINCE,
    }
    return PodSeen(**{**usual, **changes})
