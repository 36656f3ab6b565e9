"""Backups of the operator's own keys: one armoured text file, for a passphrase or for the holder of a private key."""

import base64
import binascii
import hashlib
import re
import secrets
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from llmkeys.crypto import aead
from llmkeys.crypto.aead import KEY_BYTES, SALT_BYTES, Random
from llmkeys.crypto.content import decode_content, encode_content
from llmkeys.crypto.errors import (
    BackupMalformedError,
    DecryptFailedError,
    EnvelopeMalformedError,
    KeyUnknownError,
    WrongPassphraseError,
)
from llmkeys.crypto.keypair import PrivateKey, PublicKey

MAX_BACKUP_BYTES: Final = 16 * 1024 * 1024
_DOMAIN: Final = b"llmkeys/v1 backup\0"
_FOR_PASSPHRASE: Final = b"\x01\x01"  # version, then kind
_FOR_RECIPIENT: Final = b"\x01\x02"
_KEY_ID_BYTES: Final = 8
_LINE: Final = 64
_BEGIN: Final = b"-----BEGIN LLMKEYS BACKUP-----"
_END: Final = b"-----END LLMKEYS BACKUP-----"
_ARMOUR: Final = re.compile(_BEGIN + rb"([A-Za-z0-9+/=\s]*)" + _END)


@dataclass(frozen=True, slots=True)
class ScryptCost:
    """What trying one passphrase costs (RFC 7914): 128 * r * 2^log2_n bytes of memory.

    Args:
        log2_n: 17 is 128 MiB at r = 8; what is read may ask for 18 at most.
        r: block size; what is read may ask for 8 at most.
        p: parallelisation; what is read may ask for 4 at most.

    """

    log2_n: int = 17
    r: int = 8
    p: int = 1

    def key(self, passphrase: str, salt: bytes) -> bytes:
        """32 bytes. The passphrase counts in Unicode's form C (RFC 8265, 4.2), as keyboards differ."""
        normal = unicodedata.normalize("NFC", passphrase).encode()
        memory = 128 * self.r * (2**self.log2_n + self.p + 2)
        n = 2**self.log2_n
        return hashlib.scrypt(normal, salt=salt, n=n, r=self.r, p=self.p, maxmem=memory, dklen=KEY_BYTES)

    def encode(self) -> bytes:
        """One byte each."""
        return bytes((self.log2_n, self.r, self.p))

    @classmethod
    def decode(cls, content: bytes) -> Self:
        """The cost in a backup's header.

        Raises:
            BackupMalformedError: it is cut off, or more than we are willing to pay.

        """
        largest = (18, 8, 4)
        if len(content) != len(largest) or not all(0 < one <= most for one, most in zip(content, largest, strict=True)):
            raise BackupMalformedError("The backup asks for more memory or time than llmkeys gives to a passphrase.")
        return cls(*content)


_COST: Final = ScryptCost()


def backup(
    items: Mapping[str, bytes],
    *,
    passphrase: str | None = None,
    recipient: PublicKey | None = None,
    random: Random = secrets.token_bytes,
    cost: ScryptCost = _COST,
) -> bytes:
    """A text file that holds the items, encrypted.

    Args:
        items: contents by name.
        passphrase: opens it; or
        recipient: whose private key opens it. Exactly one of the two.
        random: gives the salt.
        cost: of a try at the passphrase.

    """
    content = encode_content(items)
    if recipient is not None and passphrase is None:
        clear = _FOR_RECIPIENT + bytes.fromhex(recipient.key_id)
        return _armoured(clear + recipient.encrypt(_DOMAIN + clear, content))
    if passphrase and recipient is None:
        salt = random(SALT_BYTES)
        clear = _FOR_PASSPHRASE + cost.encode() + salt
        return _armoured(clear + aead.encrypt(cost.key(passphrase, salt), content, _DOMAIN + clear))
    raise ValueError("a backup takes either a passphrase that is not empty or a recipient")


def restore_backup(
    text: bytes, *, passphrase: str | None = None, private: PrivateKey | None = None
) -> dict[str, bytes]:
    """The items in a backup.

    Args:
        text: the file.
        passphrase: as it was given to `backup`; or
        private: the recipient's key.

    Raises:
        BackupMalformedError: it is no backup, or asks for too much memory.
        WrongPassphraseError: the passphrase is wrong, or a key is needed instead, or the file was changed.
        KeyUnknownError: it is for another recipient.
        DecryptFailedError: it is for this recipient, and was changed.

    """
    content = _unarmoured(text)
    if content.startswith(_FOR_RECIPIENT):
        opened = _open_for_recipient(content, private)
    elif content.startswith(_FOR_PASSPHRASE):
        opened = _open_with_passphrase(content, passphrase)
    else:
        raise BackupMalformedError("The backup is of a version that this llmkeys does not know.")
    try:
        return decode_content(opened)
    except EnvelopeMalformedError:
        raise BackupMalformedError("The backup opened, but what is in it is not as llmkeys wrote it.") from None


def _open_for_recipient(content: bytes, private: PrivateKey | None) -> bytes:
    size = len(_FOR_RECIPIENT) + _KEY_ID_BYTES
    clear, ciphertext = content[:size], content[size:]
    key_id = clear[len(_FOR_RECIPIENT) :].hex()
    if private is None:
        raise WrongPassphraseError(f"This backup has no passphrase: it opens with the private key of {key_id}.")
    if private.public.key_id != key_id:
        raise KeyUnknownError(key_id)
    return private.decrypt(_DOMAIN + clear, ciphertext)


def _open_with_passphrase(content: bytes, passphrase: str | None) -> bytes:
    begin = len(_FOR_PASSPHRASE)
    size = begin + len(_COST.encode()) + SALT_BYTES
    clear, ciphertext = content[:size], content[size:]
    cost, salt = ScryptCost.decode(clear[begin:-SALT_BYTES]), clear[-SALT_BYTES:]
    if passphrase is None:
        raise WrongPassphraseError("This backup opens with its passphrase, not with a private key.")
    try:
        return aead.decrypt(cost.key(passphrase, salt), ciphertext, _DOMAIN + clear)
    except DecryptFailedError:
        raise WrongPassphraseError("The passphrase is wrong, or the backup was changed.") from None


def _armoured(content: bytes) -> bytes:
    text = base64.b64encode(content)
    lines = (text[at : at + _LINE] for at in range(0, len(text), _LINE))
    return b"\n".join((_BEGIN, *lines, _END, b""))


def _unarmoured(text: bytes) -> bytes:
    found = _ARMOUR.fullmatch(text.strip()) if len(text) <= MAX_BACKUP_BYTES else None
    if found is None:
        raise BackupMalformedError(f"The file is no backup: it must begin with {_BEGIN.decode()} and end alike.")
    try:
        return base64.b64decode(b"".join(found[1].split()), validate=True)
    except binascii.Error:
        raise BackupMalformedError("The backup is damaged: its lines are not base64.") from None
