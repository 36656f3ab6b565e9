"""A client that has an envelope opened over and over, on behalf of several pods."""

import asyncio
import contextlib
import itertools
import ssl
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

import aiohttp
import msgspec

_KEEP_ALIVE = 4.0  # the server ends idle connections after five seconds


@dataclass(frozen=True, slots=True)
class Delivery:
    """What a pod has mounted, and where it goes with it.

    Args:
        credential: name of the LLMCredential.
        envelope: the text.
        unsealer: `https://host:port`.
        authorities: PEM of the certificates by which the unsealer is known.

    """

    credential: str
    envelope: str
    unsealer: str
    authorities: str = field(repr=False)

    def trust(self) -> ssl.SSLContext:
        return ssl.create_default_context(cadata=self.authorities)


class Opening:
    """Asks over connections that stay open; each request is for the next pod in turn."""

    def __init__(self, session: aiohttp.ClientSession, delivery: Delivery, tokens: Sequence[str]) -> None:
        self._session = session
        self._url = f"{delivery.unsealer}/v1/unseal"
        self._body = msgspec.json.encode({"credential": delivery.credential, "envelope": delivery.envelope})
        self._tokens = itertools.cycle(tokens)

    async def open(self) -> float:
        """Seconds until the content was there.

        Raises:
            RuntimeError: it was refused.

        """
        headers = {"Authorization": f"Bearer {next(self._tokens)}", "Content-Type": "application/json"}
        started = time.perf_counter()
        async with self._session.post(self._url, data=self._body, headers=headers) as response:
            content = await response.read()
        if response.status != 200:
            raise RuntimeError(f"the unsealer answered {response.status}: {content[:200]!r}")
        return time.perf_counter() - started

    async def as_fast_as_possible(self, seconds: float, at_once: int) -> float:
        """Opens per second with so many under way at any time."""
        count = 0
        started = time.perf_counter()

        async def client() -> None:
            nonlocal count
            while time.perf_counter() < started + seconds:
                await self.open()
                count += 1

        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(client())
        return count / (time.perf_counter() - started)

    async def steadily(self, per_second: float, seconds: float) -> list[float]:
        """Seconds of each open; a request is sent when its time has come, whether or not those before it are done."""
        tasks = []
        started = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for index in range(round(per_second * seconds)):
                await asyncio.sleep(started + index / per_second - time.perf_counter())
                tasks.append(group.create_task(self.open()))
        return [task.result() for task in tasks]


@contextlib.asynccontextmanager
async def opening(delivery: Delivery, tokens: Sequence[str]) -> AsyncIterator[Opening]:
    """A client for as long as the block lasts."""
    connector = aiohttp.TCPConnector(ssl=delivery.trust(), limit=0, keepalive_timeout=_KEEP_ALIVE)
    async with aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session:
        yield Opening(session, delivery, tokens)
