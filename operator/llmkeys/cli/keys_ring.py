"""The Secret of a sealing ring that is made before the operator's first start; needs nothing of Kubernetes."""

import json
from base64 import b64encode

from llmkeys.api.names import INTERNAL_LABEL, SEALING_SECRET
from llmkeys.crypto.keypair import PrivateKey
from llmkeys.crypto.ring import Ring, ring_data
from llmkeys.crypto.wrapping import Wrapper


def ring_manifest(ring: Ring, namespace: str, kek: bytes | None) -> bytes:
    """The Secret that the operator takes for its sealing ring, as JSON for `kubectl create`.

    Args:
        ring: for sealing.
        namespace: the operator's.
        kek: 32 bytes that wrap the ring; None leaves it in clear.

    """
    data = ring_data(ring)
    if kek is not None:
        data = Wrapper(kek).wrap(data, ring.purpose)
    manifest = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": SEALING_SECRET, "namespace": namespace, "labels": {INTERNAL_LABEL: "true"}},
        "type": "Opaque",
        "data": {name: b64encode(value).decode() for name, value in data.items()},
    }
    return json.dumps(manifest, indent=2).encode() + b"\n"


def public_line(ring: Ring) -> str:
    """The public key of a sealing ring, as one line."""
    return PrivateKey(ring.active.material).public.text()
