"""The text form of envelopes and keys: base64url without padding (RFC 4648, 5), exactly one text for each value."""

import base64
import binascii
from typing import Final

from llmkeys.crypto.errors import EnvelopeMalformedError, PlaintextTooLargeError

MAX_TEXT: Final = 64 * 1024
_WHITE_SPACE: Final = dict.fromkeys(map(ord, " \t\r\n"))


def unfolded(text: str) -> str:
    """The text without ASCII white space: YAML folds long lines and ends blocks with a line feed."""
    return text.translate(_WHITE_SPACE)


def to_base64url(content: bytes) -> str:
    """Base64url, no padding."""
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def from_base64url(text: str) -> bytes:
    """What `to_base64url` was given.

    Raises:
        ValueError: a foreign character, padding, an impossible length, or unused bits that are not zero.

    """
    try:
        content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        raise ValueError("not base64url") from None
    # The decoder passes over foreign characters, and over the last character's unused bits.
    if to_base64url(content) != text:
        raise ValueError("not canonical base64url")
    return content


def write(form: str, header: bytes, ciphertext: bytes) -> str:
    """One line: `<form>.<header>.<ciphertext>`.

    Raises:
        PlaintextTooLargeError: it would be over 64 KiB.

    """
    text = f"{form}.{to_base64url(header)}.{to_base64url(ciphertext)}"
    if len(text) > MAX_TEXT:
        raise PlaintextTooLargeError("The value is too large: sealed, it would take more than 64 KiB of text.")
    return text


def read(form: str, text: str) -> tuple[bytes, bytes]:
    """Header and ciphertext of a text; ASCII white space anywhere in it does not count.

    Args:
        form: what it must begin with, version included.
        text: from a manifest or a Secret; anything.

    Raises:
        EnvelopeMalformedError: over 64 KiB, of another form, or not the one canonical text of its content.

    """
    if len(text) > MAX_TEXT:
        raise EnvelopeMalformedError("The text is over 64 KiB, which no envelope is.")
    found, *rest = unfolded(text).split(".")
    if found != form:
        raise EnvelopeMalformedError(f"The text does not begin with '{form}.'.")
    try:
        header, ciphertext = map(from_base64url, rest)
    except ValueError:
        raise EnvelopeMalformedError(f"The text is not '{form}.<header>.<ciphertext>' in base64url.") from None
    return header, ciphertext
