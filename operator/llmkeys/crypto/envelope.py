"""Envelopes: what the operator writes into a Secret for workloads, which only the unsealer can open."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Self

from llmkeys.crypto import aead, armour, parts
from llmkeys.crypto.aead import KEY_BYTES, SALT_BYTES, Random
from llmkeys.crypto.errors import BindingInvalidError, EnvelopeMalformedError, EnvelopeMisplacedError
from llmkeys.crypto.header import require_key_id
from llmkeys.crypto.mac import encode

MAX_SEQUENCE: Final = 2**63 - 1
_FORM: Final = "llmkeysE1"
_DOMAIN: Final = b"llmkeys/v1 envelope\0"
_VERSION: Final = b"\x01"
_SEQUENCE_BYTES: Final = 8
_FIXED_BYTES: Final = len(_VERSION) + SALT_BYTES + _SEQUENCE_BYTES


@dataclass(frozen=True, slots=True)
class RootKey:
    """The key that the keys of all envelopes derive from.

    Args:
        key_id: 16 lower-case hex characters.
        material: 32 random bytes.

    """

    key_id: str
    material: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.material) != KEY_BYTES:
            raise ValueError("a root key must be 32 bytes")


@dataclass(frozen=True, slots=True)
class EnvelopeBinding:
    """What a delivery belongs to.

    Args:
        namespace_uid: of the Secret and of its LLMCredential.
        credential_uid: of the LLMCredential; one of the same name made later has another.
        sequence: of the delivery, 0 to 2^63-1; it rises when what is delivered changes.

    Raises:
        BindingInvalidError: a part is none of these; the text names it.

    """

    namespace_uid: str
    credential_uid: str
    sequence: int

    def __post_init__(self) -> None:
        holds = {
            "namespace UID": _is_uid(self.namespace_uid),
            "credential UID": _is_uid(self.credential_uid),
            "sequence": 0 <= self.sequence <= MAX_SEQUENCE,
        }
        for name, held in holds.items():
            if not held:
                raise BindingInvalidError(f"An envelope cannot be bound to this {name}.")


@dataclass(frozen=True, slots=True)
class EnvelopeHeader:
    """What stands in clear before an envelope's ciphertext.

    Args:
        key_id: of the root key.
        binding: what the envelope belongs to.
        salt: 32 bytes, never used twice.

    """

    key_id: str
    binding: EnvelopeBinding
    salt: bytes

    def encode(self) -> bytes:
        """Its one encoding: version, salt, sequence (8 bytes, big-endian), then each text behind its length."""
        bound = self.binding
        texts = (self.key_id, bound.namespace_uid, bound.credential_uid)
        sequence = bound.sequence.to_bytes(_SEQUENCE_BYTES, "big")
        return _VERSION + self.salt + sequence + encode(text.encode() for text in texts)

    @classmethod
    def decode(cls, content: bytes) -> Self:
        """The header with this encoding.

        Raises:
            EnvelopeMalformedError: there is none.

        """
        if not content.startswith(_VERSION):
            raise EnvelopeMalformedError("The header is of a version that this llmkeys does not know.")
        salt, sequence = content[1 : 1 + SALT_BYTES], content[1 + SALT_BYTES : _FIXED_BYTES]
        key_id, namespace_uid, credential_uid = parts.decode(content[_FIXED_BYTES:], 3)
        require_key_id(key_id)
        try:
            binding = EnvelopeBinding(namespace_uid, credential_uid, int.from_bytes(sequence, "big"))
        except BindingInvalidError:
            raise EnvelopeMalformedError("The header binds to something that this llmkeys does not know.") from None
        return cls(key_id, binding, salt)


def seal_envelope(
    root: RootKey, binding: EnvelopeBinding, plaintext: bytes, random: Random = secrets.token_bytes
) -> str:
    """An envelope, as one line of text. Two of the same plaintext never look alike.

    Args:
        root: the active root key.
        binding: what the opener must compare with reality.
        plaintext: as `content.encode_content` made it; its length shows.
        random: gives the salt, on which everything rests.

    Raises:
        PlaintextTooLargeError: the text would be over 64 KiB.

    """
    header = EnvelopeHeader(root.key_id, binding, random(SALT_BYTES))
    clear = header.encode()
    return armour.write(_FORM, clear, aead.encrypt(_message_key(root, header), plaintext, _DOMAIN + clear))


def envelope_header(text: str) -> EnvelopeHeader:
    """The header of an envelope, which nothing has proven yet.

    Raises:
        EnvelopeMalformedError: the text is no envelope.

    """
    clear, _ = armour.read(_FORM, text)
    return EnvelopeHeader.decode(clear)


def open_envelope(
    text: str,
    lookup: Callable[[str], RootKey],
    namespace_uid: str | None,
    credential_uid: str | None,
    lowest_sequence: int = 0,
) -> bytes:
    """What is in an envelope. It proves the header, so the text's `sequence` can be believed once this returns.

    Args:
        text: as `seal_envelope` gave it.
        lookup: gives the root key of an id, or raises KeyUnknownError or KeyRetiredError.
        namespace_uid: the namespace it must belong to; None if the caller takes it from the header.
        credential_uid: the credential it must belong to; None likewise.
        lowest_sequence: an older one is refused.

    Raises:
        EnvelopeMalformedError: the text is no envelope.
        EnvelopeMisplacedError: it belongs to another namespace or credential, or is older; a DecryptFailedError too.
        KeyUnknownError: from `lookup`.
        KeyRetiredError: from `lookup`.
        DecryptFailedError: anything else.

    """
    clear, ciphertext = armour.read(_FORM, text)
    header = EnvelopeHeader.decode(clear)
    require_place(header.binding, namespace_uid, credential_uid, lowest_sequence)
    key = _message_key(lookup(header.key_id), header)
    return aead.decrypt(key, ciphertext, _DOMAIN + clear)


def require_place(
    binding: EnvelopeBinding, namespace_uid: str | None, credential_uid: str | None, lowest_sequence: int = 0
) -> None:
    """Refuse what belongs elsewhere; None stands for any.

    Raises:
        EnvelopeMisplacedError: it belongs to another namespace or credential, or is older than `lowest_sequence`.

    """
    if namespace_uid not in {None, binding.namespace_uid}:
        raise EnvelopeMisplacedError("The envelope belongs to another namespace.")
    if credential_uid not in {None, binding.credential_uid}:
        raise EnvelopeMisplacedError("The envelope belongs to another credential.")
    if binding.sequence < lowest_sequence:
        raise EnvelopeMisplacedError("The envelope is older than the delivery that counts.")


def _message_key(root: RootKey, header: EnvelopeHeader) -> bytes:
    info = encode((_DOMAIN, header.key_id.encode(), header.binding.namespace_uid.encode()))
    return aead.derive(root.material, header.salt, info)


def _is_uid(text: str) -> bool:
    return bool(text) and parts.is_allowed(text)
