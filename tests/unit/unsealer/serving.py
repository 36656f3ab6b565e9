"""A listener on loopback, and clients that behave as no library would."""

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette

from llmkeys.unsealer.application import application
from llmkeys.unsealer.audit import Audit
from llmkeys.unsealer.limits import Concurrency
from llmkeys.unsealer.listener import Guard, Listener, listening_socket
from tests.unit.unsealer.world import World, seal

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Client:
    """One connection, byte by byte."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def reply(self) -> Reply:
        async with asyncio.timeout(10):
            return await self._reply()

    async def _reply(self) -> Reply:
        head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.strip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return Reply(int(first.split()[1]), headers, body)

    async def closed(self) -> bool:
        """Read on until the server cuts the connection; TimeoutError if it does not within ten seconds."""
        async with asyncio.timeout(10):
            with suppress(ConnectionError):
                await self.reader.read()
            return True

    async def close(self) -> None:
        self.writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await self.writer.wait_closed()


def request(
    body: bytes = b"", token: str = "", path: str = "/v1/unseal", method: str = "POST", **headers: str
) -> bytes:
    """An HTTP request; a header whose name is given with an empty value is left out."""
    all_headers = {
        "Host": "unsealer",
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
    } | {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in all_headers.items() if value)]
    return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass
class Server:
    """What is served, and what was recorded of it."""

    world: World
    port: int
    audit: list[dict[str, object]]
    dropped: list[str]
    tls: ssl.SSLContext | None = None
    clients: list[Client] = field(default_factory=list)

    async def connect(self, trust: ssl.SSLContext | None = None) -> Client:
        reader, writer = await asyncio.open_connection(
            LOOPBACK, self.port, ssl=trust, server_hostname="unsealer" if trust else None
        )
        self.clients.append(Client(reader, writer))
        return self.clients[-1]

    def body(self) -> bytes:
        return json.dumps({"credential": "openai", "envelope": seal(self.world.ring)}).encode()

    def good(self) -> bytes:
        return request(self.body(), self.world.token)

    async def ask(self, data: bytes) -> Reply:
        client = await self.connect()
        await client.send(data)
        return await client.reply()


@asynccontextmanager
async def serving(
    *,
    header_seconds: float = 10.0,
    body_seconds: float = 10.0,
    connections: Concurrency | None = None,
    tls: ssl.SSLContext | None = None,
) -> AsyncIterator[Server]:
    """Serve a world of one pod and one credential."""
    world = World()
    await world.held.load()
    audit: list[dict[str, object]] = []
    dropped: list[str] = []
    recorded = Audit(lambda *_: None, lambda **fields: audit.append(fields))
    app = application(world.unsealer, recorded, body_seconds)
    async with listening(app, Guard(connections or Concurrency(100, 100), header_seconds, dropped.append), tls) as port:
        server = Server(world, port, audit, dropped, tls)
        try:
            yield server
        finally:
            for client in server.clients:
                await client.close()


@asynccontextmanager
async def listening(app: Starlette, guard: Guard, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """Serve an application; gives the port."""
    listener = Listener(app, guard, tls)
    one = listening_socket(LOOPBACK, 0)
    task = asyncio.create_task(listener.serve(sockets=[one]))
    try:
        yield one.getsockname()[1]
    finally:
        listener.should_exit = True
        await task
