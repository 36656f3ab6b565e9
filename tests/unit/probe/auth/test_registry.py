from typing import get_args, get_type_hints

import pytest

from llmkeys.catalogue.credential import Auth
from llmkeys.catalogue.loader import load
from llmkeys.crypto.secret import Secret
from llmkeys.probe.auth.registry import SCHEMES
from llmkeys.probe.auth.scheme import Showing
from llmkeys.probe.auth.template import filled_body
from llmkeys.probe.build import build_probe
from llmkeys.probe.endpoint import resolve_endpoint
from llmkeys.probe.kind import kind_of
from llmkeys.probe.request import ProbeRequest
from tests.unit.probe.auth.credentials import CANARY, NOW, material_for, pem, spec_for

CATALOGUE = load()
KINDS = [(entry.id, place) for entry in CATALOGUE.providers.values() for place in range(len(entry.kinds()))]
PLAIN = ProbeRequest("GET", "https://a.example/v1/models")


def test_every_scheme_of_the_catalogue_is_known_and_no_other() -> None:
    assert set(SCHEMES) == set(get_args(get_type_hints(Auth)["scheme"]))


@pytest.mark.parametrize(("kind", "place"), KINDS)
def test_a_credential_is_in_the_secret_parts_of_its_probe_only(kind: str, place: int) -> None:
    entry = CATALOGUE.find(kind)
    material = material_for(entry.kinds()[place])
    found = kind_of(resolve_endpoint(spec_for(entry), entry), entry, material)
    assert found.entry.auth == entry.kinds()[place].auth
    token = Secret(CANARY) if found.entry.auth.exchange else None
    request = build_probe(found.endpoint, found.entry, material, NOW, token)
    shown = (request.url, request.body.decode(), repr(request), *(text for pair in request.headers for text in pair))
    assert not any(CANARY in text or pem()[60:100] in text for text in shown)
    assert request.secret_headers or request.secret_query or request.secret_body or entry.auth.scheme == "none"
    assert not any(name.lower() in ("authorization", "x-api-key", "api-key") for name, _ in request.headers)


@pytest.mark.parametrize(("kind", "place"), KINDS)
def test_a_probe_goes_where_the_manifest_and_the_catalogue_say(kind: str, place: int) -> None:
    entry = CATALOGUE.find(kind)
    material = material_for(entry.kinds()[place])
    found = kind_of(resolve_endpoint(spec_for(entry), entry), entry, material)
    token = Secret(CANARY) if found.entry.auth.exchange else None
    request = build_probe(found.endpoint, found.entry, material, NOW, token)
    allowed = ("https://gw.example/", "https://gw.example:", *(f"{url}/" for url in entry.other_endpoints.values()))
    assert request.url.startswith(allowed)


def showing(auth: Auth, **fields: str) -> Showing:
    return Showing(auth, {name: Secret(text) for name, text in fields.items()}, {})


def test_a_pair_is_joined_by_a_colon() -> None:
    auth = Auth(scheme="bearer_pair", fields=("apiKey", "apiSecret"))
    request = SCHEMES["bearer_pair"](PLAIN, showing(auth, apiSecret="s", apiKey="k"))
    assert [secret.reveal() for _, secret in request.secret_headers] == ["Bearer k:s"]


def test_a_header_may_begin_with_a_word_of_its_own() -> None:
    auth = Auth(scheme="header", header="Authorization", prefix="token ")
    request = SCHEMES["header"](PLAIN, showing(auth, apiKey="k"))
    assert [(name, secret.reveal()) for name, secret in request.secret_headers] == [("Authorization", "token k")]


def test_several_parameters_may_be_secret() -> None:
    auth = Auth(scheme="query", parameters={"client_id": "a", "client_secret": "b"})
    request = SCHEMES["query"](PLAIN, showing(auth, a="1", b="2"))
    assert [(name, secret.reveal()) for name, secret in request.secret_query] == [
        ("client_id", "1"),
        ("client_secret", "2"),
    ]


def test_a_member_of_a_body_that_needs_a_missing_setting_is_left_out() -> None:
    body = {"project": "{projectId}", "metadata": {"a": 1, "b": "x-{projectId}"}, "list": ["{projectId}", "c"]}
    assert filled_body(body, {}) == {"metadata": {"a": 1}, "list": ["c"]}
    assert filled_body(body, {"projectId": "p"}) == {
        "project": "p",
        "metadata": {"a": 1, "b": "x-p"},
        "list": ["p", "c"],
    }
