import pytest
from aiohttp import web

from llmkeys.net.client import ProviderClient
from llmkeys.net.network import Network
from llmkeys.probe.reply import Failure
from tests.unit.net.servers import Listen, Serve, answers, get, ok, send


async def test_a_redirect_is_an_answer_and_is_not_followed(
    client: ProviderClient, serve: Serve, inside: Network
) -> None:
    async with serve(ok) as second:

        async def redirect(_: web.BaseRequest) -> web.StreamResponse:
            return web.Response(status=307, headers={"Location": second.url()})

        async with serve(redirect) as first:
            reply = await send(client, get(first.url()), inside)
        assert not second.connections
    assert reply.status == 307


# Resolved by the system to loopback, so that only the resolver's guard stands between it and the listener.
@pytest.mark.parametrize("host", ["rebound.example", "127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "127.1"])
async def test_loopback_is_refused_and_sees_no_connection(
    client: ProviderClient, listen: Listen, ca_bundle: str, monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    answers(monkeypatch, {"rebound.example": ["127.0.0.1"]})
    async with listen() as listener:
        reply = await send(client, get(f"https://{host}:{listener.port}/"), Network(ca_bundle))
        assert listener.connections == 0
    assert reply.failure is Failure.ADDRESS_BLOCKED


async def test_of_several_addresses_only_the_admitted_are_connected_to(
    client: ProviderClient, serve: Serve, inside: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(monkeypatch, {"localhost": ["169.254.169.254", "fe80::1%lo", "127.0.0.1"]})
    async with serve(ok) as server:
        assert (await send(client, get(server.url()), inside)).status == 200


async def test_plain_http_is_spoken_to_loopback_where_private_addresses_are_allowed(
    client: ProviderClient, serve: Serve
) -> None:
    async with serve(ok, None) as server:
        url = server.url(scheme="http")
        assert (await send(client, get(url), Network(allow_private=True))).status == 200
        assert (await send(client, get(url), Network())).failure is Failure.ADDRESS_BLOCKED
        assert len(server.requests) == 1


async def test_plain_http_to_a_name_with_a_public_address_is_refused(
    client: ProviderClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers(monkeypatch, {"public.example": ["1.1.1.1"]})
    reply = await send(client, get("http://public.example/"), Network(allow_private=True))
    assert reply.failure is Failure.ADDRESS_BLOCKED
