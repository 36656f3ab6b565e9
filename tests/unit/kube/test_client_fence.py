"""What the API client does about the fence: asked at the last moment, before every write and before no read."""

import asyncio
import base64
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml
from aiohttp import web

from llmkeys.engine.fence import Fence, NotLeadingError
from llmkeys.kube.client import JSON_PATCH, MERGE_PATCH, ApiClient
from tests.support.simulator.authority import Authority


class Server:
    """An API server that only takes note, behind a gate that may keep connections waiting."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.knocked = asyncio.Event()
        self.kubeconfig = folder / "kubeconfig"
        self._authority = Authority()
        self._inner = 0

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator["Server"]:
        application = web.Application()
        application.router.add_route("*", "/{tail:.*}", self._answer)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self._authority.server_context()).start()
        self._inner = runner.addresses[0][1]
        outer = await asyncio.start_server(self._pass_on, "127.0.0.1", 0)
        self._write_kubeconfig(outer.sockets[0].getsockname()[1])
        try:
            yield self
        finally:
            outer.close()
            await runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        self.asked.append(request.method)
        return web.json_response({})

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.knocked.set()
        await self.gate.wait()
        there, back = await asyncio.open_connection("127.0.0.1", self._inner)
        await asyncio.gather(_pipe(reader, back), _pipe(there, writer))

    def _write_kubeconfig(self, port: int) -> None:
        authority = base64.b64encode(self._authority.pem.encode()).decode()
        cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority-data": authority}
        config = {
            "current-context": "it",
            "contexts": [{"name": "it", "context": {"cluster": "it", "user": "it"}}],
            "clusters": [{"name": "it", "cluster": cluster}],
            "users": [{"name": "it", "user": {"token": "t"}}],
        }
        self.kubeconfig.write_text(yaml.safe_dump(config), encoding="utf-8")


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while chunk := await reader.read(2**16):
            writer.write(chunk)
    writer.close()


@pytest.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    async with Server(tmp_path).serving() as made:
        monkeypatch.setenv("KUBECONFIG", str(made.kubeconfig))
        yield made


@contextlib.asynccontextmanager
async def client_with(fence: Fence | None) -> AsyncIterator[ApiClient]:
    client = ApiClient(fence=fence)
    await client.open()
    try:
        yield client
    finally:
        await client.close()


def fence_that_is(*, is_open: bool) -> Fence:
    fence = Fence(lambda: 100.0)
    if is_open:
        fence.open_until(110.0)
    return fence


async def test_a_closed_fence_lets_no_write_out_and_every_read(server: Server) -> None:
    async with client_with(fence_that_is(is_open=False)) as client:
        with pytest.raises(NotLeadingError):
            await client.post("/api/v1/namespaces/a/secrets", "secrets", {})
        for kind in (JSON_PATCH, MERGE_PATCH):
            with pytest.raises(NotLeadingError):
                await client.patch("/api/v1/namespaces/a/secrets/b", "secrets", {}, kind)
        await client.get("/api/v1/namespaces/a/secrets/b", "secrets")
        await client.list("/api/v1/namespaces/a/secrets", "secrets")
    assert server.asked == ["GET", "GET"]


@pytest.mark.parametrize("fence", [fence_that_is(is_open=True), None])
async def test_an_open_fence_or_none_lets_writes_out(server: Server, fence: Fence | None) -> None:
    async with client_with(fence) as client:
        await client.post("/api/v1/namespaces/a/secrets", "secrets", {})
        await client.patch("/api/v1/namespaces/a/secrets/b", "secrets", {}, MERGE_PATCH)
    assert server.asked == ["POST", "PATCH"]


async def test_a_write_that_had_to_wait_for_a_connection_is_held_against_the_fence_after_that(server: Server) -> None:
    fence = fence_that_is(is_open=True)
    server.gate.clear()
    async with client_with(fence) as client:
        writing = asyncio.create_task(client.post("/api/v1/namespaces/a/secrets", "secrets", {}))
        await asyncio.wait_for(server.knocked.wait(), 5)
        fence.close()
        server.gate.set()
        with pytest.raises(NotLeadingError):
            await writing
    assert server.asked == []
