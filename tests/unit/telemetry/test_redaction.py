import base64
import string
from importlib.resources import files
from urllib.parse import quote

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.telemetry.redaction import PREFIXES, Redactor, redact

ALPHABET = string.ascii_letters + string.digits
SHAPES = {
    "plain": "{}",
    "in a sentence": "Incorrect API key provided: {}. You can find yours on the console.",
    "quoted": "rejected '{}'",
    "header": "Authorization: Bearer {}",
    "basic": "authorization: Basic {}",
    "header in a dictionary": "{{'Authorization': 'Bearer {}', 'Accept': '*/*'}}",
    "header in json": '{{"x-api-key": "{}"}}',
    "header in escaped json": '{{\\"x-api-key\\": \\"{}\\"}}',
    "header in a list": "[('x-goog-api-key', '{}')]",
    "header in bytes": "[(b'api-key', b'{}')]",
    "query": "GET /v1beta/models?key={}&pageSize=1 failed",
    "later in the query": "GET /v1/models?page=1&access_token={} failed",
    "url": "Cannot connect to https://generativelanguage.googleapis.com/v1beta/models?key={}",
    "any parameter of a url": "ws://host/path?x={}&y=1",
    "userinfo": "https://user:{}@proxy.corp:3128/x",
    "user": "https://{}@proxy.corp",
    "assignment": "OPENAI_API_KEY={}",
    "yaml": "apiKey: {}",
    "python": "api_key='{}'",
    "password": "password = {}",
}
canaries = st.text(ALPHABET, min_size=24, max_size=60).filter(
    lambda text: any(c.isdigit() for c in text) and any(c.isupper() for c in text) and any(c.islower() for c in text)
)


@pytest.mark.parametrize("shape", SHAPES)
@given(prefix=st.sampled_from(PREFIXES), tail=canaries)
def test_a_key_with_a_known_beginning_is_masked_wherever_it_stands(shape: str, prefix: str, tail: str) -> None:
    assert tail not in redact(SHAPES[shape].format(prefix + tail))


@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape not in {"plain", "quoted"}])
@given(canary=canaries)
def test_a_key_of_unknown_form_is_masked_where_its_place_tells(shape: str, canary: str) -> None:
    assert canary not in redact(SHAPES[shape].format(canary))


@given(prefix=st.sampled_from([p for p in PREFIXES if len(p) >= 3]), tail=canaries)
def test_a_key_is_masked_in_base64_hex_and_escaped(prefix: str, tail: str) -> None:
    raw = (prefix + tail).encode()
    for form in (base64.b64encode(raw).decode(), raw.hex(), raw.hex().upper(), quote(prefix + tail, safe="")):
        assert form[12:] not in redact(f"data: {form}")


@pytest.mark.parametrize(
    "text",
    [
        "the key is 0123456789abcdef0123456789abcdef",
        "token 3f2504e0-4f89-11d3-9a0c-0305e82c3301 refused",
        "secret=0123456789abcdef0123456789abcdef.ABCDEFGHIJKLMNOP",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJlLW9mLXRoZS10b2tlbg",
        "Proxy-Authorization: Digest 0123456789",
    ],
)
def test_forms_without_a_prefix_are_masked(text: str) -> None:
    assert "***" in redact(text)
    assert "0123456789abcdef" not in redact(text)
    assert "c2lnbmF0dXJl" not in redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "reconciled team-a/openai in 12 ms",
        "key team-a/openai-production is queued",
        "secret team-a/openai written, resourceVersion 123456",
        "pod ms-gateway-7d9f8b6c5d-x2x4z in namespace pa-platform",
        "https://api.openai.com/v1/models answered 401",
        "uid 3f2504e0-4f89-11d3-9a0c-0305e82c3301",
        "risk-averse task-list disk-pressure",
        "",
    ],
)
def test_what_operators_need_to_read_stays(text: str) -> None:
    assert redact(text) == text


@given(st.text())
def test_any_text_is_redacted_without_an_error_and_twice_is_as_once(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


@pytest.mark.parametrize(
    "piece", ["pa-", "sk-", "key", "key ", "?a=", "://", "://a?", "Bearer ", "a", "=", "eyJ.", "key:A", "secret a1"]
)
def test_a_long_hostile_text_takes_linear_time(piece: str) -> None:
    # A pattern that went back and forth over it would not end within the run.
    redact(piece * (300_000 // len(piece)))


def test_prefixes_are_the_callers() -> None:
    assert Redactor(["zz-"]).redact("zz-0123456789 sk-0123456789") == "zz-*** sk-0123456789"


def test_every_prefix_of_the_catalogue_is_known_here() -> None:
    rules = yaml.safe_load(files("llmkeys.catalogue").joinpath("redaction.yaml").read_text("utf-8"))
    assert set(rules["prefixes"]) <= set(PREFIXES)
