import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.crypto.at_rest import OVERHEAD, key_id_at_rest, open_at_rest, seal_at_rest
from llmkeys.crypto.errors import DecryptFailedError, EnvelopeMalformedError, KeyRetiredError, KeyUnknownError
from llmkeys.crypto.header import Binding
from llmkeys.crypto.ring import Ring
from llmkeys.crypto.ring_keys import SealingKeys
from llmkeys.crypto.sealing import seal

RING = Ring.first("sealing", 0.0)
KEYS = SealingKeys(RING)


@given(st.binary(max_size=200), st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_it_opens_where_it_was_put(content: bytes, place: str) -> None:
    sealed = seal_at_rest(KEYS.active, place, content)
    assert open_at_rest(sealed, place, KEYS) == content
    assert key_id_at_rest(sealed) == RING.active.key_id
    assert len(sealed) == len(content) + OVERHEAD


def test_it_opens_nowhere_else() -> None:
    sealed = seal_at_rest(KEYS.active, "here", b"content")
    with pytest.raises(DecryptFailedError):
        open_at_rest(sealed, "there", KEYS)


def test_a_changed_one_opens_nowhere() -> None:
    sealed = bytearray(seal_at_rest(KEYS.active, "here", b"content"))
    sealed[-1] ^= 1
    with pytest.raises(DecryptFailedError):
        open_at_rest(bytes(sealed), "here", KEYS)


def test_the_key_that_it_is_sealed_to_must_be_there() -> None:
    sealed = seal_at_rest(KEYS.active, "here", b"content")
    with pytest.raises(KeyUnknownError):
        open_at_rest(sealed, "here", SealingKeys(Ring.first("sealing", 1.0)))
    later = RING.rotate(1.0)
    assert open_at_rest(sealed, "here", SealingKeys(later)) == b"content"
    with pytest.raises(KeyRetiredError):
        open_at_rest(sealed, "here", SealingKeys(later.retire(RING.active.key_id)))


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x02" + bytes(2000), b"\x01" + b"g" * 2000])
def test_what_is_none_is_refused(sealed: bytes) -> None:
    with pytest.raises(EnvelopeMalformedError):
        open_at_rest(sealed, "here", KEYS)


def test_what_a_person_sealed_is_none() -> None:
    binding = Binding("seal", "credential", "team", "chat", "apiKey", "any", "any")
    with pytest.raises(EnvelopeMalformedError):
        open_at_rest(seal(KEYS.active, binding, b"key").encode(), "here", KEYS)
