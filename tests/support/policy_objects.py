"""Objects that policies are asked about, who asks, and the words in which they refuse."""

from collections.abc import Callable
from typing import Any, Final

from llmkeys.api.names import (
    API_VERSION,
    CONTROLLER_ACCOUNT,
    CREDENTIAL_KIND,
    CREDENTIAL_LABEL,
    DEFAULT_NAMESPACE,
    GROUP,
    PUBLIC_KEYS,
)
from tests.support.people import rule

CONTROLLER: Final = f"system:serviceaccount:{DEFAULT_NAMESPACE}:{CONTROLLER_ACCOUNT}"
COLLECTORS: Final = ("system:serviceaccount:kube-system:generic-garbage-collector", "system:kube-controller-manager")
LABELLED: Final = {CREDENTIAL_LABEL: "chat"}
NOT_YOUR_LABEL: Final = "the label llmkeys.dev/credential belongs to Secrets that llmkeys writes"
NOT_YOUR_CONTENT: Final = "change the LLMCredential that its label llmkeys.dev/credential names"
NOT_YOUR_LABELS: Final = "leave them as they are"
NOT_YOUR_KEYS: Final = "llmkeys publishes its public keys in the ConfigMap llmkeys-public-keys"
NOT_YOUR_STATUS: Final = "llmkeys writes the status of its kinds"
ENCRYPTION_REQUIRED: Final = "this namespace is labelled llmkeys.dev/encryption=required"
REQUIRED: Final = "llmkeys.dev/encryption=required"


def secret(name: str, labels: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "labels": labels or {}}, "type": "Opaque"}
    return {**body, "data": {"KEY": "dmFsdWU="}, **more}


def public_keys(name: str = PUBLIC_KEYS) -> dict[str, Any]:
    metadata = {"name": name, "labels": {"llmkeys.dev/internal": "true"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"sealing": "a public key"}}


def credential(name: str, **target: Any) -> dict[str, Any]:
    keys = [{"name": "main", "secretRef": {"name": "raw"}}]
    spec = {"providerRef": {"name": "nobody"}, "keys": keys, **({"target": target} if target else {})}
    return {"apiVersion": API_VERSION, "kind": CREDENTIAL_KIND, "metadata": {"name": name}, "spec": spec}


WRITE: Final = ["get", "create", "update", "patch", "delete"]
OBJECTS: Final = rule("", ["secrets", "configmaps"], WRITE)
ALL_OF_OURS: Final = rule(GROUP, ["*"], WRITE)
RESTORE: Final = rule(GROUP, ["llmcredentials"], ["restore"])
A_RIGHT_OF_THE_CONTROLLER: Final = rule(GROUP, ["llmproviders/status"], ["patch"])

Existing = Callable[[dict[str, Any]], dict[str, Any]]
"""Creates an object as the cluster's admin."""
