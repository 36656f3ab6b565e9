"""Every exchange of every provider: the request as it must look, and what each reply means."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from llmkeys.api.provider import ProviderSpec
from llmkeys.catalogue.loader import load
from llmkeys.crypto.secret import Secret
from llmkeys.probe.build import build_probe
from llmkeys.probe.classify import classify
from llmkeys.probe.endpoint import resolve_endpoint
from llmkeys.probe.material import Material
from llmkeys.probe.reply import Reply

FOLDER = Path(__file__).parents[2] / "fixtures" / "exchanges"
CATALOGUE = load()
EXCHANGES: dict[str, Any] = {
    path.stem: yaml.safe_load(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.yaml"))
}


def replies() -> Iterator[Any]:
    for provider, exchange in EXCHANGES.items():
        for reply in exchange["replies"]:
            yield pytest.param(provider, reply, id=f"{provider}-{reply['name']}")


def as_reply(given: dict[str, Any]) -> Reply:
    body = given["text"].encode() if "text" in given else msgspec.json.encode(given["body"])
    headers = {"content-type": given.get("content_type", "application/json"), **given.get("headers", {})}
    return Reply(given["status"], headers, body)


@pytest.mark.parametrize(("provider", "given"), list(replies()))
def test_a_reply_means_what_the_evidence_says(provider: str, given: dict[str, Any]) -> None:
    verdict = classify(as_reply(given), CATALOGUE.find(provider))
    assert verdict.reason.value == given["verdict"]
    assert verdict.status == given["status"]
    if "detail" in given:
        assert verdict.detail == given["detail"]
    assert verdict.retry_after == given.get("retry_after")


@pytest.mark.parametrize("provider", sorted(EXCHANGES))
def test_the_probe_looks_as_the_provider_wants_it(provider: str) -> None:
    exchange = EXCHANGES[provider]
    entry = CATALOGUE.find(provider)
    spec = ProviderSpec(type=provider, base_url=exchange.get("base"), config=exchange.get("config", {}))
    request = build_probe(resolve_endpoint(spec, entry), entry, Material((("apiKey", Secret("KEY")),)))
    sent = {name: secret.reveal() for name, secret in request.secret_headers}
    fixed = {name: value for name, value in request.headers if name != "Accept"}
    assert (request.method, request.url) == (exchange["request"]["method"], exchange["request"]["url"])
    assert sent | fixed == exchange["request"]["headers"]
    assert request.secret_query == ()


def test_every_provider_has_exchanges() -> None:
    assert set(EXCHANGES) == set(CATALOGUE.providers)


@pytest.mark.parametrize("provider", sorted(EXCHANGES))
def test_exchanges_show_the_cases_that_matter(provider: str) -> None:
    names = " ".join(reply["name"] for reply in EXCHANGES[provider]["replies"])
    for case in ("success", "bad key", "throttled", "no money", "overload", "firewall's page"):
        assert case in names
    assert all(reply["ev"] in "DCFK" for reply in EXCHANGES[provider]["replies"])
