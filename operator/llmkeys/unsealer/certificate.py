"""The serving certificate: read from its Secret, renewed under a running server, never on a disk."""

import hashlib
import os
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import structlog
from cryptography import x509

from llmkeys.api.durations import rfc3339
from llmkeys.api.errors import PlatformError
from llmkeys.api.names import UNSEALER_TLS_SECRET
from llmkeys.unsealer.ring import ReadSecret

log = structlog.get_logger(__name__)

_CERTIFICATE: Final = "tls.crt"
_PRIVATE_KEY: Final = "tls.key"


class CertificateUnusableError(PlatformError):
    """The Secret with the certificate is missing, or what it holds cannot be served."""


class ServingCertificate:
    """Keeps a TLS context up to date; connections made after a renewal get the new certificate.

    Args:
        read: reads the Secret.

    """

    def __init__(self, read: ReadSecret) -> None:
        self._read: Final = read
        self._digest = b""
        self.context: Final = _context()
        self.not_after = 0.0
        """Epoch seconds at which the certificate ends; 0 before there is one."""

    @property
    def ready(self) -> bool:
        return bool(self._digest)

    async def load(self) -> bool:
        """Read it; if that fails, what was read before stays. Gives whether it is another one.

        Raises:
            CertificateUnusableError: there is none, or certificate and key do not fit.
            RetryableError: the API server is away.

        """
        data = await self._read(UNSEALER_TLS_SECRET)
        if data is None:
            raise CertificateUnusableError(f"Secret {UNSEALER_TLS_SECRET} is not there; the controller makes it.")
        digest = hashlib.sha256(b"\0".join((data.get(_CERTIFICATE, b""), data.get(_PRIVATE_KEY, b"")))).digest()
        if digest == self._digest:
            return False
        self.not_after = _serve(data, self.context)
        self._digest = digest
        log.info("serving certificate read", not_after=rfc3339(self.not_after))
        return True


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    # A pod connects once; tickets would be made for nobody.
    context.num_tickets = 0
    return context


def _serve(data: Mapping[str, bytes], context: ssl.SSLContext) -> float:
    try:
        with _readable(data[_CERTIFICATE]) as certificate, _readable(data[_PRIVATE_KEY]) as private_key:
            # A pair that does not fit would leave a context with the one half of it.
            _context().load_cert_chain(certificate, private_key)
            context.load_cert_chain(certificate, private_key)
        return x509.load_pem_x509_certificate(data[_CERTIFICATE]).not_valid_after_utc.timestamp()
    except (KeyError, ValueError, ssl.SSLError):
        raise CertificateUnusableError(
            f"Secret {UNSEALER_TLS_SECRET} does not hold a certificate and its private key in PEM "
            f"({_CERTIFICATE}, {_PRIVATE_KEY}). Delete it; the controller makes another."
        ) from None


@contextmanager
def _readable(content: bytes) -> Iterator[str]:
    """A path from which OpenSSL, which takes nothing else, can read what is in memory only."""
    descriptor = os.memfd_create("certificate", os.MFD_CLOEXEC)
    try:
        os.write(descriptor, content)
        yield f"/proc/self/fd/{descriptor}"
    finally:
        os.close(descriptor)
