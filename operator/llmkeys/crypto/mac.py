"""Keyed digests: fingerprints of keys, MACs of what was written, digests of inputs.

All are HMAC-SHA256 (RFC 2104) under one key that never leaves the operator, so that nobody can test a guess against
a status field. Every digest names its purpose and its namespace: equal keys of two tenants do not look equal.
Parts are length-prefixed, so that no two different lists of parts have one encoding.
"""

import base64
import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

KEY_BYTES: Final = 32
_SHORT: Final = 12  # 96 bits, as a text of 16 characters


def encode(parts: Iterable[bytes]) -> bytes:
    """Each part behind its length as 4 bytes, big-endian."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


@dataclass(frozen=True, slots=True)
class MacKey:
    """The operator's MAC key.

    Args:
        version: rises when the key is replaced by an explicit command; part of every `delivery` digest.
        material: 32 random bytes.

    """

    version: int
    material: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.material) != KEY_BYTES:
            raise ValueError("the MAC key must be 32 bytes")

    def fingerprint(self, namespace: str, fields: Mapping[str, str]) -> str:
        """The fingerprint of a key's fields in one namespace: 16 characters, not reversible, not comparable across."""
        parts = (part for name in sorted(fields) for part in (name, fields[name]))
        return self._short("fingerprint", namespace, parts)

    def sharing(self, parts: Iterable[str]) -> str:
        """The identity of one probe (endpoint, headers that matter, key) across namespaces; lives in memory only."""
        return self._short("sharing", "", parts)

    def digest(self, purpose: str, namespace: str, parts: Iterable[str]) -> str:
        """A digest of inputs for `status.inputs` and `status.target.form`."""
        return self._short(purpose, namespace, parts)

    def content(self, namespace: str, kind: str, labels: Mapping[str, str], data: Mapping[str, bytes]) -> str:
        """The MAC of a Secret: exactly its data, its type and the labels that are ours.

        Args:
            namespace: of the Secret.
            kind: its `type`.
            labels: ours only.
            data: decoded values.

        """
        parts = [kind.encode(), len(labels).to_bytes(4, "big")]
        for name in sorted(labels):
            parts += [name.encode(), labels[name].encode()]
        for name in sorted(data):
            parts += [name.encode(), data[name]]
        return self._mac("content", namespace, parts)

    def _short(self, purpose: str, namespace: str, parts: Iterable[str]) -> str:
        return self._mac(purpose, namespace, (part.encode() for part in parts), _SHORT)

    def _mac(self, purpose: str, namespace: str, parts: Iterable[bytes], size: int = 24) -> str:
        message = encode((b"llmkeys/v1", purpose.encode(), namespace.encode(), *parts))
        return base64.urlsafe_b64encode(hmac.digest(self.material, message, "sha256")[:size]).decode()


def same(one: str, other: str) -> bool:
    """Comparison in constant time."""
    return hmac.compare_digest(one, other)
