import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import cast

import pytest
import trustme
from aiohttp import web

from llmkeys.net.client import ProviderClient
from llmkeys.net.network import Network
from tests.unit.net.servers import Handler, Listen, Listener, Serve, Server


@pytest.fixture(scope="session")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def ca_bundle(ca: trustme.CA) -> str:
    return ca.cert_pem.bytes().decode()


@pytest.fixture(scope="session")
def server_tls(ca: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def serve(server_tls: ssl.SSLContext) -> Serve:
    @contextlib.asynccontextmanager
    async def run(handler: Handler, tls: ssl.SSLContext | None = server_tls) -> AsyncIterator[Server]:
        server = Server()

        async def remember(request: web.BaseRequest) -> web.StreamResponse:
            server.requests.append(request)
            server.connections.add(request.transport)
            return await handler(request)

        runner = web.ServerRunner(web.Server(remember, access_log=None), shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls)
        await site.start()
        server.port = runner.addresses[0][1]
        try:
            yield server
        finally:
            await runner.cleanup()

    return run


@pytest.fixture
def listen() -> Listen:
    @contextlib.asynccontextmanager
    async def run(
        answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> AsyncIterator[Listener]:
        listener = Listener()
        tasks: set[asyncio.Task[None]] = set()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            listener.connections += 1
            tasks.add(cast("asyncio.Task[None]", asyncio.current_task()))
            try:
                if answer is not None:
                    listener.received.append(await reader.readuntil(b"\r\n\r\n"))
                    await answer(reader, writer)
            finally:
                writer.transport.abort()

        server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
        listener.port = server.sockets[0].getsockname()[1]
        try:
            yield listener
        finally:
            server.close()
            await server.wait_closed()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    return run


@pytest.fixture
async def client() -> AsyncIterator[ProviderClient]:
    async with ProviderClient() as made:
        yield made


@pytest.fixture
def inside(ca_bundle: str) -> Network:
    return Network(ca_bundle=ca_bundle, allow_private=True)
