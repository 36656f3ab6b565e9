"""The generated Secret as Kubernetes reads it, and whose a Secret is."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from llmkeys.api.credential import LLMCredential
from llmkeys.api.names import API_VERSION, CREDENTIAL_KIND, CREDENTIAL_LABEL
from llmkeys.crypto.mac import MacKey

SECRET_TYPE: Final = "Opaque"  # noqa: S105  a type's name


@dataclass(frozen=True, slots=True)
class Owner:
    """An owner reference, as far as it matters to us."""

    kind: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True)
class SecretMeta:
    """What is kept of a Secret: never its data, and of its labels only those of our group."""

    uid: str
    resource_version: str
    labels: Mapping[str, str]
    owners: tuple[Owner, ...] = ()


@dataclass(frozen=True, slots=True)
class ObservedSecret:
    """A Secret just read, for the length of one reconciliation.

    Args:
        meta: as it is kept.
        kind: its `type`.
        data: decoded.
        owners: its owner references as they came.
        labelled: it has labels at all, ours or not.
        managers: who changed it, the latest last.
        hosts: that its keys may be sent to, None where nothing is said.

    """

    meta: SecretMeta
    kind: str
    data: Mapping[str, bytes] = field(repr=False)
    owners: tuple[dict[str, Any], ...] = ()
    labelled: bool = True
    managers: tuple[str, ...] = ()
    hosts: tuple[str, ...] | None = None


def our_labels(credential: LLMCredential) -> dict[str, str]:
    return {CREDENTIAL_LABEL: credential.metadata.name}


def owner_reference(credential: LLMCredential) -> dict[str, Any]:
    """Garbage collection is the only deletion: we hold no right to delete Secrets."""
    return {
        "apiVersion": API_VERSION,
        "kind": CREDENTIAL_KIND,
        "name": credential.metadata.name,
        "uid": credential.metadata.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


def encoded(data: Mapping[str, bytes]) -> dict[str, str]:
    return {name: base64.b64encode(value).decode() for name, value in data.items()}


def secret_manifest(credential: LLMCredential, data: Mapping[str, bytes]) -> dict[str, Any]:
    """The Secret to be created."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": credential.secret_name,
            "namespace": credential.metadata.namespace,
            "labels": our_labels(credential),
            "ownerReferences": [owner_reference(credential)],
        },
        "type": SECRET_TYPE,
        "data": encoded(data),
    }


def secret_patch(
    credential: LLMCredential, observed: ObservedSecret, data: Mapping[str, bytes]
) -> list[dict[str, Any]]:
    """A JSON patch (RFC 6902) that changes exactly the Secret that was read, or nothing.

    `add` and not `replace`: empty `data` and `labels` are absent on the wire, and `replace` of what is absent fails.
    """
    operations: list[dict[str, Any]] = [
        {"op": "test", "path": "/metadata/uid", "value": observed.meta.uid},
        {"op": "test", "path": "/metadata/resourceVersion", "value": observed.meta.resource_version},
        {"op": "add", "path": "/data", "value": encoded(data)},
    ]
    if not observed.labelled:
        operations.append({"op": "add", "path": "/metadata/labels", "value": {}})
    for name, value in our_labels(credential).items():
        path = "/metadata/labels/" + name.replace("~", "~0").replace("/", "~1")
        operations.append({"op": "add", "path": path, "value": value})
    if not any(owner.uid == credential.metadata.uid for owner in observed.meta.owners):
        # What a restore left behind names a credential that is gone; other owners stay.
        others = [
            one
            for one in observed.owners
            if (one.get("kind"), one.get("name")) != (CREDENTIAL_KIND, credential.metadata.name)
        ]
        owners = [*others, owner_reference(credential)]
        operations.append({"op": "add", "path": "/metadata/ownerReferences", "value": owners})
    return operations


def is_ours(credential: LLMCredential, meta: SecretMeta) -> bool:
    """Whether the credential may write this Secret.

    Our label names the credential, or it is the very object that the status names, or an owner of the same kind and
    name with another uid shows that the credential was re-created or restored.
    """
    name = credential.metadata.name
    label = meta.labels.get(CREDENTIAL_LABEL)
    if label is not None:
        return label == name
    if meta.uid and meta.uid == credential.status.target.uid:
        return True
    return any(owner.kind == CREDENTIAL_KIND and owner.name == name for owner in meta.owners)


def content_mac(mac: MacKey, credential: LLMCredential, data: Mapping[str, bytes]) -> str:
    """The MAC of the Secret as it should be."""
    return mac.content(credential.metadata.namespace, SECRET_TYPE, our_labels(credential), data)


def observed_mac(mac: MacKey, credential: LLMCredential, observed: ObservedSecret) -> str:
    """The MAC of the Secret as it is: of its labels, only ours count."""
    labels = observed.meta.labels
    ours = {name: labels[name] for name in our_labels(credential) if name in labels}
    return mac.content(credential.metadata.namespace, observed.kind, ours, observed.data)
