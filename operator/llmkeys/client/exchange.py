"""Questions to the unsealer over HTTPS: its certificate proven, no proxy, no redirect, no answer without end."""

import http.client
import ssl
from contextlib import closing
from dataclasses import dataclass, field
from typing import Final, Protocol

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


class Post(Protocol):
    """Sends a question once, and reads what comes.

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

    def __call__(
        self, unsealer: Unsealer, path: str, token: str, body: bytes, seconds: float, clock: Clock
    ) -> Reply: ...


def post(unsealer: Unsealer, path: str, token: str, body: bytes, seconds: float, clock: Clock) -> Reply:
    """`Post` over a connection of its own."""
    with closing(KeptConnection()) as connection:
        return connection.post(unsealer, path, token, body, seconds, clock)


class KeptConnection:
    """Asks one question after the other over one connection: the handshake costs more than an answer.

    The unsealer ends a connection that is idle for some seconds; whoever stops asking closes it.
    """

    def __init__(self) -> None:
        self._unsealer: Unsealer | None = None
        self._connection: http.client.HTTPSConnection | None = None

    def post(self, unsealer: Unsealer, path: str, token: str, body: bytes, seconds: float, clock: Clock) -> Reply:
        """`Post` over the connection that there is, else over a new one."""
        if unsealer != self._unsealer:
            self.close()
        question = _Question(path, token, body)
        try:
            if self._connection is not None:
                try:
                    return _ask(self._connection, question, seconds, clock)
                except _ENDED_BEFORE:
                    self.close()
            self._unsealer, self._connection = unsealer, _connection(unsealer)
            return _ask(self._connection, question, seconds, clock)
        except ssl.SSLCertVerificationError as error:
            self.close()
            raise CertificateNotTrustedError(
                f"Who answers at {unsealer.address} has not proven to be the unsealer: {error.verify_message}. A pod "
                "keeps the CA bundle that it started with: if the unsealer's CA was changed, create the pod anew."
            ) from None
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise UnavailableError(
                f"The unsealer at {unsealer.address} does not answer: {_words(error)}. Does its Service have ready "
                "pods, and do network policies let this pod reach it?"
            ) from None
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the connection, if there is one."""
        if self._connection is not None:
            self._connection.close()
        self._unsealer = self._connection = None


@dataclass(frozen=True, slots=True)
class _Question:
    path: str
    token: str = field(repr=False)
    body: bytes = field(repr=False)


# What a connection gives that the other side had ended while nothing was asked.
_ENDED_BEFORE: Final = (ConnectionError, ssl.SSLEOFError, ssl.SSLZeroReturnError)


def _connection(unsealer: Unsealer) -> http.client.HTTPSConnection:
    return http.client.HTTPSConnection(unsealer.host, unsealer.port, context=_context(unsealer.authorities))


def _ask(connection: http.client.HTTPSConnection, question: _Question, seconds: float, clock: Clock) -> Reply:
    ends = clock.now() + seconds
    connection.timeout = seconds
    if connection.sock is not None:
        connection.sock.settimeout(seconds)
    headers = {
        "Authorization": f"Bearer {question.token}",
        "Content-Type": "application/json",
        "Accept": "application/json",
    }
    connection.request("POST", question.path, question.body, headers)
    with connection.getresponse() as response:
        return Reply(response.status, response.getheader("Retry-After", ""), _read(response, ends, clock))


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
