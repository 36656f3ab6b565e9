import json
import re
import secrets

import pytest

from llmkeys.catalogue.loader import load
from llmkeys.catalogue.model import Provider
from llmkeys.crypto.secret import Secret
from llmkeys.probe.auth.registry import check
from llmkeys.probe.build import first_request
from llmkeys.probe.endpoint import resolve_endpoint
from llmkeys.probe.made_up import NOISE, made_up_key
from llmkeys.probe.material import MAX_DOCUMENT, MAX_KEY, Material
from tests.unit.probe.auth.credentials import NOW, material_for, service_account, spec_for

CATALOGUE = load()
KINDS = [kind for one in CATALOGUE.providers.values() for kind in one.kinds() if kind.secret_fields]
TOKENS = [one for one in CATALOGUE.providers.values() if one.auth.scheme in ("bearer", "header", "query")]


@pytest.mark.parametrize("entry", TOKENS, ids=lambda entry: entry.id)
def test_a_made_up_key_looks_like_one_of_the_type(entry: Provider) -> None:
    field = entry.secret_field(entry.auth.field)
    assert field is not None
    for _ in range(20):
        secret = made_up_key(entry, secrets.token_bytes(NOISE)).get(entry.auth.field)
        assert secret is not None
        text = secret.reveal()
        assert re.fullmatch(r"[!-~]{30,}", text)
        assert len(text) <= MAX_KEY
        assert not any(text.startswith(wrong.prefix) for wrong in field.wrong_type if not wrong.hosts)
        if field.prefixes:
            assert text.startswith(field.prefixes)


@pytest.mark.parametrize("kind", ["deepseek", "groq", "huggingface", "mistral", "openrouter", "perplexity", "xai"])
def test_a_made_up_key_keeps_to_the_known_pattern(kind: str) -> None:
    entry = CATALOGUE.find(kind)
    field = entry.secret_field("apiKey")
    secret = made_up_key(entry, secrets.token_bytes(NOISE)).get("apiKey")
    assert field is not None
    assert secret is not None
    assert re.fullmatch(field.pattern, secret.reveal())


def test_a_made_up_key_is_made_of_the_noise_alone() -> None:
    entry = CATALOGUE.find("openai-compatible")
    texts = {str(made_up_key(entry, bytes([one]) * NOISE).revealed()) for one in range(62)}
    assert len(texts) == 62


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.id}-{kind.auth.scheme}")
def test_a_key_of_any_kind_can_be_made_up_and_is_shown_as_a_real_one(kind: Provider) -> None:
    made_up = made_up_key(kind, secrets.token_bytes(NOISE))
    # What a credential may have besides, such as the token of a session, is not made up.
    real = Material(tuple(pair for pair in material_for(kind).items() if made_up.get(pair[0]) is not None))
    text = made_up.get(kind.auth.field)
    assert text is None or check(text.reveal(), kind.auth) is None
    assert kind.required_fields <= made_up.revealed().keys()
    endpoint = resolve_endpoint(spec_for(kind, "https://gw.example"), kind)
    requests = []
    for material in (made_up, real):
        request, with_token = first_request(endpoint, kind, material, NOW)
        requests.append(with_token(Secret("token")) if with_token else request)
    shown, as_real = requests
    assert (shown.method, shown.url) == (as_real.method, as_real.url)
    assert [name for name, _ in shown.secret_headers] == [name for name, _ in as_real.secret_headers]
    assert [name for name, _ in shown.secret_query] == [name for name, _ in as_real.secret_query]
    assert (shown.secret_body is None) == (as_real.secret_body is None)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: f"{kind.id}-{kind.auth.scheme}")
def test_nothing_of_a_made_up_key_comes_twice(kind: Provider) -> None:
    one, other = (made_up_key(kind, bytes([byte]) * NOISE).revealed() for byte in (1, 2))
    assert len(set(one.values())) == len(one)
    assert not set(one.values()) & set(other.values())
    assert all(len(text) <= (MAX_DOCUMENT if text.startswith("{") else MAX_KEY) for text in one.values())


def test_a_made_up_service_account_signs_with_a_key_of_its_own_that_is_made_once() -> None:
    kind = CATALOGUE.find("google-vertex")
    one, other = (made_up_key(kind, bytes([byte]) * NOISE).get(kind.auth.field) for byte in (1, 2))
    assert one is not None
    assert other is not None
    keys = [json.loads(text.reveal())["private_key"] for text in (one, other)]
    assert keys[0] == keys[1]
    assert keys[0] != json.loads(service_account())["private_key"]
