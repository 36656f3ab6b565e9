"""Who a credential hands its key to: anybody who reads the Secret, the unsealer, or the holders of recipients' keys."""

from typing import Final

from llmkeys.api.credential import ENVELOPE_TARGET, Target
from llmkeys.crypto.errors import PublicKeyMalformedError
from llmkeys.crypto.header import ENVELOPE
from llmkeys.crypto.keypair import PublicKey
from llmkeys.crypto.recipients import recipients_delivery

IN_CLEAR: Final = "none"
"""The delivery of a plain Secret: only a value sealed for any delivery opens for it."""


def recipients_of(target: Target) -> list[PublicKey]:
    """The public keys that a credential delivers to.

    Raises:
        PublicKeyMalformedError: an entry is none; the text names its place.

    """
    found = []
    for index, text in enumerate(target.recipients):
        try:
            found.append(PublicKey.parse(text))
        except PublicKeyMalformedError as error:
            raise PublicKeyMalformedError(f"spec.target.recipients[{index}]: {error}") from None
    return found


def delivery_of(target: Target) -> str:
    """How a key would be handed on, in the words of a sealed value's header.

    Raises:
        PublicKeyMalformedError: an entry of `recipients` is no public key.

    """
    if target.encryption != ENVELOPE_TARGET:
        return IN_CLEAR
    return recipients_delivery(recipients_of(target)) if target.recipients else ENVELOPE
