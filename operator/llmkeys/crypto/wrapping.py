"""Rings wrapped with a key-encryption key (KEK) from outside etcd, so that a dump of etcd holds nothing of use."""

import base64
import re
import secrets
from collections.abc import Mapping
from typing import Final, NoReturn

from llmkeys.crypto import aead
from llmkeys.crypto.aead import KEY_BYTES, SALT_BYTES, TAG_BYTES, Random
from llmkeys.crypto.content import decode_content, encode_content
from llmkeys.crypto.errors import (
    DecryptFailedError,
    EnvelopeMalformedError,
    KekMalformedError,
    RingMalformedError,
    WrongKekError,
)
from llmkeys.crypto.mac import encode

WRAPPED_ENTRY: Final = "ring.enc"
_DOMAIN: Final = b"llmkeys/v1 wrapped ring\0"
_VERSION: Final = b"\x01"
_CLEAR_BYTES: Final = len(_VERSION) + SALT_BYTES
_HEX: Final = re.compile(rb"[0-9A-Fa-f]{64}")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/_-]{43}=?")
_URLSAFE: Final = bytes.maketrans(b"+/", b"-_")
_ACCEPTED: Final = "32 random bytes, or those as 64 hex characters or as base64"


class Wrapper:
    """Wraps and unwraps the data of rings. It cannot print itself.

    Args:
        kek: 32 bytes, as `kek_from` gives them.

    """

    __slots__ = ("_kek",)

    def __init__(self, kek: bytes) -> None:
        if len(kek) != KEY_BYTES:
            raise KekMalformedError(f"A key-encryption key is {_ACCEPTED}.")
        self._kek: Final = bytes(kek)

    def wrap(self, data: Mapping[str, bytes], purpose: str, random: Random = secrets.token_bytes) -> dict[str, bytes]:
        """The ring's data as one entry `ring.enc`: version (1 byte), salt (32), ciphertext and tag (16).

        Args:
            data: as `ring_data` gave it.
            purpose: of the ring; a wrapped ring does not open as another one.
            random: gives the salt.

        """
        clear = _VERSION + random(SALT_BYTES)
        return {WRAPPED_ENTRY: clear + aead.encrypt(self._key(clear, purpose), encode_content(data), _DOMAIN + clear)}

    def unwrap(self, data: Mapping[str, bytes], purpose: str) -> dict[str, bytes]:
        """What `wrap` was given.

        Raises:
            RingMalformedError: there is no wrapped ring.
            WrongKekError: this KEK does not open it, or it was changed, or it is a ring for something else.

        """
        wrapped = data.get(WRAPPED_ENTRY, b"")
        if len(wrapped) < _CLEAR_BYTES + TAG_BYTES or not wrapped.startswith(_VERSION):
            raise RingMalformedError(f"the entry {WRAPPED_ENTRY} is missing, cut off or of an unknown version")
        clear = wrapped[:_CLEAR_BYTES]
        try:
            content = aead.decrypt(self._key(clear, purpose), wrapped[_CLEAR_BYTES:], _DOMAIN + clear)
        except DecryptFailedError:
            raise WrongKekError(
                f"The {purpose} ring does not open: it was wrapped with another key-encryption key, or changed."
            ) from None
        try:
            return decode_content(content)
        except EnvelopeMalformedError:
            raise RingMalformedError(f"what {WRAPPED_ENTRY} holds is no data of a ring") from None

    def _key(self, clear: bytes, purpose: str) -> bytes:
        return aead.derive(self._kek, clear[len(_VERSION) :], encode((_DOMAIN, purpose.encode())))

    def __repr__(self) -> str:
        return "Wrapper(***)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Wrapper is never pickled or copied")


def is_wrapped(data: Mapping[str, bytes]) -> bool:
    """Whether a Secret's data is a wrapped ring."""
    return WRAPPED_ENTRY in data


def kek_from(content: bytes) -> bytes:
    """The 32 bytes of a KEK file: as they are, or as hex or base64 (either alphabet) with white space around them.

    Raises:
        KekMalformedError: it holds something else, such as a passphrase of 32 characters; the text shows none of it.

    """
    text = content.strip()
    if _HEX.fullmatch(text):
        return bytes.fromhex(text.decode())
    if _BASE64.fullmatch(text):
        return base64.urlsafe_b64decode(text.rstrip(b"=").translate(_URLSAFE) + b"=")
    # Of 2^32 random files one is ASCII; such a file holds half a key in hex, or a passphrase.
    if len(content) == KEY_BYTES and not content.isascii():
        return content
    raise KekMalformedError(f"The file holds no key-encryption key: it must hold {_ACCEPTED}.")
