"""The plaintext of an envelope: a JSON object of the keys that a plain Secret would have."""

from collections.abc import Mapping

import msgspec

from llmkeys.crypto.errors import EnvelopeMalformedError


class _Binary(msgspec.Struct, forbid_unknown_fields=True):
    base64: bytes

    def __repr__(self) -> str:
        return "_Binary(***)"


def encode_content(data: Mapping[str, bytes]) -> bytes:
    """Names in order, no white space; a value is its text, or `{"base64": ...}` where it is no UTF-8.

    Args:
        data: decoded values by name.

    """
    return msgspec.json.encode({name: _value(data[name]) for name in data}, order="sorted")


def decode_content(content: bytes) -> dict[str, bytes]:
    """What `encode_content` was given.

    Raises:
        EnvelopeMalformedError: it is no such object; the text shows nothing of it.

    """
    try:
        found = msgspec.json.decode(content, type=dict[str, str | _Binary])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise EnvelopeMalformedError("What is in the envelope is not as llmkeys wrote it.") from None
    return {name: value.encode() if isinstance(value, str) else value.base64 for name, value in found.items()}


def _value(value: bytes) -> str | _Binary:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return _Binary(value)
