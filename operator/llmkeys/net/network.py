"""How a provider is reached, and which of its URLs may be opened at all before any name is looked up."""

import re
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from yarl import URL

from llmkeys.net.address import Address, cleartext_refusal, refusal

# What inet_aton takes for an address although it is not written as one: 127.1, 0177.0.0.1, 2130706433, 0x7f.0.0.1.
_NUMERIC_LABEL: Final = re.compile(r"(?:0x[0-9a-f]*|[0-9]+)\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Network:
    """The provider's `network` block; equal values share connections.

    Args:
        ca_bundle: PEM certificates that are trusted instead of the system's, None for the system's.
        proxy: URL of an HTTP proxy without userinfo, None to connect directly. The environment's proxies never count.
        allow_private: loopback, private and reserved addresses may be connected to, and plain http spoken to them.

    """

    ca_bundle: str | None = field(default=None, repr=False)
    proxy: str | None = None
    allow_private: bool = False


class AddressRefusedError(Exception):
    """The address guard refuses a connection. Who can help: whoever owns the LLMProvider."""


@dataclass(frozen=True, slots=True)
class Target:
    """A URL that passed every check that needs no name resolution.

    Args:
        url: as it will be requested, without the secret query.
        cleartext: no TLS protects the key on its way, so that only private addresses will do.

    """

    url: URL
    cleartext: bool


@lru_cache(maxsize=1024)
def check_target(url: str, network: Network) -> Target:
    """Parse a request's URL with the parser that also connects, and judge its scheme and host.

    Args:
        url: absolute, http or https, without userinfo.
        network: decides about private addresses and plain http.

    Raises:
        AddressRefusedError: the URL cannot be opened under any answer of a name server.

    """
    parsed = _parse(url)
    cleartext = parsed.scheme == "http"
    if cleartext and not network.allow_private:
        raise AddressRefusedError("plain http")
    address = _check_host(parsed, cleartext, network.allow_private)
    if cleartext and network.proxy is not None and address is None:
        # The proxy would resolve the name, so nobody here can say that the key stays on a private network.
        raise AddressRefusedError("plain http through a proxy")
    return Target(parsed, cleartext)


@lru_cache(maxsize=128)
def check_proxy(proxy: str, cleartext: bool, allow_private: bool) -> URL:
    """Parse a proxy's URL and judge its host as that of any other connection.

    Args:
        proxy: `http://host:port` or `https://host:port`.
        cleartext: the proxy will see the key, because the target speaks plain http.
        allow_private: the provider's `allowPrivateAddresses`.

    Raises:
        AddressRefusedError: the proxy cannot be connected to.

    """
    parsed = _parse(proxy)
    _check_host(parsed, cleartext, allow_private)
    return parsed


def _parse(url: str) -> URL:
    try:
        parsed = URL(url)
    except ValueError:
        raise AddressRefusedError("not a URL") from None
    if parsed.scheme not in {"http", "https"} or not parsed.raw_host:
        raise AddressRefusedError("not an http URL")
    if parsed.raw_user is not None or parsed.raw_password is not None:
        raise AddressRefusedError("userinfo in the URL")
    return parsed


def _check_host(url: URL, cleartext: bool, allow_private: bool) -> Address | None:
    """Judge a literal address, which no resolver will see; give it back, or None for a name."""
    host = (url.raw_host or "").rstrip(".")
    try:
        address = ip_address(host)
    except ValueError:
        _check_name(host, allow_private)
        return None
    if why := judge(address, cleartext, allow_private):
        raise AddressRefusedError(why)
    return address


def _check_name(host: str, allow_private: bool) -> None:
    last = host.rpartition(".")[2].lower()
    if not last or _NUMERIC_LABEL.match(last):
        raise AddressRefusedError("oddly written address")
    # A proxy would look this name up on its own machine, out of the guard's sight (RFC 6761).
    if last == "localhost" and not allow_private:
        raise AddressRefusedError("loopback")


def judge(address: Address, cleartext: bool, allow_private: bool) -> str | None:
    """Say why this address may not be connected to in this way, or None.

    Args:
        address: resolved or literal.
        cleartext: no TLS will protect the key.
        allow_private: the provider's `allowPrivateAddresses`.

    """
    return cleartext_refusal(address, allow_private) if cleartext else refusal(address, allow_private)
