"""Every exchange of every provider: the request as it must look, and what each reply means."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import msgspec
import pytest
import yaml

from llmkeys.api.provider import ProviderSpec
from llmkeys.catalogue.loader import load
from llmkeys.catalogue.model import Provider
from llmkeys.crypto.secret import Secret
from llmkeys.probe.auth.exchange import as_probe
from llmkeys.probe.build import build_probe, build_token_request
from llmkeys.probe.classify import classify
from llmkeys.probe.endpoint import resolve_endpoint
from llmkeys.probe.kind import kind_of
from llmkeys.probe.material import Material
from llmkeys.probe.reply import Reply
from llmkeys.probe.request import ProbeRequest
from tests.unit.probe.auth.credentials import NOW, pem

FOLDER = Path(__file__).parents[2] / "fixtures" / "exchanges"
CATALOGUE = load()
LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # many times faster, and as safe
EXCHANGES: dict[str, Any] = {
    path.stem: yaml.load(path.read_text(encoding="utf-8"), Loader=LOADER)  # noqa: S506
    for path in sorted(FOLDER.glob("*.yaml"))
}


def as_reply(given: dict[str, Any]) -> Reply:
    body = given["text"].encode() if "text" in given else msgspec.json.encode(given["body"])
    headers = {"content-type": given.get("content_type", "application/json"), **given.get("headers", {})}
    return Reply(given["status"], headers, body)


@pytest.mark.parametrize("provider", sorted(EXCHANGES))
def test_a_reply_means_what_the_evidence_says(provider: str) -> None:
    wrong = {
        given["name"]: found for given in EXCHANGES[provider]["replies"] if (found := differences(provider, given))
    }
    assert wrong == {}


def differences(provider: str, given: dict[str, Any]) -> dict[str, Any]:
    """What the verdict says otherwise than the exchange does."""
    verdict = classify(as_reply(given), answered(provider, given))
    found = {"verdict": verdict.reason.value, "status": verdict.status, "detail": verdict.detail}
    found |= {"retry_after": verdict.retry_after}
    wanted = {"detail": verdict.detail, "retry_after": None, **given}
    return {name: value for name, value in found.items() if value != wanted[name]}


def answered(provider: str, given: dict[str, Any]) -> Provider:
    """The provider as the reply is read: of the usual kind of credential, or of the alternative that it names."""
    entry = CATALOGUE.find(provider)
    names = ["", *(one.name for one in entry.alternatives)]
    kind = entry.kinds()[names.index(given.get("kind", ""))]
    return as_probe(kind) if given.get("of") == "token" else kind


def material_of(exchange: dict[str, Any]) -> Material:
    """The secret fields that an exchange names, `KEY` for the usual one; a document may hold a private key."""

    def text(value: Any) -> str:
        return value if isinstance(value, str) else json.dumps(value).replace('"PEM"', json.dumps(pem()))

    fields = exchange.get("fields", {"apiKey": "KEY"})
    return Material(tuple((name, Secret(text(value))) for name, value in fields.items()))


@pytest.mark.parametrize("provider", sorted(EXCHANGES))
def test_the_probe_looks_as_the_provider_wants_it(provider: str) -> None:
    exchange = EXCHANGES[provider]
    for kind in (exchange, *exchange.get("alternatives", ())):
        check_request(provider, kind)


def check_request(provider: str, exchange: dict[str, Any]) -> None:
    entry = CATALOGUE.find(provider)
    spec = ProviderSpec(type=provider, base_url=exchange.get("base"), config=exchange.get("config", {}))
    material = material_of(exchange)
    kind = kind_of(resolve_endpoint(spec, entry), entry, material)
    wanted = exchange["request"]
    if "token" in exchange:
        before = build_token_request(kind.endpoint, kind.entry, material)
        assert before is not None
        assert shown(before) == {"headers": {}, "query": {}, "form": {}, "body": None} | exchange["token"]
    token = Secret("TOKEN") if "token" in exchange else None
    request = build_probe(kind.endpoint, kind.entry, material, NOW, token)
    assert shown(request) == {"headers": {}, "query": {}, "form": {}, "body": wanted_body(kind.entry, wanted)} | wanted


def wanted_body(entry: Provider, wanted: dict[str, Any]) -> Any:
    return wanted.get("body", entry.probe.body)


def shown(request: ProbeRequest) -> dict[str, Any]:
    """A request as an exchange writes it down, its secrets revealed; an assertion is looked at elsewhere."""
    secrets = {name: secret.reveal() for name, secret in request.secret_headers}
    form = dict(parse_qsl(request.secret_body.reveal(), strict_parsing=True)) if request.secret_body else {}
    return {
        "method": request.method,
        "url": request.url,
        "headers": secrets | {name: value for name, value in request.headers if name != "Accept"},
        "query": {name: secret.reveal() for name, secret in request.secret_query},
        "form": form | ({"assertion": "SIGNED"} if "assertion" in form else {}),
        "body": json.loads(request.body) if request.body else None,
    }


def test_every_provider_has_exchanges() -> None:
    assert set(EXCHANGES) == set(CATALOGUE.providers)
    for provider, exchange in EXCHANGES.items():
        named = [one["name"] for one in exchange.get("alternatives", ())]
        assert named == [one.name for one in CATALOGUE.find(provider).alternatives]


def test_exchanges_show_the_cases_that_matter() -> None:
    for provider, exchange in EXCHANGES.items():
        names = " ".join(reply["name"] for reply in exchange["replies"])
        for case in ("success", "bad key", "throttled", "no money", "overload", "firewall's page"):
            assert case in names, provider
        assert all(reply["ev"] in "DCFK" for reply in exchange["replies"])
