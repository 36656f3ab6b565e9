"""What was in an envelope, and how JSON carries it: a text, or `{"base64": ...}` where it is no UTF-8."""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Opened:
    """What a workload gets.

    Args:
        content: values by name, as a plain Secret would hold them.
        sequence: of the delivery; it rises with every change of the content.

    """

    content: Mapping[str, bytes] = field(repr=False)
    sequence: int


def content_from(found: Any) -> dict[str, bytes]:
    """Values by name.

    Raises:
        ValueError: it is not in that form; the text shows nothing of it.

    """
    if not isinstance(found, dict):
        raise ValueError("no object of values")  # noqa: TRY004  whoever reads JSON catches one kind of error
    return {name: _value(value) for name, value in found.items()}


def text_or_bytes(value: bytes) -> str | bytes:
    """Text if it is UTF-8."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def plain(content: Mapping[str, bytes]) -> dict[str, Any]:
    """The form in JSON."""
    values = {name: text_or_bytes(value) for name, value in sorted(content.items())}
    return {
        name: value if isinstance(value, str) else {"base64": base64.b64encode(value).decode()}
        for name, value in values.items()
    }


def _value(value: Any) -> bytes:
    try:
        match value:
            case str():
                return value.encode()
            case {"base64": str(text), **rest} if not rest:
                return base64.b64decode(text, validate=True)
    except (UnicodeEncodeError, binascii.Error):
        pass
    raise ValueError("no text and no base64")
