"""What the operator keeps for itself in its own Secrets: sealed with its own key pair, each value to its place.

Form: a version (1 byte), the key's id (16 lower-case hex characters), HPKE ciphertext as in `keypair`. HPKE's `info`
is a domain string, the key's id and the place: a value opens nowhere else, and none that a person sealed opens here.
"""

from collections.abc import Callable
from typing import Final

from llmkeys.crypto.errors import EnvelopeMalformedError
from llmkeys.crypto.header import require_key_id
from llmkeys.crypto.keypair import PrivateKey, PublicKey
from llmkeys.crypto.mac import encode

_VERSION: Final = b"\x01"
_DOMAIN: Final = b"llmkeys/v1 at rest\0"
_KEY_ID: Final = slice(1, 17)

OVERHEAD: Final = 1 + 16 + 1120 + 16
"""Bytes that a sealed value has more than what it holds."""


def seal_at_rest(public: PublicKey, place: str, plaintext: bytes) -> bytes:
    """A sealed value.

    Args:
        public: the operator's active sealing key.
        place: where it is kept, such as the name of an entry.
        plaintext: any bytes.

    """
    return _VERSION + public.key_id.encode() + public.encrypt(_info(public.key_id, place), plaintext)


def key_id_at_rest(sealed: bytes) -> str:
    """The id of the key that a value is sealed to.

    Raises:
        EnvelopeMalformedError: it is no such value.

    """
    key_id = sealed[_KEY_ID].decode("ascii", errors="replace")
    if not sealed.startswith(_VERSION):
        raise EnvelopeMalformedError("The value is of a version that this llmkeys does not know.")
    require_key_id(key_id)
    return key_id


def open_at_rest(sealed: bytes, place: str, keys: Callable[[str], PrivateKey]) -> bytes:
    """What was sealed.

    Args:
        sealed: as `seal_at_rest` gave it.
        place: where it was found.
        keys: gives the key of an id, or raises KeyUnknownError or KeyRetiredError.

    Raises:
        EnvelopeMalformedError: it is no such value.
        KeyUnknownError: from `keys`.
        KeyRetiredError: from `keys`.
        DecryptFailedError: it was changed, or is from another place.

    """
    key_id = key_id_at_rest(sealed)
    return keys(key_id).decrypt(_info(key_id, place), sealed[_KEY_ID.stop :])


def _info(key_id: str, place: str) -> bytes:
    return _DOMAIN + encode((key_id.encode(), place.encode()))
