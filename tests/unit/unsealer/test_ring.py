from collections.abc import Mapping

import pytest

from llmkeys.api.errors import LlmkeysError
from llmkeys.api.names import ENVELOPE_SECRET
from llmkeys.crypto.errors import RingMalformedError, WrongKekError
from llmkeys.crypto.ring import Ring, ring_data
from llmkeys.crypto.wrapping import Wrapper
from llmkeys.engine.effects import ApiUnavailableError
from llmkeys.unsealer.ring import EnvelopeRing, RingUnavailableError

RING = Ring.first("envelope", 0.0)
WRAPPER = Wrapper(b"k" * 32)


class Held:
    def __init__(self, data: Mapping[str, bytes] | None, wrapper: Wrapper | None = None) -> None:
        self.data = data
        self.asked: list[str] = []
        self.now = 0.0
        self.ring = EnvelopeRing(self._read, wrapper, lambda: self.now)

    async def _read(self, name: str) -> Mapping[str, bytes] | None:
        self.asked.append(name)
        return self.data


async def test_it_reads_its_own_secret_and_no_other() -> None:
    held = Held(ring_data(RING))
    await held.ring.load()
    assert held.ring.ready
    assert held.asked == [ENVELOPE_SECRET]
    assert (await held.ring.roots(RING.active.key_id)).active.key_id == RING.active.key_id


async def test_a_wrapped_ring_is_unwrapped() -> None:
    held = Held(WRAPPER.wrap(ring_data(RING), "envelope"), WRAPPER)
    await held.ring.load()
    assert held.ring.ready


@pytest.mark.parametrize(
    ("data", "wrapper", "error", "words"),
    [
        (None, None, RingUnavailableError, "llmkeys keys restore"),
        (WRAPPER.wrap(ring_data(RING), "envelope"), None, RingUnavailableError, "--keyring-kek"),
        (WRAPPER.wrap(ring_data(RING), "envelope"), Wrapper(b"x" * 32), WrongKekError, "another key-encryption key"),
        ({}, None, RingMalformedError, "ring.json"),
        ({"ring.json": b"{"}, None, RingMalformedError, "ring.json"),
        (ring_data(Ring.first("mac", 0.0)), None, RingMalformedError, "purpose"),
    ],
)
async def test_a_ring_that_cannot_be_used_says_what_to_do(
    data: Mapping[str, bytes] | None, wrapper: Wrapper | None, error: type[LlmkeysError], words: str
) -> None:
    held = Held(data, wrapper)
    with pytest.raises(error, match=words):
        await held.ring.load()
    assert not held.ring.ready


@pytest.mark.parametrize("damaged", [None, {}, {"ring.json": b"{"}])
async def test_a_damaged_ring_leaves_the_one_that_was_read_before(damaged: Mapping[str, bytes] | None) -> None:
    held = Held(ring_data(RING))
    await held.ring.load()
    held.data = damaged
    with pytest.raises(LlmkeysError):
        await held.ring.load()
    assert (await held.ring.roots(RING.active.key_id)).active.key_id == RING.active.key_id


async def test_a_key_that_is_not_in_a_ring_just_read_is_nothing_known_yet() -> None:
    held = Held(ring_data(RING))
    await held.ring.load()
    following = RING.rotate(1.0)
    held.data = ring_data(following)

    with pytest.raises(ApiUnavailableError) as caught:
        await held.ring.roots(following.active.key_id)

    assert caught.value.retry_after == 2.0
    held.now = 2.0
    assert (await held.ring.roots(following.active.key_id)).active.key_id == following.active.key_id
    assert len(held.asked) == 2
