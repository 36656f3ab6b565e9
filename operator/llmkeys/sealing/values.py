"""The values that a person hands over, by field; each is checked as the operator would check it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from llmkeys.api.credential import KeyEntry
from llmkeys.api.reasons import Reason
from llmkeys.catalogue.model import Provider
from llmkeys.crypto.secret import Secret
from llmkeys.probe.material import MAX_DOCUMENT, candidates_of
from llmkeys.sealing.errors import ValueUnsuitableError

_AROUND: Final = "\ufeff \t\r\n\v\f\x00"


def text_of(content: bytes, what: str) -> str:
    """The text of a file or of standard input, without the white space around it.

    Raises:
        ValueUnsuitableError: it is too large, or no UTF-8.

    """
    if len(content) > MAX_DOCUMENT:
        raise ValueUnsuitableError(f"{what} holds more than {MAX_DOCUMENT} bytes, which no key has.")
    try:
        return content.decode().strip(_AROUND)
    except UnicodeDecodeError:
        raise ValueUnsuitableError(f"{what} holds no text in UTF-8.") from None


def values_in(text: str, fields: Sequence[str]) -> dict[str, Secret]:
    """The values of several fields: a JSON object, or lines `NAME=value`.

    Args:
        text: that holds them.
        fields: that there may be.

    Raises:
        ValueUnsuitableError: it is neither, or names another field.

    """
    found = _in_object(text) if text.startswith("{") else _in_lines(text)
    for name in found:
        if name not in fields:
            raise ValueUnsuitableError(f"There is a field that is not asked for; the fields are: {', '.join(fields)}.")
    return {name: Secret(value.strip(_AROUND)) for name, value in found.items()}


def _in_object(text: str) -> dict[str, str]:
    try:
        content: Any = msgspec.json.decode(text.encode())
        return msgspec.convert(content, dict[str, str])
    except msgspec.MsgspecError:
        raise ValueUnsuitableError("The values are no JSON object of texts.") from None


def _in_lines(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.partition("=")
        if not equals:
            raise ValueUnsuitableError(f"Line {number} of the values is not NAME=value.")
        if name.strip() in found:
            raise ValueUnsuitableError(f"Line {number} of the values names a field that was there before.")
        found[name.strip()] = value
    return found


def require_suitable(values: Mapping[str, Secret], entry: Provider | None, host: str) -> None:
    """Refuse what the operator would refuse without sending it.

    Args:
        values: by field.
        entry: of the type; None if it is not known here.
        host: that the key would be sent to; some kinds of credential are wrong at one host only.

    Raises:
        ValueUnsuitableError: a value is empty, holds what no key has, or is another kind of credential.

    """
    for name, value in values.items():
        if not value.reveal():
            raise ValueUnsuitableError(f"The value of {name} is empty.")
        known = entry.secret_field(name) if entry else None
        if entry is None or known is None:
            continue
        alone = msgspec.structs.replace(entry, secret_fields=(known,))
        for candidate in candidates_of(KeyEntry(name), {name: value.reveal().encode()}, alone, host):
            if candidate.problem is Reason.WRONG_CREDENTIAL_TYPE:
                raise ValueUnsuitableError(
                    f"The value of {name} is another kind of credential than {entry.names.en} takes here. Create an "
                    f"API key at {entry.console.url or 'the provider'}."
                )
            if candidate.problem is not None:
                raise ValueUnsuitableError(f"The value of {name} is too long, or holds characters that no key has.")
