import asyncio
import gzip
import ssl
import traceback

import pytest
from aiohttp import web

from llmkeys.crypto.secret import Secret
from llmkeys.net.client import ProviderClient
from llmkeys.net.headers import USER_AGENT
from llmkeys.net.network import Network
from llmkeys.probe.reply import Failure, Reply
from llmkeys.probe.request import ProbeRequest
from tests.unit.net.servers import CANARY, Listen, Serve, get, ok, send


async def test_an_answer_comes_back_with_status_headers_and_body(
    client: ProviderClient, serve: Serve, inside: Network
) -> None:
    async with serve(ok) as server:
        request = get(server.url(), headers=(("X-Team", "a"),), secret_headers=(("Authorization", Secret(CANARY)),))
        reply = await send(client, request, inside)
        (seen,) = server.requests
    assert reply.status == 200
    assert reply.body == b'{"data": []}'
    assert reply.headers["x-request-id"] == "7"
    assert (reply.failure, reply.truncated) == (None, False)
    assert seen.headers["Authorization"] == CANARY
    assert seen.headers["X-Team"] == "a"
    assert seen.headers["User-Agent"] == USER_AGENT
    assert seen.headers["Accept-Encoding"] == "identity"


async def test_a_post_carries_its_body_as_json(client: ProviderClient, serve: Serve, inside: Network) -> None:
    async def echo(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=await request.read(), content_type=request.content_type)

    async with serve(echo) as server:
        reply = await send(client, ProbeRequest("POST", server.url(), body=b'{"a":1}'), inside)
    assert (reply.body, reply.headers["content-type"]) == (b'{"a":1}', "application/json")


async def test_two_requests_share_one_connection(client: ProviderClient, serve: Serve, inside: Network) -> None:
    async with serve(ok) as server:
        for _ in range(2):
            assert (await send(client, get(server.url()), inside)).status == 200
        assert (len(server.requests), len(server.connections)) == (2, 1)


async def test_a_secret_parameter_is_on_the_wire_and_in_nothing_that_prints(
    client: ProviderClient, serve: Serve, inside: Network
) -> None:
    hidden = (("key", Secret(CANARY)),)
    async with serve(ok) as server:
        request = get(server.url("/v1/models?page=1"), secret_query=hidden)
        reply = await send(client, request, inside)
        (seen,) = server.requests
    assert seen.raw_path == f"/v1/models?page=1&key={CANARY}"
    refused = await send(client, get(server.url(), secret_query=hidden), inside)
    assert refused.failure is Failure.CONNECT_REFUSED
    assert CANARY not in repr(request) + repr(reply) + repr(refused)


async def test_a_value_that_cannot_be_sent_opens_no_connection(
    client: ProviderClient, serve: Serve, inside: Network
) -> None:
    async with serve(ok) as server:
        with pytest.raises(ValueError) as caught:
            await send(client, get(server.url(), secret_headers=(("x-api-key", Secret(CANARY + "\n")),)), inside)
        assert not server.connections
    assert CANARY not in repr(caught.value)


async def test_a_fault_of_ours_is_raised_without_the_request_in_it(
    client: ProviderClient, serve: Serve, inside: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> Reply:
        raise KeyError(CANARY)

    monkeypatch.setattr("llmkeys.net.client.Reply", broken)
    async with serve(ok) as server:
        with pytest.raises(RuntimeError) as caught:
            await send(client, get(server.url()), inside)
    assert "KeyError" in str(caught.value)
    assert CANARY not in str(caught.value)
    assert CANARY not in "".join(traceback.format_exception(caught.value))


async def test_a_closed_client_sends_nothing(inside: Network) -> None:
    client = ProviderClient()
    await client.aclose()
    with pytest.raises(RuntimeError):
        await send(client, get("https://localhost:1/"), inside)


async def test_a_huge_body_is_cut_at_the_limit_and_the_connection_dropped(
    client: ProviderClient, serve: Serve, inside: Network
) -> None:
    dropped = asyncio.Event()

    async def flood(request: web.BaseRequest) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 65536)
        except ConnectionError:
            dropped.set()
            raise

    async with serve(flood) as server:
        reply = await send(client, get(server.url()), inside, limit=100_000)
        await asyncio.wait_for(dropped.wait(), 5)
    assert (reply.status, reply.body, reply.truncated) == (200, b"x" * 100_000, True)


@pytest.mark.parametrize(("limit", "truncated"), [(9, True), (10, False), (11, False)])
async def test_truncated_means_that_there_was_more(
    client: ProviderClient, serve: Serve, inside: Network, limit: int, truncated: bool
) -> None:
    async def ten(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=b"0123456789")

    async with serve(ten) as server:
        reply = await send(client, get(server.url()), inside, limit=limit)
    assert (reply.body, reply.truncated) == (b"0123456789"[:limit], truncated)


async def test_an_encoded_body_stays_as_it_came(client: ProviderClient, serve: Serve, inside: Network) -> None:
    bomb = gzip.compress(b"0" * 1_000_000)

    async def zipped(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(body=bomb, headers={"Content-Encoding": "gzip"})

    async with serve(zipped) as server:
        reply = await send(client, get(server.url()), inside)
    assert reply.body == bomb


async def test_a_header_with_stray_bytes_becomes_ascii(
    client: ProviderClient, listen: Listen, inside: Network, server_tls: ssl.SSLContext
) -> None:
    async def write(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 429 No\r\nContent-Length: 0\r\nRetry-After: \xff\xfe1\r\n\r\n")
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with listen(write, server_tls) as listener:
        reply = await send(client, get(f"https://localhost:{listener.port}/"), inside)
    assert (reply.status, reply.headers["retry-after"]) == (429, "??1")


async def test_cookies_are_not_kept(client: ProviderClient, serve: Serve, inside: Network) -> None:
    async def cookie(_: web.BaseRequest) -> web.StreamResponse:
        return web.Response(headers={"Set-Cookie": "a=1"})

    async with serve(cookie) as server:
        for _ in range(2):
            await send(client, get(server.url()), inside)
        assert all("Cookie" not in request.headers for request in server.requests)


async def test_the_least_recently_used_idle_pool_is_closed(serve: Serve, ca_bundle: str) -> None:
    padded = [Network(ca_bundle + "\n" * n, allow_private=True) for n in range(3)]
    async with ProviderClient(idle_pools=2) as client, serve(ok) as server:
        for network in (*padded, padded[2], padded[0]):
            assert (await send(client, get(server.url()), network)).status == 200
        # The first was closed when the third came, so it had to connect anew; the third had not.
        assert len(server.connections) == 4


async def test_a_pool_in_use_is_not_closed(serve: Serve, ca_bundle: str) -> None:
    release, reached = asyncio.Event(), asyncio.Event()

    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        if request.path == "/slow":
            reached.set()
            await release.wait()
        return web.Response()

    async with ProviderClient(idle_pools=1) as client, serve(handler) as server:
        first, second, third = (Network(ca_bundle + "\n" * n, allow_private=True) for n in range(3))
        slow = asyncio.create_task(send(client, get(server.url("/slow")), first))
        await asyncio.wait_for(reached.wait(), 5)
        for network in (second, third):
            await send(client, get(server.url()), network)
        release.set()
        assert (await slow).status == 200
