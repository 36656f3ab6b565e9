"""The clear header of a sealed value: what it may be used for, and whether that is what is asked.

Its bytes are HPKE's `info`, so a header that was changed opens nothing. It has one encoding only.
"""

import re
from collections.abc import Collection
from dataclasses import astuple, dataclass, fields
from enum import StrEnum
from typing import Final, Self

from llmkeys.crypto import parts
from llmkeys.crypto.errors import BindingInvalidError, EnvelopeMalformedError
from llmkeys.crypto.mac import encode

SUITE: Final = bytes.fromhex("647a00010002")
"""ML-KEM-768+X25519 (draft-ietf-hpke-pq), HKDF-SHA256, AES-256-GCM: ids in the order of RFC 9180, 5.1."""

ANY: Final = "any"
ENVELOPE: Final = "envelope"
_VERSION: Final = b"\x01"
_PREAMBLE: Final = _VERSION + SUITE
_KEY_ID: Final = re.compile(r"[0-9a-f]{16}")
_AUDIENCE: Final = re.compile(r"any|https?://\S+")
_DELIVERY: Final = re.compile(r"any|envelope|recipients:[A-Za-z0-9_-]{32}")


class Purpose(StrEnum):
    """What a value is sealed for; it says what the other parts of the binding hold."""

    SEAL = "seal"  # a value in Git, for the operator
    RECIPIENT = "recipient"  # a delivery, for a holder whom the operator cannot replace


class Scope(StrEnum):
    """How widely a value may be used."""

    CREDENTIAL = "credential"
    NAMESPACE = "namespace"


class Mismatch(StrEnum):
    """Why a value must not be opened here; each is the reason of that name."""

    SCOPE = "SealedForOtherScope"
    HOST = "SealedForOtherHost"
    DELIVERY = "SealedForOtherDelivery"


@dataclass(frozen=True, slots=True)
class Binding:
    """What a value is bound to. Printable text throughout, at most 2,048 bytes a part.

    Args:
        purpose: a `Purpose`.
        scope: a `Scope`; `namespace` lets any credential of the namespace use it.
        namespace: name of the namespace (for recipients: its UID).
        name: of the LLMCredential, empty for scope `namespace` (for recipients: its UID).
        field: of the key, such as `apiKey` (for recipients: the delivery sequence in decimal).
        audience: `https://host:port` with the path prefix where one counts, or `any`.
        delivery: `envelope`, `any`, or `recipients:` and the digest of their keys.

    Raises:
        BindingInvalidError: a part is none of these; the text names it.

    """

    purpose: str
    scope: str
    namespace: str
    name: str
    field: str
    audience: str
    delivery: str

    def __post_init__(self) -> None:
        if wrong := self._wrong_part():
            raise BindingInvalidError(f"Nothing can be sealed with this {wrong}.")

    def _wrong_part(self) -> str | None:
        for part in fields(self):
            if not parts.is_allowed(getattr(self, part.name)):
                return part.name
        holds = {
            "purpose": self.purpose in set(Purpose),
            "scope": self.scope in set(Scope),
            "namespace": bool(self.namespace),
            "name": bool(self.name) == (self.scope == Scope.CREDENTIAL),
            "field": bool(self.field),
            "audience": _AUDIENCE.fullmatch(self.audience),
            "delivery": _DELIVERY.fullmatch(self.delivery),
        }
        return next((name for name, held in holds.items() if not held), None)


@dataclass(frozen=True, slots=True)
class Header:
    """What stands in clear before the ciphertext.

    Args:
        key_id: of the public key that it is sealed to, 16 lower-case hex characters.
        binding: what it is bound to.
        suite: HPKE's ids of KEM, KDF and AEAD, 2 bytes each; there is one so far.

    """

    key_id: str
    binding: Binding
    suite: bytes = SUITE

    def encode(self) -> bytes:
        """Its one encoding: version, suite, then key id and the binding's parts in order, each behind its length."""
        return _VERSION + self.suite + encode(part.encode() for part in (self.key_id, *astuple(self.binding)))

    @classmethod
    def decode(cls, content: bytes) -> Self:
        """The header with this encoding.

        Raises:
            EnvelopeMalformedError: there is none.

        """
        if not content.startswith(_PREAMBLE):
            raise EnvelopeMalformedError("The header is of a version or a suite that this llmkeys does not know.")
        key_id, *bound = parts.decode(content[len(_PREAMBLE) :], 1 + len(fields(Binding)))
        require_key_id(key_id)
        try:
            return cls(key_id, Binding(*bound))
        except BindingInvalidError:
            raise EnvelopeMalformedError("The header binds to something that this llmkeys does not know.") from None


@dataclass(frozen=True, slots=True)
class Place:
    """Where a sealed value was found and what is to be done with it.

    Args:
        namespace: of the LLMCredential.
        name: of the LLMCredential.
        field: of the key.
        audiences: those that allow all hosts that the key would be sent to; the header must show one of them, or `any`.
        delivery: how it would be handed on: `envelope`, `recipients:<digest>`, or any other word for in clear.
        purpose: what it must have been sealed for.

    """

    namespace: str
    name: str
    field: str
    audiences: Collection[str]
    delivery: str
    purpose: str = Purpose.SEAL


def mismatch(header: Header, place: Place) -> Mismatch | None:
    """Why the value must not be opened there: its scope, else its host, else its delivery; None if it may."""
    bound = header.binding
    if not _is_in_scope(bound, place):
        return Mismatch.SCOPE
    if bound.audience != ANY and bound.audience not in place.audiences:
        return Mismatch.HOST
    if bound.delivery not in {ANY, place.delivery}:
        return Mismatch.DELIVERY
    return None


def _is_in_scope(bound: Binding, place: Place) -> bool:
    same = (bound.purpose, bound.namespace, bound.field) == (place.purpose, place.namespace, place.field)
    return same and (bound.scope == Scope.NAMESPACE or bound.name == place.name)


def require_key_id(key_id: str) -> None:
    """Refuse what is no key id.

    Raises:
        EnvelopeMalformedError: it is not 16 lower-case hex characters.

    """
    if not _KEY_ID.fullmatch(key_id):
        raise EnvelopeMalformedError("The header's key id is not 16 lower-case hex characters.")
