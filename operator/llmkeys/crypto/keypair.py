"""Key pairs of the post-quantum hybrid MLKEM768-X25519, and HPKE (RFC 9180, draft-ietf-hpke-pq) with them."""

import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Final, NoReturn, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import (
    AEAD,
    KDF,
    KEM,
    MLKEM768X25519PrivateKey,
    MLKEM768X25519PublicKey,
    Suite,
)

from llmkeys.crypto.aead import Random
from llmkeys.crypto.armour import from_base64url, to_base64url, unfolded
from llmkeys.crypto.errors import DecryptFailedError, PrivateKeyMalformedError, PublicKeyMalformedError

SEED_BYTES: Final = 32
PUBLIC_BYTES: Final = 1216
_MLKEM_PUBLIC_BYTES: Final = 1184
_MLKEM_SEED_BYTES: Final = 64
_EXPANDED_BYTES: Final = 96
_KEY_ID_BYTES: Final = 8
_PUBLIC_FORM: Final = "llmkeys-public-1:"
_PRIVATE_FORM: Final = "llmkeys-private-1:"
_SUITE: Final = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
_PROBE: Final = X25519PrivateKey.from_private_bytes(bytes(32))


@dataclass(frozen=True)
class PublicKey:
    """What anybody can seal to.

    Args:
        raw: 1,216 bytes, the ML-KEM-768 encapsulation key (1,184) and the X25519 public key (32).

    Raises:
        PublicKeyMalformedError: nobody can seal to these bytes.

    """

    raw: bytes = field(repr=False)
    key_id: str = field(init=False, compare=False)
    _native: MLKEM768X25519PublicKey = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_native", _native_public(self.raw))
        object.__setattr__(self, "key_id", hashlib.sha256(self.raw).hexdigest()[: 2 * _KEY_ID_BYTES])

    def text(self) -> str:
        """The one line that `parse` reads."""
        return _PUBLIC_FORM + to_base64url(self.raw)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The key of a line `llmkeys-public-1:<base64url>`; ASCII white space in it does not count.

        Raises:
            PublicKeyMalformedError: it is none.

        """
        try:
            return cls(_content(text, _PUBLIC_FORM))
        except ValueError:
            raise PublicKeyMalformedError(
                f"This is no public key: it must be one line '{_PUBLIC_FORM}<base64url>'."
            ) from None

    def encrypt(self, info: bytes, plaintext: bytes) -> bytes:
        """HPKE in its base mode: encapsulated key (1,120 bytes), ciphertext, tag (16 bytes)."""
        return _SUITE.encrypt(plaintext, self._native, info=info)


class PrivateKey:
    """A key pair; it is its 32-byte seed. It cannot print itself, and equality is left to identity.

    Args:
        seed: expanded by SHAKE256 to 96 bytes: ML-KEM's d and z (64), then X25519's scalar (32).

    Raises:
        PrivateKeyMalformedError: the seed is not 32 bytes.

    """

    __slots__ = ("_native", "_public", "_seed")

    def __init__(self, seed: bytes) -> None:
        if len(seed) != SEED_BYTES:
            raise PrivateKeyMalformedError("A private key is a seed of 32 bytes.")
        expanded = hashlib.shake_256(seed).digest(_EXPANDED_BYTES)
        mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:_MLKEM_SEED_BYTES])
        x25519 = X25519PrivateKey.from_private_bytes(expanded[_MLKEM_SEED_BYTES:])
        self._seed: Final = bytes(seed)
        self._native: Final = MLKEM768X25519PrivateKey(mlkem, x25519)
        self._public: Final = PublicKey(mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw())

    @classmethod
    def generate(cls, random: Random = secrets.token_bytes) -> Self:
        """A new key pair."""
        return cls(random(SEED_BYTES))

    @classmethod
    def parse(cls, text: str) -> Self:
        """The key of a line that `reveal` gave.

        Raises:
            PrivateKeyMalformedError: it is none; the text never shows it.

        """
        try:
            return cls(_content(text, _PRIVATE_FORM))
        except ValueError:
            raise PrivateKeyMalformedError(
                f"This is no private key: it is one line '{_PRIVATE_FORM}<base64url>'."
            ) from None

    @property
    def public(self) -> PublicKey:
        """The half that everybody may have."""
        return self._public

    @property
    def seed(self) -> bytes:
        """The 32 bytes that are the key. Callers store them, and do nothing else with them."""
        return self._seed

    def reveal(self) -> str:
        """The key as one line of text, for a file that its holder keeps."""
        return _PRIVATE_FORM + to_base64url(self._seed)

    def decrypt(self, info: bytes, ciphertext: bytes) -> bytes:
        """What `PublicKey.encrypt` was given.

        Raises:
            DecryptFailedError: key, info or ciphertext is not the same.

        """
        try:
            return _SUITE.decrypt(ciphertext, self._native, info=info)
        except InvalidTag:
            raise DecryptFailedError("It does not open: it was changed, or sealed to another key.") from None

    def __repr__(self) -> str:
        return f"PrivateKey(of {self._public.key_id})"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a PrivateKey is never pickled or copied")


def _content(text: str, form: str) -> bytes:
    whole = unfolded(text)
    if not whole.startswith(form):
        raise ValueError("not of that form")
    return from_base64url(whole.removeprefix(form))


def _native_public(raw: bytes) -> MLKEM768X25519PublicKey:
    if len(raw) != PUBLIC_BYTES:
        raise PublicKeyMalformedError(f"A public key has {PUBLIC_BYTES} bytes, and this one {len(raw)}.")
    try:
        mlkem = MLKEM768PublicKey.from_public_bytes(raw[:_MLKEM_PUBLIC_BYTES])
        x25519 = X25519PublicKey.from_public_bytes(raw[_MLKEM_PUBLIC_BYTES:])
        # A point of small order gives every scalar the same shared secret; RFC 7748, 6.1, has it found so.
        _PROBE.exchange(x25519)
    except ValueError:
        raise PublicKeyMalformedError("This is no public key of ML-KEM-768 and X25519.") from None
    return MLKEM768X25519PublicKey(mlkem, x25519)
