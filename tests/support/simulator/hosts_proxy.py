"""An HTTP proxy that leads names of real hosts to simulated servers, so that the catalogue's own URLs can be tested."""

import asyncio
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

_PATIENCE: Final = 10.0
_CHUNK: Final = 65536


class HostsProxy:
    """Opens tunnels (CONNECT, RFC 9110, 9.3.6) in a thread of its own; use it as a context manager."""

    def __init__(self, hosts: Mapping[str, int]) -> None:
        """Describe it.

        Args:
            hosts: ports on 127.0.0.1 by `host:port`; other hosts are refused.

        """
        self.asked: Final[list[str]] = []
        """Each `host:port` that a tunnel was asked to, in order."""
        self._hosts: Final = dict(hosts)
        self._loop: Final = asyncio.new_event_loop()
        self._thread: Final = threading.Thread(target=self._loop.run_forever, name="hosts proxy", daemon=True)
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(_PATIENCE)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(_PATIENCE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE)
        self._loop.close()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._port = self._server.sockets[0].getsockname()[1]

    async def _close(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            place = head.split()[1].decode("ascii")
            self.asked.append(place)
            if place not in self._hosts:
                writer.write(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")
                return
            there, back = await asyncio.open_connection("127.0.0.1", self._hosts[place])
            writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")
            try:
                await asyncio.gather(_pump(reader, back), _pump(there, writer))
            finally:
                back.close()
        except (OSError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    while data := await source.read(_CHUNK):
        sink.write(data)
        await sink.drain()
    sink.close()
