"""Seals values as a person does, and opens what was delivered as the unsealer does."""

import base64
from typing import Any

from llmkeys.api.names import CREDENTIAL_KIND, DEFAULT_NAMESPACE, ENVELOPE_SECRET, PROVIDER_KIND, PUBLIC_KEYS
from llmkeys.crypto.content import decode_content
from llmkeys.crypto.envelope import EnvelopeHeader, envelope_header, open_envelope
from llmkeys.crypto.header import Binding, Purpose, Scope
from llmkeys.crypto.keypair import PublicKey
from llmkeys.crypto.ring import Ring, ring_from
from llmkeys.crypto.ring_keys import RootKeys
from llmkeys.crypto.sealing import seal
from tests.support.wait import eventually
from tests.support.world import World

_OWN = f"/api/v1/namespaces/{DEFAULT_NAMESPACE}"


def public_key(world: World) -> PublicKey:
    """The operator's active public key, as everybody may read it."""
    published = world.stage.api.get(f"{_OWN}/configmaps/{PUBLIC_KEYS}")
    return PublicKey.parse(published["data"]["sealing"])


def sealed_entry(
    world: World, provider: str, credential: str, value: str, *, entry: str = "main", **bound: str
) -> dict[str, Any]:
    """An entry for `spec.keys` with a sealed value, bound to this very place unless `bound` says otherwise."""
    binding = {
        "purpose": Purpose.SEAL,
        "scope": Scope.CREDENTIAL,
        "namespace": world.namespace,
        "name": credential,
        "field": "apiKey",
        "audience": audience(world, provider),
        "delivery": "envelope",
    }
    text = seal(public_key(world), Binding(**(binding | bound)), value.encode())
    return {"name": entry, "sealed": {"apiKey": text}}


def audience(world: World, provider: str) -> str:
    """What a provider's keys are bound to, once the operator has said so."""

    def told() -> str:
        return str(world.status(provider, PROVIDER_KIND).get("audience", ""))

    eventually(told, timeout=15, message=f"the audience of {provider}")
    return told()


def envelope(world: World, secret: str) -> str:
    """The text that a generated Secret holds, and nothing else."""
    data = world.secret(secret)
    assert data is not None, f"there is no Secret {secret}"
    assert set(data) == {"envelope"}
    return data["envelope"]


def header(world: World, secret: str) -> EnvelopeHeader:
    return envelope_header(envelope(world, secret))


def roots(world: World) -> Ring:
    """The ring of root keys, as it lies in the cluster in clear."""
    stored = world.stage.api.get(f"{_OWN}/secrets/{ENVELOPE_SECRET}")
    return ring_from({name: base64.b64decode(value) for name, value in stored["data"].items()}, "envelope")


def opened(world: World, credential: str, secret: str = "") -> dict[str, str]:
    """What the unsealer would hand out."""
    uid = world.object(CREDENTIAL_KIND, credential)["metadata"]["uid"]
    namespace = world.stage.api.get(f"/api/v1/namespaces/{world.namespace}")["metadata"]["uid"]
    plain = open_envelope(envelope(world, secret or credential), RootKeys(roots(world)), namespace, uid)
    return {name: value.decode() for name, value in decode_content(plain).items()}
