"""The envelope ring as the unsealer holds it: read from its Secret, read again when it changes, never written."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog

from llmkeys.api.errors import LlmkeysError, PlatformError
from llmkeys.api.names import ENVELOPE_SECRET
from llmkeys.crypto.ring import Ring, ring_from
from llmkeys.crypto.ring_keys import RootKeys
from llmkeys.crypto.wrapping import Wrapper, is_wrapped
from llmkeys.engine.effects import ApiUnavailableError

log = structlog.get_logger(__name__)

ReadSecret = Callable[[str], Awaitable[Mapping[str, bytes] | None]]
"""Gives the decoded data of a Secret in the unsealer's own namespace, None if there is none."""

_ASK_AGAIN_AFTER: Final = 2.0


class RingUnavailableError(PlatformError):
    """The ring is missing or cannot be unwrapped."""


class EnvelopeRing:
    """Gives the roots that open envelopes.

    Args:
        read: reads the Secret.
        wrapper: unwraps it, if a key-encryption key is in use.
        monotonic: seconds of a clock that never goes back.

    """

    def __init__(self, read: ReadSecret, wrapper: Wrapper | None, monotonic: Callable[[], float]) -> None:
        self._read: Final = read
        self._wrapper: Final = wrapper
        self._monotonic: Final = monotonic
        self._ring: Ring | None = None
        self._roots: RootKeys | None = None
        self._looking: Final = asyncio.Lock()
        self._loaded = float("-inf")

    @property
    def ready(self) -> bool:
        return self._roots is not None

    async def load(self) -> None:
        """Read the ring; if that fails, the one that was read before stays.

        Raises:
            RingUnavailableError: there is none, or it cannot be unwrapped.
            RingMalformedError: it is not as the operator wrote it.
            WrongKekError: it was wrapped with another key-encryption key.
            RetryableError: the API server is away.

        """
        self._loaded = self._monotonic()
        data = await self._read(ENVELOPE_SECRET)
        if data is None:
            raise RingUnavailableError(
                f"Secret {ENVELOPE_SECRET} is not there. The controller makes it at its first start; "
                "if it was lost, see llmkeys keys restore."
            )
        ring = ring_from(self._unwrapped(data), "envelope")
        if ring != self._ring:
            log.info("envelope ring read", active=ring.active.key_id, keys=len(ring.keys))
            self._ring, self._roots = ring, RootKeys(ring)

    async def roots(self, key_id: str) -> RootKeys:
        """The roots, read again first if the key was made since: a pod must not wait for our next look.

        Raises:
            RingUnavailableError: it was never read.
            ApiUnavailableError: the key is unknown, and it is too soon to look again; it says how long to wait.

        """
        if not self._knows(key_id):
            async with self._looking:
                if not self._knows(key_id):
                    await self._look_again()
        if self._roots is None:
            raise RingUnavailableError(f"Secret {ENVELOPE_SECRET} could not be read yet.")
        return self._roots

    async def _look_again(self) -> None:
        wait = self._loaded + _ASK_AGAIN_AFTER - self._monotonic()
        if wait > 0 and self._roots is not None:
            # Between that look and now the ring may have got the key: nothing is known of the envelope yet.
            raise ApiUnavailableError("the envelope's key is not in the ring that was just read", wait)
        try:
            await self.load()
        except LlmkeysError:
            if self._roots is None:
                raise

    def _knows(self, key_id: str) -> bool:
        return self._ring is not None and any(key.key_id == key_id for key in self._ring.keys)

    def _unwrapped(self, data: Mapping[str, bytes]) -> Mapping[str, bytes]:
        if not is_wrapped(data):
            return data
        if self._wrapper is None:
            raise RingUnavailableError(
                f"Secret {ENVELOPE_SECRET} is wrapped with a key-encryption key. Give the same file as to the "
                "controller: --keyring-kek FILE."
            )
        return self._wrapper.unwrap(data, "envelope")
