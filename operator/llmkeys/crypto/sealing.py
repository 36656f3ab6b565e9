"""Sealed values: what a person seals offline to the operator's public key, and how it opens."""

from collections.abc import Callable
from typing import Final

from llmkeys.crypto import armour
from llmkeys.crypto.header import Binding, Header
from llmkeys.crypto.keypair import PrivateKey, PublicKey

__all__ = ["PrivateKey", "PublicKey", "header_of", "open_sealed", "seal"]

_FORM: Final = "llmkeys1"
_DOMAIN: Final = b"llmkeys/v1 seal\0"


def seal(public: PublicKey, binding: Binding, plaintext: bytes) -> str:
    """A sealed value, as one line of text. Two of the same plaintext never look alike.

    Args:
        public: whose holder alone can open it.
        binding: what the opener must compare with reality.
        plaintext: the value; its length shows.

    Raises:
        PlaintextTooLargeError: the text would be over 64 KiB.

    """
    header = Header(public.key_id, binding).encode()
    return armour.write(_FORM, header, public.encrypt(_DOMAIN + header, plaintext))


def header_of(text: str) -> Header:
    """The header of a sealed value, which nothing has proven yet.

    Raises:
        EnvelopeMalformedError: the text is no sealed value.

    """
    header, _ = armour.read(_FORM, text)
    return Header.decode(header)


def open_sealed(text: str, keys: Callable[[str], PrivateKey]) -> bytes:
    """What was sealed. It proves the header; whether that fits is for `mismatch` to say, before this is called.

    Args:
        text: as `seal` gave it, or folded by YAML.
        keys: gives the key of an id, or raises KeyUnknownError or KeyRetiredError.

    Raises:
        EnvelopeMalformedError: the text is no sealed value.
        KeyUnknownError: from `keys`.
        KeyRetiredError: from `keys`.
        DecryptFailedError: anything else.

    """
    header, ciphertext = armour.read(_FORM, text)
    key_id = Header.decode(header).key_id
    return keys(key_id).decrypt(_DOMAIN + header, ciphertext)
