from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.crypto import armour
from llmkeys.crypto.errors import (
    DecryptFailedError,
    EnvelopeMalformedError,
    KeyRetiredError,
    KeyUnknownError,
    PlaintextTooLargeError,
)
from llmkeys.crypto.header import Binding, Header
from llmkeys.crypto.sealing import PrivateKey, header_of, open_sealed, seal

PAIR = PrivateKey(bytes(range(32)))
OTHER = PrivateKey(bytes(32))
BINDING = Binding("seal", "credential", "team-a", "chat", "apiKey", "https://api.openai.com:443", "envelope")
CANARY = b"sk-canary-1234"
SEALED = seal(PAIR.public, BINDING, CANARY)


def keys(*pairs: PrivateKey) -> Callable[[str], PrivateKey]:
    ring = {pair.public.key_id: pair for pair in pairs}

    def find(key_id: str) -> PrivateKey:
        if key_id not in ring:
            raise KeyUnknownError(key_id)
        return ring[key_id]

    return find


@given(st.binary(max_size=2000))
def test_what_was_sealed_opens(plaintext: bytes) -> None:
    text = seal(PAIR.public, BINDING, plaintext)
    assert header_of(text) == Header(PAIR.public.key_id, BINDING)
    assert open_sealed(text, keys(PAIR, OTHER)) == plaintext


def test_two_of_the_same_never_look_alike() -> None:
    assert seal(PAIR.public, BINDING, CANARY) != SEALED


def test_it_opens_however_yaml_folds_it() -> None:
    folded = "\n  ".join(SEALED[at : at + 76] for at in range(0, len(SEALED), 76))
    assert open_sealed(folded + "\n", keys(PAIR)) == CANARY


@given(st.text(max_size=200) | st.text("ABQg._-", max_size=60).map(lambda tail: "llmkeys1." + tail))
def test_any_text_is_malformed(text: str) -> None:
    for read in (header_of, lambda text: open_sealed(text, keys(PAIR))):
        with pytest.raises(EnvelopeMalformedError):
            read(text)


def flipped(content: bytes, bit: int) -> bytes:
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_every_bit_of_the_header_counts() -> None:
    header, ciphertext = armour.read("llmkeys1", SEALED)
    for bit in range(8 * len(header)):
        text = armour.write("llmkeys1", flipped(header, bit), ciphertext)
        with pytest.raises((EnvelopeMalformedError, DecryptFailedError)):
            open_sealed(text, lambda _: PAIR)


def test_every_byte_of_the_ciphertext_counts() -> None:
    header, ciphertext = armour.read("llmkeys1", SEALED)
    for byte in range(len(ciphertext)):
        text = armour.write("llmkeys1", header, flipped(ciphertext, 8 * byte + byte % 8))
        with pytest.raises(DecryptFailedError):
            open_sealed(text, keys(PAIR))


@pytest.mark.parametrize("cut", [1, 16, 17, 1000, 1150])
def test_a_ciphertext_that_is_cut_off_does_not_open(cut: int) -> None:
    header, ciphertext = armour.read("llmkeys1", SEALED)
    with pytest.raises(DecryptFailedError):
        open_sealed(armour.write("llmkeys1", header, ciphertext[:-cut]), keys(PAIR))


@pytest.mark.parametrize(
    "changed",
    [
        {"namespace": "team-b"},
        {"name": "other"},
        {"field": "secret"},
        {"audience": "https://evil:443"},
        {"audience": "any"},
        {"delivery": "any"},
        {"scope": "namespace", "name": ""},
        {"purpose": "recipient"},
    ],
)
def test_a_header_that_was_made_wider_opens_nothing(changed: dict[str, str]) -> None:
    _, ciphertext = armour.read("llmkeys1", SEALED)
    header = Header(PAIR.public.key_id, replace(BINDING, **changed)).encode()
    with pytest.raises(DecryptFailedError):
        open_sealed(armour.write("llmkeys1", header, ciphertext), keys(PAIR))


def test_the_key_id_is_bound_too() -> None:
    _, ciphertext = armour.read("llmkeys1", SEALED)
    text = armour.write("llmkeys1", Header(OTHER.public.key_id, BINDING).encode(), ciphertext)
    with pytest.raises(DecryptFailedError):
        open_sealed(text, lambda _: PAIR)


def test_what_the_ring_says_of_the_key_is_passed_on() -> None:
    def retired(key_id: str) -> PrivateKey:
        raise KeyRetiredError(key_id)

    with pytest.raises(KeyUnknownError, match=PAIR.public.key_id):
        open_sealed(SEALED, keys(OTHER))
    with pytest.raises(KeyRetiredError, match=PAIR.public.key_id):
        open_sealed(SEALED, retired)


def test_what_would_be_too_long_to_open_is_not_sealed() -> None:
    with pytest.raises(PlaintextTooLargeError):
        seal(PAIR.public, BINDING, bytes(armour.MAX_TEXT))


def test_an_envelope_for_workloads_is_no_sealed_value() -> None:
    header, ciphertext = armour.read("llmkeys1", SEALED)
    with pytest.raises(EnvelopeMalformedError):
        open_sealed(armour.write("llmkeysE1", header, ciphertext), keys(PAIR))


def test_no_refusal_shows_the_plaintext_or_the_key() -> None:
    with pytest.raises(DecryptFailedError) as refusal:
        open_sealed(SEALED[:-4] + "AAAA", keys(PAIR))
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__
    assert CANARY.decode() not in str(refusal.value)
