import asyncio
import socket
import ssl

import pytest
import trustme
from aiohttp import web

from llmkeys.net.client import ProviderClient
from llmkeys.net.network import Network
from llmkeys.probe.reply import Failure, Reply
from tests.unit.net.servers import Listen, Serve, get, ok, send


async def test_no_answer_in_time_is_a_read_timeout(client: ProviderClient, serve: Serve, inside: Network) -> None:
    release = asyncio.Event()

    async def hang(_: web.BaseRequest) -> web.StreamResponse:
        await release.wait()
        return web.Response()

    async with serve(hang) as server:
        reply = await send(client, get(server.url()), inside, seconds=0.2)
        release.set()
    assert reply == Reply(0, failure=Failure.READ_TIMEOUT)


async def test_a_body_that_drips_for_ever_is_a_read_timeout(
    client: ProviderClient, serve: Serve, inside: Network
) -> None:
    async def drip(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"x")
        await asyncio.Event().wait()
        return response

    async with serve(drip) as server:
        assert (await send(client, get(server.url()), inside, seconds=0.2)).failure is Failure.READ_TIMEOUT


async def test_a_peer_that_never_finishes_the_handshake_is_a_connect_timeout(
    client: ProviderClient, inside: Network
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute_socket:
        url = f"https://127.0.0.1:{mute_socket.getsockname()[1]}/"
        reply = await send(client, get(url), inside, seconds=0.3)
    assert reply.failure is Failure.CONNECT_TIMEOUT


async def test_a_closed_port_is_connect_refused(client: ProviderClient, serve: Serve, inside: Network) -> None:
    async with serve(ok) as server:
        url = server.url()
    assert (await send(client, get(url), inside)).failure is Failure.CONNECT_REFUSED


async def test_a_name_that_does_not_exist_is_dns(client: ProviderClient, inside: Network) -> None:
    assert (await send(client, get("https://no-such-host.invalid/"), inside)).failure is Failure.DNS


async def test_a_name_that_is_none_is_dns(client: ProviderClient, inside: Network) -> None:
    assert (await send(client, get(f"https://{'a' * 70}.example/"), inside)).failure in {
        Failure.DNS,
        Failure.ADDRESS_BLOCKED,
    }


async def test_a_certificate_of_another_authority_is_tls(client: ProviderClient, serve: Serve) -> None:
    stranger = trustme.CA().cert_pem.bytes().decode()
    async with serve(ok) as server:
        reply = await send(client, get(server.url()), Network(ca_bundle=stranger, allow_private=True))
        assert not server.requests
    assert reply.failure is Failure.TLS


async def test_the_systems_authorities_do_not_count_beside_a_bundle_and_the_bundle_not_without(
    client: ProviderClient, serve: Serve
) -> None:
    async with serve(ok) as server:
        assert (await send(client, get(server.url()), Network(allow_private=True))).failure is Failure.TLS


async def test_a_certificate_for_another_name_is_tls(
    client: ProviderClient, serve: Serve, inside: Network, ca: trustme.CA
) -> None:
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("other.example").configure_cert(tls)
    async with serve(ok, tls) as server:
        assert (await send(client, get(server.url()), inside)).failure is Failure.TLS


@pytest.mark.parametrize("bundle", ["", "  ", "nonsense", "é", "-----BEGIN CERTIFICATE-----\nAAAA\n"])
async def test_a_bundle_without_a_certificate_is_tls_and_never_the_systems_trust(
    client: ProviderClient, bundle: str
) -> None:
    reply = await send(client, get("https://127.0.0.1:1/"), Network(ca_bundle=bundle, allow_private=True))
    assert reply.failure is Failure.TLS


async def test_a_connection_cut_before_the_answer_is_protocol(
    client: ProviderClient, listen: Listen, inside: Network, server_tls: ssl.SSLContext
) -> None:
    async def cut(*_: object) -> None:
        return

    async with listen(cut, server_tls) as listener:
        reply = await send(client, get(f"https://localhost:{listener.port}/"), inside)
    assert reply.failure is Failure.PROTOCOL


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"SSH-2.0-OpenSSH_9.9\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["short", "not http", "huge header", "bad chunk"],
)
async def test_an_answer_that_is_no_whole_http_message_is_protocol(
    client: ProviderClient, listen: Listen, inside: Network, server_tls: ssl.SSLContext, answer: bytes
) -> None:
    async def write(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(answer)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with listen(write, server_tls) as listener:
        reply = await send(client, get(f"https://localhost:{listener.port}/"), inside)
    assert reply.failure is Failure.PROTOCOL


async def test_cancelling_passes_through(client: ProviderClient, serve: Serve, inside: Network) -> None:
    reached = asyncio.Event()

    async def hang(_: web.BaseRequest) -> web.StreamResponse:
        reached.set()
        await asyncio.Event().wait()
        return web.Response()

    async with serve(hang) as server:
        task = asyncio.create_task(send(client, get(server.url()), inside))
        await asyncio.wait_for(reached.wait(), 5)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
