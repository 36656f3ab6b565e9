from collections.abc import Iterator

import aiohttp
import pytest

from tests.support.simulator.behaviour import Behaviour
from tests.support.simulator.chatting import REPLY
from tests.support.simulator.probing import KEY, credentials, get, probe, probe_url
from tests.support.simulator.simulator import Simulator

TYPES = ("openai", "openai-compatible", "anthropic", "google-gemini", "azure-openai", "openrouter", "ollama")
OTHER = "sk-canary-fedcba9876543210"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator.start(TYPES) as simulator:
        simulator.set(KEY, Behaviour.GOOD)
        yield simulator


async def test_ollama_asks_for_no_key(simulator: Simulator, client: aiohttp.ClientSession) -> None:
    assert (await get(client, probe_url(simulator, "ollama"))).status == 200


async def test_a_request_without_a_key_is_told_so(simulator: Simulator, client: aiohttp.ClientSession) -> None:
    async with client.get(probe_url(simulator, "openai")) as response:
        assert response.status == 401
        assert "didn't provide an API key" in await response.text()


async def test_a_public_list_looks_at_no_key(simulator: Simulator, client: aiohttp.ClientSession) -> None:
    simulator.set(OTHER, Behaviour.NO_MONEY)
    url = simulator.url("openrouter") + "/models"

    assert (await get(client, url)).status == 200
    assert (await get(client, url, credentials("openrouter", OTHER))).status == 200
    assert (await probe(simulator, client, "openrouter", OTHER)).status == 402


@pytest.mark.parametrize(
    ("name", "path", "expected"),
    [
        ("openai", "/v1/models", 200),
        ("openai", "/gateway/team-a/v1/models", 200),
        ("openai", "/v1/v1/models", 404),
        ("openai", "/models", 404),
        ("openai", "/v1/models/", 404),
        ("openai-compatible", "/custom/models", 200),
        ("openai-compatible", "/v4/v1/models", 404),
        ("azure-openai", "/openai/models", 404),
        ("azure-openai", "/openai/openai/models?api-version=1", 404),
        ("azure-openai", "/openai/v1/models", 200),
    ],
)
async def test_a_gateways_prefix_is_fine_and_a_wrong_path_is_not(
    simulator: Simulator, client: aiohttp.ClientSession, name: str, path: str, expected: int
) -> None:
    assert (await get(client, simulator.origin(name) + path, credentials(name, KEY))).status == expected


async def test_a_list_is_not_there_for_posts(simulator: Simulator, client: aiohttp.ClientSession) -> None:
    async with client.post(probe_url(simulator, "openai"), headers=credentials("openai", KEY)) as response:
        assert response.status == 404


async def test_anthropic_wants_its_version_header(simulator: Simulator, client: aiohttp.ClientSession) -> None:
    assert (await get(client, probe_url(simulator, "anthropic"), {"x-api-key": KEY})).status == 400


async def test_gemini_takes_the_key_in_the_query_and_not_as_a_bearer(
    simulator: Simulator, client: aiohttp.ClientSession
) -> None:
    url = simulator.url("google-gemini") + "/models"

    assert (await get(client, f"{url}?key={KEY}")).status == 200
    assert (await get(client, url, {"Authorization": f"Bearer {KEY}"})).status == 401
    assert [call.query for call in simulator.calls(KEY)] == [""]


@pytest.mark.parametrize(
    ("name", "query", "listed"),
    [
        ("anthropic", "?limit=2", ["a", "b"]),
        ("anthropic", "?limit=2&after_id=b", ["c"]),
        ("google-gemini", "?pageSize=1&pageToken=1", ["models/b"]),
        ("openai", "", ["a", "b", "c"]),
    ],
)
async def test_lists_come_in_the_pages_of_their_provider(
    simulator: Simulator, client: aiohttp.ClientSession, name: str, query: str, listed: list[str]
) -> None:
    simulator.models(name, ["a", "b", "c"])

    async with client.get(f"{simulator.url(name)}/models{query}", headers=credentials(name, KEY)) as response:
        body = await response.json()

    assert [one.get("id") or one["name"] for one in body.get("data") or body["models"]] == listed


async def test_another_list_replaces_the_one_that_was_sent_before(
    simulator: Simulator, client: aiohttp.ClientSession
) -> None:
    await probe(simulator, client, "openai")
    simulator.models("openai", ["only"])

    async with client.get(probe_url(simulator, "openai"), headers=credentials("openai", KEY)) as response:
        assert [one["id"] for one in (await response.json())["data"]] == ["only"]


async def test_a_model_answers_those_whose_key_is_good(simulator: Simulator, client: aiohttp.ClientSession) -> None:
    url = simulator.url("openai") + "/chat/completions"
    asked = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Hello"}]}

    async with client.post(url, json=asked, headers=credentials("openai", KEY)) as response:
        answered = await response.json()
    async with client.post(url, json=asked, headers=credentials("openai", OTHER)) as refused:
        assert refused.status == 401

    assert answered["choices"][0]["message"]["content"] == REPLY
    assert (await get(client, url, credentials("openai", KEY))).status == 404
