"""The body of a request to open an envelope."""

import re
from dataclasses import dataclass
from typing import Final

import msgspec

from llmkeys.crypto.envelope import EnvelopeHeader, envelope_header
from llmkeys.crypto.errors import EnvelopeMalformedError
from llmkeys.unsealer.refusal import Reason, Refusal

MAX_BODY: Final = 256 * 1024
# RFC 1123 subdomain, as names of objects are; nothing else may become part of a path.
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_MAX_NAME: Final = 253


class _Body(msgspec.Struct):
    credential: str
    envelope: str


_body = msgspec.json.Decoder(_Body)


@dataclass(frozen=True, slots=True)
class Call:
    """What is to be opened.

    Args:
        credential: name of the LLMCredential; the namespace is the caller's.
        envelope: its text.
        header: of the envelope, not proven yet.

    """

    credential: str
    envelope: str
    header: EnvelopeHeader


def call_from(body: bytes) -> Call | Refusal:
    """The request in a body of at most `MAX_BODY` bytes."""
    if len(body) > MAX_BODY:
        return too_large()
    try:
        found = _body.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return _malformed('The body must be JSON: {"credential": "<name of the LLMCredential>", "envelope": "<text>"}.')
    if len(found.credential) > _MAX_NAME or not _NAME.fullmatch(found.credential):
        return _malformed("'credential' is not the name of an LLMCredential.")
    try:
        header = envelope_header(found.envelope)
    except EnvelopeMalformedError as error:
        return _malformed(f"'envelope' is not what the generated Secret holds under its key envelope. {error}")
    return Call(found.credential, found.envelope, header)


def too_large() -> Refusal:
    """More than any envelope takes."""
    return Refusal(Reason.TOO_LARGE, f"The body may have at most {MAX_BODY // 1024} KiB.")


def _malformed(message: str) -> Refusal:
    return Refusal(Reason.MALFORMED, message)
