"""Deliveries to holders whom the operator cannot replace: one HPKE envelope for each, no service involved.

They have the form of sealed values, with purpose `recipient`; the parts of the binding that name a place hold UIDs.
"""

import base64
import hashlib
import re
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from llmkeys.crypto.armour import MAX_TEXT
from llmkeys.crypto.envelope import EnvelopeBinding, require_place
from llmkeys.crypto.errors import BindingInvalidError, EnvelopeMalformedError, KeyUnknownError
from llmkeys.crypto.header import ANY, Binding, Header, Purpose, Scope
from llmkeys.crypto.keypair import PrivateKey, PublicKey
from llmkeys.crypto.sealing import header_of, open_sealed, seal

MAX_RECIPIENTS: Final = 16
_DIGEST_BYTES: Final = 24
_SEQUENCE: Final = re.compile(r"0|[1-9][0-9]{0,18}")


def recipients_digest(publics: Iterable[PublicKey]) -> str:
    """The identity of a set of recipients, 32 characters: neither order nor repetition counts.

    It covers the whole keys, since key ids are short enough for two of a kind to be made.
    """
    joined = b"".join(sorted({public.raw for public in publics}))
    return base64.urlsafe_b64encode(hashlib.sha256(joined).digest()[:_DIGEST_BYTES]).decode()


def recipients_delivery(publics: Iterable[PublicKey]) -> str:
    """The `delivery` of a binding to this set of recipients."""
    return f"recipients:{recipients_digest(publics)}"


def seal_to_recipients(publics: Sequence[PublicKey], binding: EnvelopeBinding, plaintext: bytes) -> bytes:
    """A JSON list of sealed texts, one for each distinct recipient, in the order given.

    Args:
        publics: 1 to 16 recipients.
        binding: what the delivery belongs to.
        plaintext: as `content.encode_content` made it; its length shows.

    Raises:
        BindingInvalidError: there are no recipients, or too many.
        PlaintextTooLargeError: a text would be over 64 KiB.

    """
    distinct = list(dict.fromkeys(publics))
    if not 0 < len(distinct) <= MAX_RECIPIENTS:
        raise BindingInvalidError(f"A delivery has 1 to {MAX_RECIPIENTS} recipients, and this one {len(distinct)}.")
    bound = Binding(
        purpose=Purpose.RECIPIENT,
        scope=Scope.CREDENTIAL,
        namespace=binding.namespace_uid,
        name=binding.credential_uid,
        field=str(binding.sequence),
        audience=ANY,
        delivery=recipients_delivery(distinct),
    )
    return msgspec.json.encode([seal(public, bound, plaintext) for public in distinct])


def recipient_binding(header: Header) -> EnvelopeBinding:
    """What a delivery with this header belongs to.

    Raises:
        EnvelopeMalformedError: the header is not that of a delivery.

    """
    bound = header.binding
    if bound.purpose != Purpose.RECIPIENT or not _SEQUENCE.fullmatch(bound.field):
        raise EnvelopeMalformedError("This is sealed, but not as a delivery to a recipient.")
    try:
        return EnvelopeBinding(bound.namespace, bound.name, int(bound.field))
    except BindingInvalidError:
        raise EnvelopeMalformedError("The delivery's header binds to no credential.") from None


def open_for_recipient(
    private: PrivateKey,
    text: str | bytes,
    namespace_uid: str | None = None,
    credential_uid: str | None = None,
    lowest_sequence: int = 0,
) -> bytes:
    """What was delivered to the holder of a key.

    Args:
        private: the holder's key.
        text: the list that `seal_to_recipients` gave, or one text of it.
        namespace_uid: the namespace it must belong to; None if the holder does not know.
        credential_uid: the credential it must belong to; None likewise.
        lowest_sequence: an older delivery is refused; holders that remember the last one pass it.

    Raises:
        EnvelopeMalformedError: the text is no delivery.
        KeyUnknownError: none of it is for this key.
        EnvelopeMisplacedError: it belongs to another namespace or credential, or is older; a DecryptFailedError too.
        DecryptFailedError: anything else.

    """
    for sealed in _texts(text):
        header = header_of(sealed)
        binding = recipient_binding(header)
        if header.key_id == private.public.key_id:
            require_place(binding, namespace_uid, credential_uid, lowest_sequence)
            return open_sealed(sealed, lambda _: private)
    raise KeyUnknownError(private.public.key_id)


def _texts(text: str | bytes) -> list[str]:
    if len(text) > (MAX_RECIPIENTS + 1) * MAX_TEXT:
        raise EnvelopeMalformedError("The text is too large for a delivery to recipients.")
    raw = text.encode(errors="replace") if isinstance(text, str) else text
    if not raw.lstrip().startswith(b"["):
        return [raw.decode(errors="replace")]
    try:
        texts = msgspec.json.decode(raw, type=list[str])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise EnvelopeMalformedError("The text is no list of envelopes.") from None
    if len(texts) > MAX_RECIPIENTS:
        raise EnvelopeMalformedError(f"The list holds more than {MAX_RECIPIENTS} envelopes.")
    return texts
