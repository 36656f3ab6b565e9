"""Fetches from every replica of the unsealer who had what opened; run by the controller."""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Protocol
from urllib.parse import urlsplit

import aiohttp
import msgspec
import structlog

from llmkeys.api.durations import epoch
from llmkeys.api.objects import Key
from llmkeys.engine.usage import Counted
from llmkeys.unsealer.usage import UsageReport

_TIMEOUT: Final = aiohttp.ClientTimeout(total=10)
_MOST_BYTES: Final = 8 * 1024 * 1024

log = structlog.get_logger(__name__)
_report = msgspec.json.Decoder(UsageReport)


class Book(Protocol):
    """Where counts go."""

    def take_in(self, replica: str, counted: Iterable[Counted]) -> None: ...

    def keep_only(self, replicas: Iterable[str]) -> None: ...


class UsageCollector:
    """Asks all addresses of a name, each for its own counts.

    Args:
        replicas: HOST:PORT that leads to every replica (a headless Service).
        unsealer: URL of the service, whose host the certificates are for.
        token: file with the controller's own token for the unsealer; it rotates.
        ca_bundle: PEM text of the authorities, as it is now.
        book: gets the counts.
        every: seconds between two looks.

    """

    def __init__(
        self, replicas: str, unsealer: str, token: Path, ca_bundle: Callable[[], str], book: Book, every: float
    ) -> None:
        host, _, port = replicas.rpartition(":")
        self._host = host.strip("[]")
        self._port = int(port)
        self._name = urlsplit(unsealer).hostname or ""
        self._token = token
        self._ca_bundle = ca_bundle
        self._book = book
        self._every = every
        self._said = ""

    async def run(self) -> None:
        """Look again and again until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(self._every)

    async def look(self) -> None:
        """Ask every replica once; one that does not answer is asked again with the next look."""
        try:
            token = self._token.read_text(encoding="ascii").strip()
            addresses = await self._addresses()
            trust = ssl.create_default_context(cadata=self._ca_bundle())
        except (OSError, ValueError) as error:
            self._say_once(f"{type(error).__name__}: {self._host}:{self._port}")
            return
        connector = aiohttp.TCPConnector(ssl=trust, force_close=True)
        async with aiohttp.ClientSession(connector=connector, timeout=_TIMEOUT, trust_env=False) as session:
            found = await asyncio.gather(*(self._ask(session, one, token) for one in addresses))
        if all(found):
            self._book.keep_only(one for one in found if one)
            self._said = ""

    async def _addresses(self) -> list[str]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
        return sorted({str(one[4][0]) for one in found})

    async def _ask(self, session: aiohttp.ClientSession, address: str, token: str) -> str:
        """The replica's id, empty if it did not answer."""
        host = f"[{address}]" if ":" in address else address
        url = f"https://{host}:{self._port}/v1/usage"
        headers = {"Authorization": f"Bearer {token}"}
        try:
            async with session.get(url, headers=headers, server_hostname=self._name, allow_redirects=False) as response:
                if response.status != 200:  # noqa: PLR2004
                    self._say_once(f"{address} answers {response.status}")
                    return ""
                report = _report.decode(await _bounded(response))
        except (aiohttp.ClientError, TimeoutError, OSError, msgspec.MsgspecError) as error:
            self._say_once(f"{address}: {type(error).__name__}")
            return ""
        self._book.take_in(report.replica, _counted(report))
        return report.replica

    def _say_once(self, trouble: str) -> None:
        if trouble != self._said:
            log.warning("counts of use cannot be fetched from the unsealer", detail=trouble)
        self._said = trouble


async def _bounded(response: aiohttp.ClientResponse) -> bytes:
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) > _MOST_BYTES:
            raise msgspec.ValidationError("too large")
    return bytes(content)


def _counted(report: UsageReport) -> Iterable[Counted]:
    for one in report.usage:
        with contextlib.suppress(ValueError):
            yield Counted(Key(one.namespace, one.credential), one.service_account, one.count, epoch(one.last_time))
