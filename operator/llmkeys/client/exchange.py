"""One question to the unsealer over HTTPS: its certificate proven, no proxy, no redirect, no answer without end."""

import http.client
import ssl
from dataclasses import dataclass, field
from typing import Final

from llmkeys.client.clock import Clock
from llmkeys.client.errors import (
    AnswerUnknownError,
    CertificateNotTrustedError,
    SettingsInvalidError,
    UnavailableError,
)
from llmkeys.client.settings import Unsealer

MAX_ANSWER: Final = 1024 * 1024
_CHUNK: Final = 64 * 1024


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; `retry_after` is the header's text."""

    status: int
    retry_after: str
    body: bytes = field(repr=False)


def post(unsealer: Unsealer, path: str, token: str, body: bytes, seconds: float, clock: Clock) -> Reply:
    """Send once, and read what comes.

    Args:
        unsealer: whom to ask.
        path: from the root.
        token: shown as bearer.
        body: JSON.
        seconds: after which nothing more is read.
        clock: what they are measured by.

    Raises:
        UnavailableError: nobody answered, or not in time, or not to the end.
        CertificateNotTrustedError: somebody else answered.
        AnswerUnknownError: the answer has no end in sight.
        SettingsInvalidError: the authorities are no certificates.

    """
    ends = clock.now() + seconds
    connection = http.client.HTTPSConnection(
        unsealer.host, unsealer.port, timeout=seconds, context=_context(unsealer.authorities)
    )
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json", "Accept": "application/json"}
    try:
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        return Reply(response.status, response.getheader("Retry-After", ""), _read(response, ends, clock))
    except ssl.SSLCertVerificationError as error:
        raise CertificateNotTrustedError(
            f"Who answers at {unsealer.address} has not proven to be the unsealer: {error.verify_message}. A pod keeps "
            "the CA bundle that it started with: if the unsealer's CA was changed, create the pod anew."
        ) from None
    except (OSError, http.client.HTTPException) as error:
        raise UnavailableError(
            f"The unsealer at {unsealer.address} does not answer: {_words(error)}. Does its Service have ready pods, "
            "and do network policies let this pod reach it?"
        ) from None
    finally:
        connection.close()


def _context(authorities: str) -> ssl.SSLContext:
    # Not create_default_context: that writes the session's keys to a file if SSLKEYLOGFILE says so.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_verify_locations(cadata=authorities)
    except (ssl.SSLError, ValueError):
        raise SettingsInvalidError("The CA bundle for the unsealer holds no certificates in PEM.") from None
    return context


def _read(response: http.client.HTTPResponse, ends: float, clock: Clock) -> bytes:
    body = bytearray()
    while chunk := response.read1(_CHUNK):
        body += chunk
        if len(body) > MAX_ANSWER:
            raise AnswerUnknownError("The unsealer's answer is over 1 MiB, which none is.")
        if clock.now() > ends:
            raise TimeoutError
    if response.length:
        raise http.client.IncompleteRead(b"", response.length)
    return bytes(body)


def _words(error: OSError | http.client.HTTPException) -> str:
    if isinstance(error, TimeoutError):
        return "it took too long"
    if isinstance(error, http.client.HTTPException):
        return "the connection ended before the answer did"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason or 'closed'})"
    return error.strerror or type(error).__name__
