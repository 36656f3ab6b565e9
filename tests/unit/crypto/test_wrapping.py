import base64
import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.crypto.errors import KekMalformedError, RingMalformedError, WrongKekError
from llmkeys.crypto.ring import Ring, ring_data, ring_from
from llmkeys.crypto.wrapping import Wrapper, is_wrapped, kek_from

KEK = bytes(range(224, 256))
WRAPPER = Wrapper(KEK)
DATA = ring_data(Ring.first("envelope", 0.0))
WRAPPED = WRAPPER.wrap(DATA, "envelope")


def test_a_wrapped_ring_is_unwrapped() -> None:
    assert is_wrapped(WRAPPED)
    assert not is_wrapped(DATA)
    assert ring_from(WRAPPER.unwrap(WRAPPED, "envelope")) == ring_from(DATA)


@given(st.dictionaries(st.text(max_size=9), st.binary(max_size=40), max_size=3))
def test_any_data_comes_back(data: dict[str, bytes]) -> None:
    assert WRAPPER.unwrap(WRAPPER.wrap(data, "mac"), "mac") == data


def test_the_first_form_of_the_mac_secret_can_be_wrapped() -> None:
    data = {"key": bytes(range(32)), "version": b"1"}
    assert WRAPPER.unwrap(WRAPPER.wrap(data, "mac"), "mac") == data


def test_two_wrappings_of_the_same_never_look_alike() -> None:
    assert WRAPPER.wrap(DATA, "envelope") != WRAPPED


def test_another_kek_or_another_purpose_does_not_open_it() -> None:
    with pytest.raises(WrongKekError):
        Wrapper(bytes(32)).unwrap(WRAPPED, "envelope")
    with pytest.raises(WrongKekError, match="sealing ring"):
        WRAPPER.unwrap(WRAPPED, "sealing")


def test_every_bit_counts() -> None:
    for bit in range(8 * len(WRAPPED["ring.enc"])):
        changed = bytearray(WRAPPED["ring.enc"])
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises((WrongKekError, RingMalformedError)):
            WRAPPER.unwrap({"ring.enc": bytes(changed)}, "envelope")


def test_what_is_cut_off_or_of_another_version_is_not_blamed_on_the_kek() -> None:
    wrapped = WRAPPED["ring.enc"]
    for content in (b"", wrapped[:40], b"\x02" + wrapped[1:]):
        with pytest.raises(RingMalformedError):
            WRAPPER.unwrap({"ring.enc": content}, "envelope")


@given(st.binary(max_size=80) | st.binary(max_size=80).map(lambda tail: b"\x01" + tail))
def test_any_bytes_are_refused(content: bytes) -> None:
    with pytest.raises((WrongKekError, RingMalformedError)):
        WRAPPER.unwrap({"ring.enc": content}, "envelope")


def test_what_is_not_wrapped_is_not_taken_for_it() -> None:
    with pytest.raises(RingMalformedError, match=r"ring\.enc"):
        WRAPPER.unwrap(DATA, "envelope")


@pytest.mark.parametrize(
    "content",
    [
        KEK,
        KEK.hex().encode(),
        KEK.hex().upper().encode() + b"\r\n",
        base64.b64encode(KEK) + b"\n",
        base64.b64encode(KEK).rstrip(b"="),
        base64.urlsafe_b64encode(KEK),
        b"  " + base64.urlsafe_b64encode(KEK).rstrip(b"=") + b"\n",
    ],
)
def test_a_kek_file_holds_bytes_or_hex_or_base64(content: bytes) -> None:
    assert kek_from(content) == KEK


@pytest.mark.parametrize(
    "content",
    [
        b"",
        KEK[:-1],
        KEK + b"\n",
        b"p" * 32,  # a passphrase
        b"p" * 31 + b"\n",
        bytes(16).hex().encode(),  # half a key in hex
        KEK.hex().encode()[:-1],
        base64.b64encode(KEK)[:-4],
        base64.b64encode(bytes(33)),
        b"canary-" * 9,
    ],
)
def test_anything_else_is_refused_and_not_shown(content: bytes) -> None:
    with pytest.raises(KekMalformedError, match="32 random bytes, or those as 64 hex") as refusal:
        kek_from(content)
    assert "canary" not in str(refusal.value)


def test_a_wrapper_needs_32_bytes_and_shows_none() -> None:
    with pytest.raises(KekMalformedError):
        Wrapper(KEK[:-1])
    assert f"{WRAPPER} {WRAPPER!r}" == "Wrapper(***) Wrapper(***)"
    with pytest.raises(TypeError):
        copy.copy(WRAPPER)
