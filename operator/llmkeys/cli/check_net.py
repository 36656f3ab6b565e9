"""Sends the requests of `llmkeys check` at the operator's pace, and no faster."""

import asyncio
from typing import Final, Protocol

from llmkeys.api.provider import Network, ProviderValidation
from llmkeys.engine import clock
from llmkeys.net.client import ProviderClient
from llmkeys.net.probing import ProbeNet
from llmkeys.probe.reply import Reply
from llmkeys.probe.request import ProbeRequest

_AT_ONCE: Final = 4
_GOODBYE: Final = 0.1


class Clock(clock.Clock, Protocol):
    """Tells the time, throws the dice, and waits."""

    async def sleep(self, seconds: float) -> None: ...


class SystemClock(clock.SystemClock):
    """The machine's clock, and its patience."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class PacedNet:
    """The net, with a limit on requests in a second and at once.

    Args:
        validation: says the limits, as an LLMProvider would have them.
        clock: for the pace.

    """

    def __init__(self, validation: ProviderValidation, clock: Clock) -> None:
        self._per_second = validation.requests_per_second
        self._clock = clock
        self._client = ProviderClient()
        self._at_once = asyncio.Semaphore(min(_AT_ONCE, validation.max_concurrent))
        self._pace = asyncio.Lock()
        self._free_at = 0.0
        self._cut_short = False

    async def send(self, request: ProbeRequest, network: Network, timeout: float, limit: int) -> Reply:  # noqa: ASYNC109  the client bounds each part
        """Send when it is this request's turn; never an exception for what the provider does."""
        async with self._at_once:
            await self._turn()
            reply = await ProbeNet(self._client).send(request, network, timeout, limit)
        self._cut_short = self._cut_short or reply.failure is not None
        return reply

    async def close(self) -> None:
        await self._client.aclose()
        if self._cut_short:
            # A connection that was given up says goodbye by itself, if the loop lives long enough.
            await asyncio.sleep(_GOODBYE)

    async def _turn(self) -> None:
        async with self._pace:
            wait = self._free_at - self._clock.now()
            if wait > 0:
                await self._clock.sleep(wait)
            self._free_at = self._clock.now() + 1 / self._per_second
