"""Which addresses a key may be sent to: a pure judgement of one resolved address.

The ranges are those of the IANA special-purpose address registries (RFC 6890) and the metadata services that the large
clouds document. They are listed here, because `ipaddress.is_global` changes between Python releases and calls a NAT64
address of a loopback global.
"""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

Address = IPv4Address | IPv6Address

# Nobody runs a provider here, and much of it answers anyone with credentials: refused whatever the provider allows.
_NEVER_4: Final = tuple(
    (word, IPv4Network(network))
    for word, network in (
        ("metadata", "169.254.169.254/32"),
        ("metadata", "100.100.100.200/32"),  # Alibaba Cloud
        ("metadata", "168.63.129.16/32"),  # Azure's wire server
        ("metadata", "192.0.0.192/32"),  # Oracle Cloud
        ("link-local", "169.254.0.0/16"),
        ("unspecified", "0.0.0.0/8"),
        ("multicast", "224.0.0.0/4"),
        ("broadcast", "255.255.255.255/32"),
    )
)
_NEVER_6: Final = tuple(
    (word, IPv6Network(network))
    for word, network in (
        ("metadata", "fd00:ec2::/32"),  # AWS: metadata, pod identity, DNS and time
        ("metadata", "fd20:ce::254/128"),  # Google Cloud
        ("metadata", "fd00:42::42/128"),  # Scaleway
        ("link-local", "fe80::/10"),
        ("unspecified", "::/128"),
        ("multicast", "ff00::/8"),
    )
)
_PRIVATE_4: Final = tuple(
    (word, IPv4Network(network))
    for word, network in (
        ("loopback", "127.0.0.0/8"),
        ("private", "10.0.0.0/8"),
        ("private", "172.16.0.0/12"),
        ("private", "192.168.0.0/16"),
        ("shared (carrier-grade NAT)", "100.64.0.0/10"),
        ("reserved", "192.0.0.0/24"),
        ("reserved", "192.0.2.0/24"),
        ("reserved", "192.88.99.0/24"),
        ("reserved", "198.18.0.0/15"),
        ("reserved", "198.51.100.0/24"),
        ("reserved", "203.0.113.0/24"),
        ("reserved", "240.0.0.0/4"),
    )
)
_PRIVATE_6: Final = tuple(
    (word, IPv6Network(network))
    for word, network in (
        ("loopback", "::1/128"),
        ("private", "fc00::/7"),
        ("private", "fec0::/10"),
        ("reserved", "2001::/23"),
        ("reserved", "2001:db8::/32"),
        ("reserved", "3fff::/20"),
    )
)
_GLOBAL_UNICAST: Final = IPv6Network("2000::/3")

_CARRIERS_OF_LAST_32_BITS: Final = tuple(
    IPv6Network(network)
    for network in (
        "::ffff:0:0/96",  # IPv4-mapped
        "::ffff:0:0:0/96",  # IPv4-translated (RFC 2765)
        "64:ff9b::/96",  # NAT64 (RFC 6052)
        "::/96",  # IPv4-compatible
    )
)
_LOCAL_NAT64: Final = IPv6Network("64:ff9b:1::/48")
_LAST_32_BITS: Final = 0xFFFFFFFF


def refusal(address: Address, allow_private: bool) -> str | None:
    """Say why no connection may be opened to this address, or None if one may.

    Args:
        address: resolved or literal; an IPv4 address carried in an IPv6 one is judged as what it carries.
        allow_private: the provider's `allowPrivateAddresses`. Metadata services, link-local, multicast and unspecified
            addresses stay refused.

    Returns:
        One or two words for the kind of address, or None.

    """
    if isinstance(address, IPv4Address):
        return _refusal_4(address, allow_private)
    if address.scope_id is not None:
        return "scoped"
    if int(address) <= 1:
        return _refusal_6(address, allow_private)  # `::` and `::1` are themselves, not IPv4-compatible addresses
    if address in _LOCAL_NAT64 and int(address) >> 32 & _LAST_32_BITS:
        # Other than the /96 layout of RFC 6052 cannot be told apart from it, so what it carries is not known.
        return "reserved"
    carried = _carried(address)
    if not carried:
        return _refusal_6(address, allow_private)
    return next((why for inner in carried if (why := _refusal_4(inner, allow_private))), None)


def cleartext_refusal(address: Address, allow_private: bool) -> str | None:
    """Say why plain http may not be spoken to this address: only what `allow_private` alone admits is near enough.

    Args:
        address: resolved or literal.
        allow_private: the provider's `allowPrivateAddresses`.

    Returns:
        One or two words, or None.

    """
    if refusal(address, allow_private=False) is None:
        return "public without TLS"
    return refusal(address, allow_private)


def _refusal_4(address: IPv4Address, allow_private: bool) -> str | None:
    for word, network in _NEVER_4 if allow_private else _NEVER_4 + _PRIVATE_4:
        if address in network:
            return word
    return None


def _refusal_6(address: IPv6Address, allow_private: bool) -> str | None:
    for word, network in _NEVER_6 if allow_private else _NEVER_6 + _PRIVATE_6:
        if address in network:
            return word
    if allow_private or address in _GLOBAL_UNICAST:
        return None
    return "reserved"


def _carried(address: IPv6Address) -> tuple[IPv4Address, ...]:
    """Name the IPv4 addresses that a packet to this IPv6 address may end at."""
    if address.sixtofour is not None:
        return (address.sixtofour,)
    if address.teredo is not None:
        return address.teredo
    if address in _LOCAL_NAT64 or any(address in network for network in _CARRIERS_OF_LAST_32_BITS):
        return (IPv4Address(int(address) & _LAST_32_BITS),)
    return ()
