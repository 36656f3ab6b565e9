"""The manifests of a plan's objects, their keys sealed, and the digests by which the same object is known again."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from llmkeys.api.names import BOOTSTRAP_LABEL
from llmkeys.bootstrap.planned import PlannedKey, PlannedObject
from llmkeys.crypto.keypair import PublicKey
from llmkeys.crypto.mac import MacKey
from llmkeys.crypto.sealing import seal


def planned_mac(one: PlannedObject, mac: MacKey) -> str:
    """A keyed digest of what shall be made: the same for the same content, however its keys get sealed."""
    keys = (part for key in one.keys for part in _parts_of(key))
    return mac.digest("bootstrap", one.namespace, (one.kind, one.name, _text(one.manifest), *keys))


def manifest_of(one: PlannedObject, public: PublicKey, number: int) -> dict[str, Any]:
    """What is sent to the API server: every key sealed, and our label on it.

    Args:
        one: as planned.
        public: whose holder alone can open the keys.
        number: of the bootstrap.

    """
    manifest = dict(one.manifest)
    metadata = dict(manifest["metadata"])
    metadata["labels"] = {**metadata.get("labels", {}), BOOTSTRAP_LABEL: str(number)}
    manifest["metadata"] = metadata
    if one.keys:
        manifest["spec"] = {**manifest["spec"], "keys": [_sealed(key, public) for key in one.keys]}
    return manifest


def _sealed(key: PlannedKey, public: PublicKey) -> dict[str, Any]:
    if not key.values:
        return dict(key.manifest)
    values = {name: seal(public, one.binding, one.secret.reveal().encode()) for name, one in key.values.items()}
    return {**key.manifest, "sealed": {**key.manifest.get("sealed", {}), **values}}


def _parts_of(key: PlannedKey) -> Iterator[str]:
    yield _text(key.manifest)
    yield str(len(key.values))
    for name in sorted(key.values):
        one = key.values[name]
        yield from (name, one.secret.reveal(), one.binding.audience, one.binding.delivery)


def _text(content: Mapping[str, Any]) -> str:
    return msgspec.json.encode(content, order="deterministic").decode()
