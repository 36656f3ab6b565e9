import copy
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.crypto.errors import DecryptFailedError, PrivateKeyMalformedError, PublicKeyMalformedError
from llmkeys.crypto.keypair import PUBLIC_BYTES, PrivateKey, PublicKey

SEED = bytes(range(32))
PAIR = PrivateKey(SEED)
PUBLIC = PAIR.public


def test_a_key_pair_is_its_seed() -> None:
    again = PrivateKey.generate(lambda size: SEED[:size])
    assert again.public == PUBLIC
    assert again.seed == SEED
    assert len(PUBLIC.raw) == PUBLIC_BYTES
    assert PrivateKey.generate().public != PUBLIC


@pytest.mark.parametrize("size", [0, 31, 33, 96])
def test_a_seed_has_32_bytes(size: int) -> None:
    with pytest.raises(PrivateKeyMalformedError):
        PrivateKey(bytes(size))


def test_the_texts_of_keys_are_read_back_however_yaml_folds_them() -> None:
    assert PublicKey.parse(PUBLIC.text()) == PUBLIC
    assert PublicKey.parse(f" {PUBLIC.text()[:70]}\n {PUBLIC.text()[70:]}\n") == PUBLIC
    assert PrivateKey.parse(PAIR.reveal() + "\n").public == PUBLIC
    assert PUBLIC.text().isascii()
    assert len(PUBLIC.text().splitlines()) == 1


@given(st.text(max_size=60) | st.binary(max_size=40).map(lambda raw: "llmkeys-public-1:" + raw.hex()))
def test_no_other_text_is_a_public_key(text: str) -> None:
    with pytest.raises(PublicKeyMalformedError):
        PublicKey.parse(text)


@pytest.mark.parametrize("text", ["", "llmkeys-private-1:", "llmkeys-private-1:c2stY2FuYXJ5", "sk-canary", "\ud800"])
def test_what_is_no_private_key_is_not_shown(text: str) -> None:
    with pytest.raises(PrivateKeyMalformedError) as refusal:
        PrivateKey.parse(text)
    assert refusal.value.__cause__ is None
    assert not text or text not in str(refusal.value).replace("'llmkeys-private-1:<base64url>'", "")


def test_bytes_outside_the_field_are_no_public_key() -> None:
    with pytest.raises(PublicKeyMalformedError):
        PublicKey(b"\xff" * PUBLIC_BYTES)
    with pytest.raises(PublicKeyMalformedError, match="1216 bytes"):
        PublicKey(PUBLIC.raw + b"\0")


def test_a_key_without_its_form_is_not_guessed_at() -> None:
    with pytest.raises(PublicKeyMalformedError):
        PublicKey.parse(PUBLIC.text().removeprefix("llmkeys-public-1:"))
    with pytest.raises(PrivateKeyMalformedError):
        PrivateKey.parse(PAIR.reveal().removeprefix("llmkeys-private-1:"))


@pytest.mark.parametrize("point", [bytes(32), bytes([1]) + bytes(31), bytes.fromhex("ec" + "ff" * 30 + "7f")])
def test_a_point_of_small_order_is_no_public_key(point: bytes) -> None:
    with pytest.raises(PublicKeyMalformedError):
        PublicKey(PUBLIC.raw[:-32] + point)


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_what_was_encrypted_opens_with_the_same_info_only(plaintext: bytes, info: bytes) -> None:
    ciphertext = PUBLIC.encrypt(info, plaintext)
    assert PAIR.decrypt(info, ciphertext) == plaintext
    assert len(ciphertext) == 1120 + len(plaintext) + 16
    with pytest.raises(DecryptFailedError):
        PAIR.decrypt(info + b"\0", ciphertext)


@given(st.binary(max_size=40) | st.binary(min_size=1120, max_size=1200))
def test_any_other_bytes_do_not_open(ciphertext: bytes) -> None:
    with pytest.raises(DecryptFailedError):
        PAIR.decrypt(b"", ciphertext)


def test_an_encapsulated_point_of_small_order_does_not_open() -> None:
    ciphertext = PUBLIC.encrypt(b"", b"plaintext")
    with pytest.raises(DecryptFailedError):
        PAIR.decrypt(b"", ciphertext[:1088] + bytes(32) + ciphertext[1120:])


def test_a_private_key_shows_itself_to_nobody() -> None:
    shown = f"{PAIR} {PAIR!r} {[PAIR]}"
    assert SEED.hex() not in shown
    assert PAIR.reveal() not in shown
    assert PUBLIC.key_id in shown
    for attempt in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError):
            attempt(PAIR)


def test_equality_of_private_keys_is_left_to_identity() -> None:
    assert PrivateKey(SEED) != PrivateKey(SEED)
