from ipaddress import IPv4Address, IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.net.address import cleartext_refusal, refusal

NEVER = [
    "0.0.0.0",  # noqa: S104 - judged, never bound to
    "0.1.2.3",
    "169.254.169.254",
    "169.254.1.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "224.0.0.1",
    "239.255.255.255",
    "255.255.255.255",
    "::",
    "fe80::1",
    "fe80::a9fe:a9fe",
    "ff02::1",
    "fd00:ec2::254",
    "fd00:ec2::23",
    "fd20:ce::254",
    "::1%lo",
    "2606:4700::1%eth0",
]
PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "100.127.255.255",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "240.0.0.1",
    "::1",
    "fc00::1",
    "fd12:3456::1",
    "fec0::1",
    "2001:db8::1",
    "3fff::1",
    "4000::1",
    "100::1",
]
PUBLIC = ["1.1.1.1", "104.18.6.192", "172.32.0.1", "100.128.0.1", "169.253.1.1", "2606:4700::1111", "2a00:1450::1"]

any_ipv4 = st.integers(0, 2**32 - 1).map(IPv4Address)
interesting_ipv4 = st.one_of(any_ipv4, st.sampled_from([IPv4Address(a) for a in NEVER + PRIVATE + PUBLIC if "." in a]))
any_ipv6 = st.integers(0, 2**128 - 1).map(IPv6Address)

CARRIERS = {
    "mapped": lambda v4: IPv6Address((0xFFFF << 32) | int(v4)),
    "compatible": lambda v4: IPv6Address(int(v4)),
    "translated": lambda v4: IPv6Address((0xFFFF << 48) | int(v4)),
    "nat64": lambda v4: IPv6Address(int(IPv6Address("64:ff9b::")) | int(v4)),
    "local nat64": lambda v4: IPv6Address(int(IPv6Address("64:ff9b:1:ab::")) | int(v4)),
    "6to4": lambda v4: IPv6Address((0x2002 << 112) | (int(v4) << 80) | 1),
    "teredo client": lambda v4: IPv6Address(
        (0x20010000 << 96) | (int(IPv4Address("1.1.1.1")) << 64) | (int(v4) ^ 0xFFFFFFFF)
    ),
    "teredo server": lambda v4: IPv6Address(
        (0x20010000 << 96) | (int(v4) << 64) | (int(IPv4Address("1.1.1.1")) ^ 0xFFFFFFFF)
    ),
}


@pytest.mark.parametrize("address", NEVER)
def test_is_refused_even_where_private_addresses_are_allowed(address: str) -> None:
    assert refusal(ip_address(address), allow_private=True)
    assert refusal(ip_address(address), allow_private=False)


@pytest.mark.parametrize("address", PRIVATE)
def test_is_refused_unless_private_addresses_are_allowed(address: str) -> None:
    assert refusal(ip_address(address), allow_private=False)
    assert refusal(ip_address(address), allow_private=True) is None


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_admitted(address: str) -> None:
    assert refusal(ip_address(address), allow_private=False) is None
    assert refusal(ip_address(address), allow_private=True) is None


@pytest.mark.parametrize("address", PUBLIC)
def test_cleartext_to_a_public_address_is_refused_whatever_is_allowed(address: str) -> None:
    assert cleartext_refusal(ip_address(address), allow_private=True)


def test_cleartext_is_spoken_only_to_what_the_permission_admits() -> None:
    assert cleartext_refusal(ip_address("127.0.0.1"), allow_private=True) is None
    assert cleartext_refusal(ip_address("127.0.0.1"), allow_private=False)
    assert cleartext_refusal(ip_address("169.254.169.254"), allow_private=True)


@pytest.mark.parametrize("carrier", CARRIERS)
@given(v4=interesting_ipv4, allow_private=st.booleans())
def test_an_ipv4_address_inside_an_ipv6_one_is_judged_as_itself(
    carrier: str, v4: IPv4Address, allow_private: bool
) -> None:
    if carrier == "compatible" and int(v4) <= 1:
        return  # these two are :: and ::1
    assert refusal(CARRIERS[carrier](v4), allow_private) == refusal(v4, allow_private)


def test_a_local_nat64_prefix_of_another_length_is_refused_because_what_it_carries_is_unknown() -> None:
    assert refusal(IPv6Address("64:ff9b:1:7f00:0:100:808:808"), allow_private=True)


@given(any_ipv4)
def test_every_ipv4_address_that_python_calls_not_global_is_refused(address: IPv4Address) -> None:
    if not address.is_global:
        assert refusal(address, allow_private=False)


@given(st.one_of(any_ipv4, any_ipv6))
def test_allowing_private_addresses_never_refuses_more(address: IPv4Address | IPv6Address) -> None:
    if refusal(address, allow_private=True):
        assert refusal(address, allow_private=False)


@given(any_ipv6)
def test_outside_global_unicast_only_carried_addresses_are_admitted(address: IPv6Address) -> None:
    if int(address) >> 125 != 1 and int(address) >> 80 not in {0, 0x64FF9B0000, 0x64FF9B0001}:
        assert refusal(address, allow_private=False)
