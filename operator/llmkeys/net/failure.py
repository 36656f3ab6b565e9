"""What an exception of the transport means, as one of the catalogue's words. The exception's text stays behind."""

import asyncio
import ssl

import aiohttp

from llmkeys.net.network import AddressRefusedError
from llmkeys.probe.reply import Failure


def failure_of(error: Exception, proxied: bool) -> Failure | None:
    """Translate an exception, or give None if it is no failure of the transport but a fault of ours.

    Args:
        error: what aiohttp, ssl, asyncio or the operating system raised.
        proxied: connections were made to a proxy, so that a failed one is the proxy's.

    """
    if isinstance(error, AddressRefusedError | aiohttp.InvalidURL):
        return Failure.ADDRESS_BLOCKED
    if _is_tls(error):
        return Failure.TLS
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return Failure.PROXY if proxied else Failure.DNS
    if isinstance(error, aiohttp.ClientProxyConnectionError | aiohttp.ClientHttpProxyError):
        return Failure.PROXY
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return Failure.CONNECT_TIMEOUT
    if isinstance(error, aiohttp.ClientConnectorError):
        return _of_connecting(error.os_error)
    if isinstance(error, asyncio.TimeoutError):
        return Failure.READ_TIMEOUT
    if isinstance(error, aiohttp.ClientError | OSError):
        return Failure.PROTOCOL
    return None


def _is_tls(error: Exception) -> bool:
    # A refusal that comes after the handshake (TLS 1.3 client certificates) arrives wrapped, with the cause attached.
    return isinstance(error, aiohttp.ClientSSLError | ssl.SSLError) or isinstance(error.__cause__, ssl.SSLError)


def _of_connecting(error: OSError) -> Failure:
    if isinstance(error, TimeoutError):
        return Failure.CONNECT_TIMEOUT
    if isinstance(error, ConnectionResetError | ConnectionAbortedError | BrokenPipeError):
        return Failure.PROTOCOL  # it listened, then hung up during the handshake
    return Failure.CONNECT_REFUSED
