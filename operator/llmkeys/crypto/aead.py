"""AES-256-GCM under a key that is used for one message: what envelopes, wrapped rings and backups have in common.

Each key is derived under a fresh 32-byte salt, so the nonce is fixed to zero: no pair of key and nonce comes twice,
and nobody has to count the messages of a root (NIST SP 800-38D, 8.3, would allow 2^32 random nonces under one key).
"""

from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from llmkeys.crypto.errors import DecryptFailedError

Random = Callable[[int], bytes]
"""Gives as many random bytes as asked for; `secrets.token_bytes` outside tests."""

KEY_BYTES: Final = 32
SALT_BYTES: Final = 32
TAG_BYTES: Final = 16
_NONCE: Final = bytes(12)


def derive(root: bytes, salt: bytes, info: bytes) -> bytes:
    """The 32-byte key of one message: HKDF-SHA256 (RFC 5869).

    Args:
        root: 32 bytes of key material.
        salt: 32 bytes, fresh for every message.
        info: what the key is for; no two uses share one.

    """
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=info).derive(root)


def encrypt(key: bytes, plaintext: bytes, authenticated: bytes) -> bytes:
    """The ciphertext and, behind it, its 16-byte tag.

    Args:
        key: 32 bytes that encrypt this one message and no other.
        plaintext: any bytes.
        authenticated: what goes in clear beside it and must not change.

    """
    return AESGCM(key).encrypt(_NONCE, plaintext, authenticated)


def decrypt(key: bytes, ciphertext: bytes, authenticated: bytes) -> bytes:
    """What `encrypt` was given.

    Raises:
        DecryptFailedError: key, ciphertext or `authenticated` is not the same.

    """
    try:
        return AESGCM(key).decrypt(_NONCE, ciphertext, authenticated)
    except InvalidTag:
        raise DecryptFailedError("It does not open: it was changed, or made with another key.") from None
