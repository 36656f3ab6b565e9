"""The header block of a request, the one place where secret headers are revealed."""

import re
from typing import Final

from multidict import CIMultiDict

from llmkeys import __version__
from llmkeys.probe.request import ProbeRequest

USER_AGENT: Final = f"llmkeys/{__version__}"

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+\Z")  # RFC 9110, token
_VALUE: Final = re.compile(r"[ -~]*\Z")
# They frame the message or choose the tenant behind a shared address: the client's to set, nobody else's.
_OURS: Final = frozenset(
    {
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


def header_block(request: ProbeRequest) -> CIMultiDict[str]:
    """Assemble the headers that are written to the socket.

    Raises:
        ValueError: a name or value cannot be sent; the text names the header, never its value.

    """
    block = CIMultiDict[str]()
    if request.body or request.secret_body:
        block["Content-Type"] = "application/json"
    for name, value in request.headers:
        block[_sendable_name(name)] = _sendable(name, value)
    for name, secret in request.secret_headers:
        block[_sendable_name(name)] = _sendable(name, secret.reveal())
    block["User-Agent"] = USER_AGENT
    # An encoded body would have to be expanded to be read, and a few bytes can expand to a great many.
    block["Accept-Encoding"] = "identity"
    return block


def body_of(request: ProbeRequest) -> bytes:
    """The body, revealed if it is secret; empty if there is none."""
    return request.secret_body.reveal().encode() if request.secret_body else request.body


def query_pairs(request: ProbeRequest) -> list[tuple[str, str]]:
    """Reveal the secret parameters of the URL.

    Raises:
        ValueError: a value cannot be sent; the text names the parameter, never its value.

    """
    return [(name, _sendable(name, secret.reveal())) for name, secret in request.secret_query]


def _sendable_name(name: str) -> str:
    if not _NAME.match(name):
        raise ValueError("a header's name holds characters that no header may have")
    if name.lower() in _OURS:
        raise ValueError(f"the header {name!r} is set by the client alone")
    return name


def _sendable(name: str, value: str) -> str:
    if not _VALUE.match(value):
        raise ValueError(f"the value for {name!r} holds control or non-ASCII characters")
    return value
