import datetime as dt
import email.utils
import json

import aiohttp
import pytest

from tests.support.simulator.behaviour import Behaviour, Kind
from tests.support.simulator.dialects.known import DIALECTS
from tests.support.simulator.probing import KEY, probe
from tests.support.simulator.simulator import Simulator

KEYED = sorted(DIALECTS.keys() - {"ollama"})


@pytest.mark.parametrize("name", sorted(DIALECTS))
async def test_a_good_key_gets_json_at_the_probe_of_its_provider(
    simulator: Simulator, client: aiohttp.ClientSession, name: str
) -> None:
    status, headers, body = await probe(simulator, client, name)

    assert status == 200
    assert headers["content-type"].startswith("application/json")
    assert isinstance(json.loads(body), dict)


@pytest.mark.parametrize("name", KEYED)
async def test_a_key_that_nobody_set_is_revoked(simulator: Simulator, client: aiohttp.ClientSession, name: str) -> None:
    status, _, body = await probe(simulator, client, name, "sk-unknown-0123456789")

    assert status == (400 if name == "google-gemini" else 401)
    assert "error" in json.loads(body)


# The answers of each vendor, as its entry in the catalogue describes them: status, and a text of the body.
REFUSALS = [
    ("openai", Kind.REVOKED, 401, "invalid_api_key"),
    ("openai", Kind.NO_MONEY, 429, "insufficient_quota"),
    ("openai", Kind.REGION_BLOCKED, 403, "unsupported_country_region_territory"),
    ("openai", Kind.ACCOUNT_BLOCKED, 401, "account_deactivated"),
    ("openai", Kind.PERMISSION_DENIED, 401, "Missing scopes"),
    ("openai", Kind.OVERLOADED, 503, "server_is_overloaded"),
    ("openai-compatible", Kind.NO_MONEY, 429, "insufficient_quota"),
    ("anthropic", Kind.REVOKED, 401, "authentication_error"),
    ("anthropic", Kind.NO_MONEY, 400, "credit balance is too low"),
    ("anthropic", Kind.REGION_BLOCKED, 403, "Request not allowed"),
    ("anthropic", Kind.ACCOUNT_BLOCKED, 400, "organization has been disabled"),
    ("anthropic", Kind.PERMISSION_DENIED, 403, "permission_error"),
    ("anthropic", Kind.OVERLOADED, 529, "overloaded_error"),
    ("google-gemini", Kind.REVOKED, 400, "API_KEY_INVALID"),
    ("google-gemini", Kind.NO_MONEY, 400, "FAILED_PRECONDITION"),
    ("google-gemini", Kind.REGION_BLOCKED, 400, "User location is not supported"),
    ("google-gemini", Kind.ACCOUNT_BLOCKED, 403, "has been suspended"),
    ("google-gemini", Kind.PERMISSION_DENIED, 403, "SERVICE_DISABLED"),
    ("google-gemini", Kind.OVERLOADED, 503, "UNAVAILABLE"),
    ("azure-openai", Kind.REVOKED, 401, "invalid subscription key or wrong API endpoint"),
    ("azure-openai", Kind.ACCOUNT_BLOCKED, 403, "temporarily blocked"),
    ("azure-openai", Kind.PERMISSION_DENIED, 403, "Virtual Network/Firewall rules"),
    ("openrouter", Kind.REVOKED, 401, "User not found"),
    ("openrouter", Kind.NO_MONEY, 402, "limit_source"),
    ("openrouter", Kind.OVERLOADED, 502, "provider_name"),
    ("deepseek", Kind.REVOKED, 401, f"****{KEY[-4:]}"),
    ("deepseek", Kind.NO_MONEY, 402, "Insufficient Balance"),
    ("moonshot", Kind.REVOKED, 401, "invalid_authentication_error"),
    ("moonshot", Kind.NO_MONEY, 429, "exceeded_current_quota_error"),
    ("moonshot", Kind.ACCOUNT_BLOCKED, 403, "access_terminated_error"),
    ("moonshot", Kind.OVERLOADED, 429, "engine_overloaded_error"),
    ("zhipu", Kind.REVOKED, 401, '"1000"'),
    ("zhipu", Kind.NO_MONEY, 429, '"1113"'),
    ("zhipu", Kind.ACCOUNT_BLOCKED, 429, '"1112"'),
    ("zhipu", Kind.PERMISSION_DENIED, 403, '"1220"'),
    ("zhipu", Kind.OVERLOADED, 429, '"1312"'),
    ("dashscope", Kind.REVOKED, 401, "invalid_api_key"),
    ("dashscope", Kind.NO_MONEY, 400, "Arrearage"),
    ("dashscope", Kind.PERMISSION_DENIED, 403, "Workspace.AccessDenied"),
    ("huggingface", Kind.REVOKED, 401, "Invalid credentials"),
    ("huggingface", Kind.NO_MONEY, 402, "included credits"),
    ("huggingface", Kind.PERMISSION_DENIED, 403, "sufficient permissions to call Inference Providers"),
    ("huggingface", Kind.OVERLOADED, 503, "is currently loading"),
    ("ollama", Kind.OVERLOADED, 503, "server busy"),
]


@pytest.mark.parametrize("case", REFUSALS, ids=lambda case: f"{case[0]}-{case[1]}")
async def test_a_refusal_comes_in_the_words_of_its_provider(
    simulator: Simulator, client: aiohttp.ClientSession, case: tuple[str, Kind, int, str]
) -> None:
    name, kind, status, text = case
    simulator.set(KEY, Behaviour(kind), name)

    got, headers, body = await probe(simulator, client, name)

    assert (got, headers["content-type"]) == (status, "application/json")
    assert text in body.decode()


@pytest.mark.parametrize("name", sorted(DIALECTS))
@pytest.mark.parametrize("kind", [Kind.REGION_BLOCKED, Kind.ACCOUNT_BLOCKED, Kind.PERMISSION_DENIED, Kind.NO_MONEY])
async def test_every_provider_refuses_in_every_way(
    simulator: Simulator, client: aiohttp.ClientSession, name: str, kind: Kind
) -> None:
    simulator.set(KEY, Behaviour(kind), name)

    status, _, body = await probe(simulator, client, name)

    assert 400 <= status < 500
    assert "error" in json.loads(body)


@pytest.mark.parametrize("name", sorted(DIALECTS.keys() - {"google-gemini"}))
async def test_throttling_tells_the_wait_only_if_asked_to(
    simulator: Simulator, client: aiohttp.ClientSession, name: str
) -> None:
    simulator.set(KEY, Behaviour.throttled(), name)
    silent = await probe(simulator, client, name)
    simulator.set(KEY, Behaviour.throttled(60), name)
    telling = await probe(simulator, client, name)

    assert (silent.status, telling.status) == (429, 429)
    assert "retry-after" not in silent.headers
    assert telling.headers["retry-after"] == "60"


async def test_gemini_tells_the_wait_in_its_body(simulator: Simulator, client: aiohttp.ClientSession) -> None:
    simulator.set(KEY, Behaviour.throttled(37), "google-gemini")

    status, headers, body = await probe(simulator, client, "google-gemini")

    details = json.loads(body)["error"]["details"]
    assert status == 429
    assert "retry-after" not in headers
    assert [one["retryDelay"] for one in details if one["@type"].endswith("RetryInfo")] == ["37s"]


@pytest.mark.parametrize("name", ["openai", "google-gemini"])
async def test_a_wait_may_be_an_http_date(simulator: Simulator, client: aiohttp.ClientSession, name: str) -> None:
    until = dt.datetime(2030, 5, 17, 12, 0, tzinfo=dt.timezone(dt.timedelta(hours=2)))
    simulator.set(KEY, Behaviour.throttled(until), name)

    _, headers, _ = await probe(simulator, client, name)

    assert headers["retry-after"] == "Fri, 17 May 2030 10:00:00 GMT"
    assert email.utils.parsedate_to_datetime(headers["retry-after"]) == until


@pytest.mark.parametrize("status", [500, 502, 503])
async def test_a_server_error_keeps_its_status_and_the_providers_shape(
    simulator: Simulator, client: aiohttp.ClientSession, status: int
) -> None:
    simulator.set(KEY, Behaviour.server_error(status), "anthropic")

    got, _, body = await probe(simulator, client, "anthropic")

    assert got == status
    assert json.loads(body)["error"]["type"] == "api_error"
