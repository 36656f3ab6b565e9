import json
from urllib.parse import parse_qs

import msgspec
import pytest

from llmkeys.api.provider import ProviderSpec
from llmkeys.api.reasons import Reason
from llmkeys.catalogue.loader import load
from llmkeys.crypto.secret import Secret
from llmkeys.probe.auth.exchange import as_probe, token_of
from llmkeys.probe.auth.scheme import CredentialUnusableError
from llmkeys.probe.build import build_probe, build_token_request
from llmkeys.probe.classify import classify
from llmkeys.probe.endpoint import resolve_endpoint
from llmkeys.probe.kind import Kind, kind_of
from llmkeys.probe.material import Material
from llmkeys.probe.reply import Reply
from llmkeys.probe.url import BadEndpointError
from llmkeys.probe.verdict import Verdict
from tests.unit.probe.auth.credentials import CANARY, NOW, spec_for

AZURE = load().find("azure-openai")
SECRET = Material((("clientSecret", Secret(f"{CANARY} &=")),))
JSON = {"content-type": "application/json"}


def kind(spec: ProviderSpec | None = None) -> Kind:
    return kind_of(resolve_endpoint(spec or spec_for(AZURE), AZURE), AZURE, SECRET)


def test_the_secret_goes_to_the_token_service_in_the_body_and_nowhere_else() -> None:
    entra = kind()
    request = build_token_request(entra.endpoint, entra.entry, SECRET)
    assert request is not None
    assert request.method == "POST"
    assert request.url == ("https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/oauth2/v2.0/token")
    assert request.secret_body is not None
    assert parse_qs(request.secret_body.reveal(), strict_parsing=True) == {
        "grant_type": ["client_credentials"],
        "client_id": ["66666666-7777-8888-9999-000000000000"],
        "client_secret": [f"{CANARY} &="],
        "scope": ["https://cognitiveservices.azure.com/.default"],
    }
    assert CANARY not in repr(request)


def test_the_probe_shows_the_token_and_not_the_secret() -> None:
    entra = kind()
    request = build_probe(entra.endpoint, entra.entry, SECRET, token=Secret("access"))
    assert [(name, secret.reveal()) for name, secret in request.secret_headers] == [("Authorization", "Bearer access")]
    assert request.url == "https://gw.example/openai/models?api-version=2024-10-21"
    with pytest.raises(CredentialUnusableError):
        build_probe(entra.endpoint, entra.entry, SECRET)


def test_another_token_service_is_the_platform_teams_choice() -> None:
    spec = msgspec.structs.replace(spec_for(AZURE), endpoints={"token": "https://login.chinacloudapi.cn/"})
    entra = kind(spec)
    assert entra.endpoint.token.startswith("https://login.chinacloudapi.cn/11111111-")


@pytest.mark.parametrize("missing", ["tenantId", "clientId"])
def test_a_setting_that_is_missing_is_named(missing: str) -> None:
    whole = spec_for(AZURE)
    spec = msgspec.structs.replace(whole, config={name: text for name, text in whole.config.items() if name != missing})
    with pytest.raises(BadEndpointError, match=missing):
        kind(spec)


def test_a_key_needs_none_of_those_settings() -> None:
    key = Material((("apiKey", Secret("k")),))
    usual = kind_of(resolve_endpoint(ProviderSpec("azure-openai", base_url="https://gw.example"), AZURE), AZURE, key)
    assert usual.entry.auth.scheme == "header"
    assert build_token_request(usual.endpoint, usual.entry, key) is None


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (200, {"token_type": "Bearer", "access_token": "eyJ.a.b", "expires_in": 3599}, Reason.VERIFIED),
        (200, {"token_type": "Bearer"}, Reason.UNRECOGNISED),
        (
            401,
            {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret"},
            Reason.REJECTED,
        ),
        (
            401,
            {"error": "invalid_client", "error_description": "AADSTS7000222: secret keys are expired"},
            Reason.EXPIRED,
        ),
        (400, {"error": "unauthorized_client", "error_description": "AADSTS700016: no app"}, Reason.PROBE_REFUSED),
        (400, {"error": "invalid_request", "error_description": "AADSTS90002: no tenant"}, Reason.PROBE_REFUSED),
        (429, {"error": "temporarily_unavailable"}, Reason.THROTTLED),
        (503, {"error": "temporarily_unavailable"}, Reason.OVERLOADED),
    ],
)
def test_the_answer_to_the_exchange_is_a_verdict_too(status: int, body: dict[str, str], reason: Reason) -> None:
    reply = Reply(status, JSON, json.dumps(body).encode())
    assert classify(reply, as_probe(kind().entry)).reason is reason


def test_the_token_is_read_from_the_reply() -> None:
    found = token_of(Reply(200, JSON, b'{"access_token": "eyJ.a.b"}'), kind().entry, NOW)
    assert isinstance(found, Secret)
    assert found.reveal() == "eyJ.a.b"


@pytest.mark.parametrize(
    "body", [b"{}", b'{"access_token": 7}', b'{"access_token": "a\\r\\nHost: b"}', b'{"access_token": ""}']
)
def test_a_success_without_a_token_that_can_be_shown_proves_nothing(body: bytes) -> None:
    found = token_of(Reply(200, JSON, body), kind().entry, NOW)
    assert isinstance(found, Verdict)
    assert found.reason is Reason.UNRECOGNISED


def test_a_type_without_an_exchange_is_its_own_probe() -> None:
    assert as_probe(AZURE) is AZURE
