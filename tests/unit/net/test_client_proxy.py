import asyncio

import pytest

from llmkeys.crypto.secret import Secret
from llmkeys.net.client import ProviderClient
from llmkeys.net.network import Network
from llmkeys.probe.reply import Failure
from tests.unit.net.servers import CANARY, Listen, Serve, StreamHandler, answers, get, ok, send


def tunnel_to(port: int) -> StreamHandler:
    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 Connected\r\n\r\n")

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()

        try:
            async with asyncio.TaskGroup() as pumps:
                pumps.create_task(pump(reader, upstream_writer))
                pumps.create_task(pump(upstream_reader, writer))
        finally:
            upstream_writer.transport.abort()

    return tunnel


async def test_the_environments_proxies_are_ignored(
    client: ProviderClient, serve: Serve, listen: Listen, inside: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serve(ok) as server, listen() as listener:
        for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{listener.port}")
        assert (await send(client, get(server.url()), inside)).status == 200
        assert listener.connections == 0


async def test_a_configured_proxy_gets_a_tunnel_and_never_sees_the_key(
    client: ProviderClient, serve: Serve, listen: Listen, ca_bundle: str
) -> None:
    async with serve(ok) as server, listen(tunnel_to(server.port)) as proxy:
        network = Network(ca_bundle, f"http://127.0.0.1:{proxy.port}", allow_private=True)
        request = get(server.url(), secret_headers=(("Authorization", Secret(CANARY)),))
        reply = await send(client, request, network)
        assert server.requests[0].headers["Authorization"] == CANARY
    assert reply.status == 200
    assert proxy.received[0].startswith(f"CONNECT localhost:{server.port} ".encode())
    assert CANARY.encode() not in proxy.received[0]


@pytest.mark.parametrize("answer", [b"HTTP/1.1 407 Who\r\n\r\n", b"HTTP/1.1 502 Bad\r\n\r\n"])
async def test_a_proxy_that_refuses_is_a_failure_of_the_proxy(
    client: ProviderClient, listen: Listen, ca_bundle: str, answer: bytes
) -> None:
    async def refuse(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()

    async with listen(refuse) as proxy:
        network = Network(ca_bundle, f"http://127.0.0.1:{proxy.port}", allow_private=True)
        assert (await send(client, get("https://api.example/"), network)).failure is Failure.PROXY


async def test_a_proxy_that_is_down_or_unknown_is_a_failure_of_the_proxy(
    client: ProviderClient, listen: Listen, ca_bundle: str
) -> None:
    async with listen() as proxy:
        down = f"http://127.0.0.1:{proxy.port}"
    for address in (down, "http://no-such-proxy.invalid:3128"):
        network = Network(ca_bundle, address, allow_private=True)
        assert (await send(client, get("https://api.example/"), network)).failure is Failure.PROXY


async def test_a_private_proxy_is_refused_unless_private_addresses_are_allowed(
    client: ProviderClient, listen: Listen, ca_bundle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(monkeypatch, {"proxy.example": ["127.0.0.1"]})
    async with listen() as proxy:
        for host in ("127.0.0.1", "proxy.example"):
            network = Network(ca_bundle, f"http://{host}:{proxy.port}")
            reply = await send(client, get("https://api.example/"), network)
            assert reply.failure is Failure.ADDRESS_BLOCKED
        assert proxy.connections == 0


async def test_a_literal_target_is_judged_before_the_proxy_is_asked(
    client: ProviderClient, listen: Listen, ca_bundle: str
) -> None:
    async with listen() as proxy:
        network = Network(ca_bundle, f"http://127.0.0.1:{proxy.port}", allow_private=True)
        reply = await send(client, get("https://169.254.169.254/"), network)
        assert proxy.connections == 0
    assert reply.failure is Failure.ADDRESS_BLOCKED
