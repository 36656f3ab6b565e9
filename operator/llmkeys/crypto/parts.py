"""The texts in headers: which are allowed, and their length-prefixed encoding (`mac.encode`) read back strictly."""

from typing import Final

from llmkeys.crypto.errors import EnvelopeMalformedError

MAX_PART_BYTES: Final = 2048
_PREFIX: Final = 4


def is_allowed(text: str) -> bool:
    """Whether a text may stand in a header: at most 2,048 bytes, all printable, so that none forges a line of a log."""
    return text.isprintable() and len(text.encode()) <= MAX_PART_BYTES


def decode(encoded: bytes, count: int) -> tuple[str, ...]:
    """Exactly `count` texts, each behind its length as 4 bytes, big-endian, and nothing behind the last.

    Args:
        encoded: what `mac.encode` made of the texts in UTF-8.
        count: how many there must be.

    Raises:
        EnvelopeMalformedError: a part is cut off or no UTF-8, or bytes are left over.

    """
    texts: list[str] = []
    at = 0
    for _ in range(count):
        begin = at + _PREFIX
        at = begin + int.from_bytes(encoded[at:begin], "big")
        try:
            texts.append(encoded[begin:at].decode())
        except UnicodeDecodeError:
            raise EnvelopeMalformedError("A part of the header is not UTF-8.") from None
    if at != len(encoded):
        raise EnvelopeMalformedError("The header is cut off, or there are bytes behind its last part.")
    return tuple(texts)
