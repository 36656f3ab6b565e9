import json
import zlib

import aiohttp
import pytest

from tests.support.simulator.behaviour import Behaviour, Kind
from tests.support.simulator.probing import KEY, credentials, probe, probe_url
from tests.support.simulator.simulator import Simulator


async def test_a_html_page_is_a_page_of_somebody_else(simulator: Simulator, client: aiohttp.ClientSession) -> None:
    simulator.set(KEY, Behaviour.html_page(403), "openai")

    status, headers, body = await probe(simulator, client, "openai")

    assert status == 403
    assert headers["content-type"].startswith("text/html")
    assert body.startswith(b"<!DOCTYPE html>")


async def test_a_redirect_points_where_it_was_told_to(simulator: Simulator, client: aiohttp.ClientSession) -> None:
    simulator.set(KEY, Behaviour.redirect("https://elsewhere.example/v1/models", 307), "openai")

    status, headers, _ = await probe(simulator, client, "openai")

    assert (status, headers["location"]) == (307, "https://elsewhere.example/v1/models")


async def test_an_error_may_come_with_status_200(simulator: Simulator, client: aiohttp.ClientSession) -> None:
    simulator.set(KEY, Behaviour.error_in_200(Kind.NO_MONEY), "zhipu")

    status, _, body = await probe(simulator, client, "zhipu")

    assert (status, json.loads(body)["error"]["code"]) == (200, "1113")


async def test_a_huge_body_streams_valid_json_without_announcing_its_size(
    simulator: Simulator, client: aiohttp.ClientSession
) -> None:
    simulator.set(KEY, Behaviour.huge_body(2), "openai")

    _, headers, body = await probe(simulator, client, "openai")

    assert "content-length" not in headers
    assert len(json.loads(body)["data"][0]) == 2 * 1024 * 1024


async def test_a_reader_may_leave_a_huge_body_early(simulator: Simulator, client: aiohttp.ClientSession) -> None:
    simulator.set(KEY, Behaviour.huge_body(64), "openai")

    async with client.get(probe_url(simulator, "openai"), headers=credentials("openai", KEY)) as response:
        start = await response.content.readexactly(1024)

    assert start.startswith(b'{"object"')
    assert (await probe(simulator, client, "openai", "sk-another-key-0123")).status == 401


@pytest.mark.parametrize("behaviour", [Behaviour.INVALID_JSON, Behaviour.TRUNCATED_JSON])
async def test_spoilt_json_claims_to_be_json(
    simulator: Simulator, client: aiohttp.ClientSession, behaviour: Behaviour
) -> None:
    simulator.set(KEY, behaviour, "openai")

    status, headers, body = await probe(simulator, client, "openai")

    assert (status, headers["content-type"]) == (200, "application/json")
    with pytest.raises(ValueError):
        json.loads(body)


async def test_deep_json_is_too_deep_to_parse(simulator: Simulator, client: aiohttp.ClientSession) -> None:
    simulator.set(KEY, Behaviour.deep_json(), "openai")

    _, _, body = await probe(simulator, client, "openai")

    assert len(body) < 64 * 1024
    with pytest.raises(RecursionError):
        json.loads(body)


async def test_a_gzip_bomb_is_small_on_the_wire_and_large_behind_it(
    simulator: Simulator, client: aiohttp.ClientSession
) -> None:
    simulator.set(KEY, Behaviour.gzip_bomb(16), "openai")
    url, headers = probe_url(simulator, "openai"), credentials("openai", KEY)

    async with (
        aiohttp.ClientSession(connector=client.connector, connector_owner=False, auto_decompress=False) as plain,
        plain.get(url, headers=headers) as response,
    ):
        body = await response.read()

    assert response.headers["Content-Encoding"] == "gzip"
    assert len(body) < 64 * 1024
    assert len(zlib.decompress(body, zlib.MAX_WBITS | 16)) > 16 * 1024 * 1024


async def test_raw_is_sent_as_it_is(simulator: Simulator, client: aiohttp.ClientSession) -> None:
    simulator.set(KEY, Behaviour.raw(418, {"Content-Type": "text/x-tea", "X-Pot": "yes"}, b"\x00\xffshort"), "openai")

    status, headers, body = await probe(simulator, client, "openai")

    assert (status, headers["content-type"], headers["x-pot"], body) == (418, "text/x-tea", "yes", b"\x00\xffshort")


async def test_a_slow_answer_is_the_good_one_once_the_time_is_up(
    simulator: Simulator, client: aiohttp.ClientSession
) -> None:
    good = await probe(simulator, client, "openai")
    simulator.set(KEY, Behaviour.slow(0.05), "openai")
    slow = await probe(simulator, client, "openai")

    assert (slow.status, slow.body) == (good.status, good.body)


async def test_a_connection_is_cut_half_way_through_the_body(
    simulator: Simulator, client: aiohttp.ClientSession
) -> None:
    simulator.set(KEY, Behaviour.cut(), "openai")

    async with client.get(probe_url(simulator, "openai"), headers=credentials("openai", KEY)) as response:
        assert response.status == 200
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()


async def test_a_connection_is_cut_before_the_first_byte(simulator: Simulator, client: aiohttp.ClientSession) -> None:
    simulator.set(KEY, Behaviour.cut(after_headers=False), "openai")

    with pytest.raises(aiohttp.ServerDisconnectedError):
        # A POST, because the client repeats a GET that got no answer.
        await client.post(probe_url(simulator, "openai"), headers=credentials("openai", KEY))


async def test_a_behaviour_changes_while_the_server_runs(simulator: Simulator, client: aiohttp.ClientSession) -> None:
    seen = []
    for behaviour in (Behaviour.GOOD, Behaviour.REVOKED, Behaviour.GOOD):
        simulator.set(KEY, behaviour, "openai")
        seen.append((await probe(simulator, client, "openai")).status)

    assert seen == [200, 401, 200]
