import errno
import ssl

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from llmkeys.net.failure import failure_of
from llmkeys.net.network import AddressRefusedError
from llmkeys.probe.reply import Failure

KEY = ConnectionKey("api.example.com", 443, is_ssl=True, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None)


def caused_by(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


def connecting(number: int) -> Exception:
    return aiohttp.ClientConnectorError(KEY, OSError(number, "x"))


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (AddressRefusedError("loopback"), Failure.ADDRESS_BLOCKED),
        (aiohttp.InvalidURL("https://127.1"), Failure.ADDRESS_BLOCKED),
        (caused_by(aiohttp.ClientOSError(1, "alert"), ssl.SSLError(1, "alert")), Failure.TLS),
        (ssl.SSLError(1, "x"), Failure.TLS),
        (connecting(errno.ECONNREFUSED), Failure.CONNECT_REFUSED),
        (connecting(errno.EHOSTUNREACH), Failure.CONNECT_REFUSED),
        (connecting(errno.ETIMEDOUT), Failure.CONNECT_TIMEOUT),
        (connecting(errno.ECONNRESET), Failure.PROTOCOL),
        (aiohttp.ConnectionTimeoutError(), Failure.CONNECT_TIMEOUT),
        (aiohttp.SocketTimeoutError(), Failure.READ_TIMEOUT),
        (TimeoutError(), Failure.READ_TIMEOUT),
        (aiohttp.ServerDisconnectedError(), Failure.PROTOCOL),
        (aiohttp.ClientPayloadError(), Failure.PROTOCOL),
        (ConnectionResetError(), Failure.PROTOCOL),
        (KeyError("ours"), None),
        (ValueError("ours"), None),
    ],
)
def test_every_exception_of_the_transport_has_its_word_and_a_fault_of_ours_none(
    error: Exception, failure: Failure | None
) -> None:
    assert failure_of(error, proxied=False) is failure


def test_a_failed_look_up_or_connection_is_the_proxys_where_there_is_one() -> None:
    look_up = aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "x"))
    assert failure_of(look_up, proxied=False) is Failure.DNS
    assert failure_of(look_up, proxied=True) is Failure.PROXY
    assert failure_of(aiohttp.ClientProxyConnectionError(KEY, OSError(111, "x")), proxied=True) is Failure.PROXY
