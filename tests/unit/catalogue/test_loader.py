from collections.abc import Callable
from importlib.resources import files
from pathlib import Path
from shutil import copy
from typing import Any

import pytest

from llmkeys.catalogue.errors import CatalogueError
from llmkeys.catalogue.loader import load

OWN = Path(str(files("llmkeys.catalogue")))
CATALOGUE = load()
IDS = {file.stem for file in (OWN / "providers").glob("*.yaml")}
MINIMAL = """\
id: made-up
names: {en: Made up}
kind: vendor
endpoints: [{region: global, url: "https://api.made-up.example/v1"}]
default_region: global
version: v1
paths: {chat: /chat/completions, models: /models}
auth: {scheme: bearer}
secret_fields:
- {name: apiKey, env: [MADE_UP_API_KEY]}
config_fields:
- {name: tenant}
- {name: zone, pattern: "[a-z]+"}
probe: {method: GET, path: /models, authenticated: true, cost: zero, ev: D}
errors:
- {status: 401, is: InvalidKey, ev: D}
"""

Write = Callable[[str, str], Path]


FEW = ("google-gemini", "ollama", "openai")


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A small catalogue with one more provider in it."""

    def written(text: str, name: str = "made-up.yaml") -> Path:
        folder = tmp_path / "catalogue"
        (folder / "providers").mkdir(parents=True, exist_ok=True)
        shared = (OWN / "default_rules.yaml", OWN / "redaction.yaml")
        for path in (*shared, *(OWN / "providers" / f"{one}.yaml" for one in FEW)):
            copy(path, folder / path.relative_to(OWN))
        (folder / "providers" / name).write_text(text, encoding="utf-8")
        return folder

    return written


def test_the_products_own_files_load_without_a_fault() -> None:
    assert CATALOGUE.faults == ()
    assert set(CATALOGUE.providers) == IDS


def test_a_file_without_mistakes_is_one_more_type(write: Write) -> None:
    catalogue = load(write(MINIMAL, "made-up.yaml"))
    assert catalogue.faults == ()
    provider = catalogue.find("Made Up")
    assert provider.key_required
    assert provider.hosts == {"api.made-up.example"}
    assert provider.known_paths == ("/chat/completions", "/models")


@pytest.mark.parametrize(
    ("old", "new", "field", "line"),
    [
        ("kind: vendor", "kind: vender", "kind", 3),
        ("version: v1", "verzion: v1", "", 6),
        ("path: /models, authenticated", "path: models, authenticated", "probe.path", 14),
        ("path: /models, authenticated", "path: /models?a=b, authenticated", "probe.path", 14),
        ("method: GET", "method: DELETE", "probe.method", 14),
        ("authenticated: true", "authenticated: perhaps", "probe.authenticated", 14),
        ("cost: zero, ", "", "probe", 14),
        ("path: /models, authenticated", "path: /models, endpoint: token, authenticated", "probe.endpoint", 14),
        ("id: made-up", "id: makeup", "id", 1),
        ("default_region: global", "default_region: mars", "default_region", 5),
        ("https://api", "http://api", "endpoints[0].url", 4),
        ("https://api", "https://me@api", "endpoints[0].url", 4),
        (".example/v1", ".example/v1/", "endpoints[0].url", 4),
        ("//api.", "//{apiKey}.", "endpoints[0].url", 4),
        ("//api.", "//{tenant}.", "endpoints[0].url", 4),
        ('[{region: global, url: "https://api.made-up.example/v1"}]', "[]", "default_region", 5),
        ("scheme: bearer", "scheme: header", "auth.header", 8),
        ("scheme: bearer", "scheme: bearer, field: password", "auth.field", 8),
        ("scheme: bearer", "scheme: bearer, optional_headers: {X-A: nothing}", "auth.optional_headers.X-A", 8),
        ("[a-z]+", "[a-z", "config_fields[1].pattern", 13),
        ("scheme: bearer", "scheme: bearer, fields: [apiKey]", "auth.fields", 8),
        ("scheme: bearer", "scheme: aws_sigv4, service: x", "auth.scheme", 8),
        ("scheme: bearer", "scheme: oauth_creds_json", "auth.file", 8),
        ("scheme: bearer", "scheme: bearer, region_field: place", "auth.region_field", 8),
        (
            "version: v1",
            "version: v1\nother_endpoints: {token: 'https://{zone}.made-up.example'}",
            "other_endpoints.token",
            7,
        ),
        (
            "secret_fields:",
            "alternatives: [{name: b, auth: {scheme: bearer}, secret_fields: [{name: apiKey}]}]\nsecret_fields:",
            "secret_fields",
            10,
        ),
        ("is: InvalidKey", "is: Wrong", "errors[0].is", 16),
        ("status: 401, is", "is", "errors[0]", 16),
        ("status: 401, is", "status: 401, at: error.code, is", "errors[0]", 16),
        ("status: 401, is", "status: 401, contains: [x], is", "errors[0]", 16),
        ("status: 401, is", "status: 401, any_status: true, is", "errors[0]", 16),
        ("status: 401, is", "status: 401, at: a, header: b, contains: [x], is", "errors[0]", 16),
        ("status: 401, is", "status: 401, phase: first, is", "errors[0].phase", 16),
        ("status: 401, is", "status: 401, header: X-Up, contains: [x], is", "errors[0].header", 16),
        ("names: {en: Made up}", "names: {en: Made up", "", 3),
    ],
)
def test_a_mistake_is_reported_with_its_place_and_the_others_still_load(
    write: Write, old: str, new: str, field: str, line: int
) -> None:
    assert old in MINIMAL
    catalogue = load(write(MINIMAL.replace(old, new), "made-up.yaml"))
    assert set(catalogue.providers) == set(FEW)
    (fault,) = catalogue.faults
    assert (fault.file, fault.field, fault.line) == ("made-up.yaml", field, line)
    assert str(fault).startswith("made-up.yaml")


def test_a_name_that_two_providers_claim_stays_with_the_first_file_and_is_a_fault_of_the_second(write: Write) -> None:
    catalogue = load(write(MINIMAL + "aliases: {other: [Ollama, Gemini]}\n", "made-up.yaml"))
    # An id is stronger than an alias; of equals, the first file by name keeps it.
    assert {(fault.file, fault.field) for fault in catalogue.faults} == {("made-up.yaml", "aliases.other")}
    assert len(catalogue.faults) == 2
    assert (catalogue.find("ollama").id, catalogue.find("gemini").id) == ("ollama", "google-gemini")


@pytest.mark.parametrize("content", ["", "[]", "just text", "id: [", "\x00"])
def test_a_file_of_another_shape_is_a_fault(write: Write, content: str) -> None:
    catalogue = load(write(content, "made-up.yaml"))
    assert [fault.file for fault in catalogue.faults] == ["made-up.yaml"]
    assert set(catalogue.providers) == set(FEW)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("default_rules.yaml", "errors: [{status: 401}]"),
        ("default_rules.yaml", "errors: [{is: InvalidKey}]"),
        ("redaction.yaml", "prefix: [sk-]"),
        ("redaction.yaml", ": ["),
    ],
)
def test_nothing_works_without_the_files_for_all(write: Write, name: str, content: str) -> None:
    folder = write(MINIMAL, "made-up.yaml")
    (folder / name).write_text(content, encoding="utf-8")
    with pytest.raises(CatalogueError, match=name):
        load(folder)


def digest(folder: Path) -> str:
    return load(folder).find("made-up").digest


@pytest.mark.parametrize(
    ("old", "new", "changes"),
    [
        ("status: 401", "status: 403", True),
        ("path: /models, authenticated", "path: /me, authenticated", True),
        ("authenticated: true", "authenticated: unknown", True),
        ("api.made-up", "www.made-up", True),
        ("is: InvalidKey, ev: D", "is: InvalidKey, ev: F, note: seen", False),
        ("names: {en: Made up}", "names: {en: Renamed}", False),
    ],
)
def test_the_digest_follows_what_decides_a_verdict_and_nothing_else(
    write: Write, old: str, new: str, *, changes: bool
) -> None:
    before = digest(write(MINIMAL, "made-up.yaml"))
    assert before == digest(write(MINIMAL, "made-up.yaml"))
    assert (digest(write(MINIMAL.replace(old, new), "made-up.yaml")) != before) is changes


def test_the_digest_follows_the_default_rules(write: Write) -> None:
    folder = write(MINIMAL, "made-up.yaml")
    before = digest(folder)
    rules = folder / "default_rules.yaml"
    rules.write_text(rules.read_text(encoding="utf-8").replace("status: 529", "status: 530"), encoding="utf-8")
    assert digest(folder) != before


def test_hosts_shared_by_tenants_hold_for_every_type() -> None:
    assert all("gateway.ai.cloudflare.com" in one.shared_hosts for one in CATALOGUE.providers.values())


@pytest.mark.parametrize(
    ("provider", "value", "host", "wrong"),
    [
        ("openai", "sk-proj-abc", "api.openai.com", False),
        ("openai", "sk-admin-abc", "gateway.example", True),
        ("openai", "sk-ant-api03-abc", "api.openai.com", True),
        ("openai", "sk-ant-api03-abc", "gateway.example", False),
        ("anthropic", "sk-ant-api03-abc", "api.anthropic.com", False),
        ("anthropic", "sk-ant-oat01-abc", "gateway.example", True),
        ("anthropic", "sk-ant-admin01-abc", "api.anthropic.com", True),
        ("google-gemini", "AIzaSyabc", "generativelanguage.googleapis.com", False),
        ("google-gemini", "AQ.abc", "generativelanguage.googleapis.com", False),
        ("google-gemini", "ya29.abc", "gateway.example", True),
        ("moonshot", "sk-abc", "api.moonshot.cn", False),
        ("moonshot", "sk-kimi-abc", "api.moonshot.cn", True),
        ("moonshot", "sk-kimi-abc", "api.kimi.com", False),
        ("dashscope", "sk-sp-abc", "dashscope.aliyuncs.com", True),
        ("dashscope", "sk-sp-abc", "coding.dashscope.aliyuncs.com", False),
        ("openrouter", "sk-or-v1-abc", "openrouter.ai", False),
        ("volcengine-ark", "AKLTabc", "gateway.example", True),
        ("baidu-qianfan", "ALTAKabc", "qianfan.baidubce.com", True),
        ("baidu-qianfan", "bce-v3/ALTAK-abc/def", "qianfan.baidubce.com", False),
        ("openai-compatible", "sk-ant-oat01-abc", "gateway.example", False),
    ],
)
def test_another_kind_of_credential_is_known_by_its_beginning(
    provider: str, value: str, host: str, *, wrong: bool
) -> None:
    (field,) = CATALOGUE.find(provider).secret_fields
    hits = [one for one in field.wrong_type if value.startswith(one.prefix) and (not one.hosts or host in one.hosts)]
    assert bool(hits) is wrong


CARRIED: dict[str, dict[str, Any]] = {
    "a signature with three secrets and a region": {
        "auth: {scheme: bearer}": "auth: {scheme: aws_sigv4, field: accessKeyId, service: bedrock, region_field: zone}",
        "- {name: apiKey, env: [MADE_UP_API_KEY]}": (
            "- {name: accessKeyId, env: [AWS_ACCESS_KEY_ID], prefixes: [AKIA, ASIA]}\n"
            "- {name: secretAccessKey, env: [AWS_SECRET_ACCESS_KEY]}\n"
            "- {name: sessionToken, env: [AWS_SESSION_TOKEN], optional: true}"
        ),
        "https://api.made-up": "https://bedrock.{zone}.made-up",
        "errors:": (
            "alternatives:\n"
            "- {name: bearer, auth: {scheme: bearer, field: bearerToken}, secret_fields: [{name: bearerToken}]}\n"
            "errors:\n- {status: 403, header: x-amzn-errortype, contains: [ExpiredToken], is: KeyExpired, ev: F}"
        ),
    },
    "a service account's document that is exchanged for a token": {
        "auth: {scheme: bearer}": (
            "other_endpoints: {token: 'https://oauth2.made-up.example'}\n"
            "auth: {scheme: gcp_service_account, field: serviceAccountJson, scope: 'https://made-up.example/auth',"
            " audience: 'https://oauth2.made-up.example/token',"
            " file: {required: [private_key], address: token_uri, allowed_addresses: [oauth2.made-up.example]}}"
        ),
        "- {name: apiKey, env: [MADE_UP_API_KEY]}": "- {name: serviceAccountJson, type: json}",
    },
    "an OAuth client's file of many shapes, of a service that closed": {
        "auth: {scheme: bearer}": (
            "auth:\n  scheme: oauth_creds_json\n  field: oauth_creds.json\n"
            "  file: {access_token: [access_token, claudeAiOauth.accessToken], expiry: [expiry_date, expires_at],"
            " address: resource_url, allowed_addresses: [api.made-up.example],"
            " foreign: [{at: type, prefix: service, kind: {en: another file}}]}\n"
            "lifecycle: {state: closed, since: 2026-04-15, note: {en: closed}}"
        ),
        "- {name: apiKey, env: [MADE_UP_API_KEY]}": (
            "- {name: oauth_creds.json, type: json, default_file: ~/.x/creds.json}"
        ),
    },
    "a secret that is exchanged for a token before the probe": {
        "auth: {scheme: bearer}": (
            "other_endpoints: {token: 'https://login.made-up.example'}\n"
            "auth: {scheme: oauth_client_credentials, exchange: {endpoint: token, path: '/{zone}/token',"
            " form: {client_secret: '{apiKey}'}}}"
        ),
    },
    "a key in the query, and a probe that posts a form elsewhere": {
        "auth: {scheme: bearer}": (
            "other_endpoints: {token: 'https://keys.made-up.example'}\nauth: {scheme: query, query: key}"
        ),
        "method: GET, path: /models": 'method: POST, endpoint: token, path: /v3/info, form: {credentials: "{apiKey}"}',
        "cost: zero": "cost: one-token, body: {model: m, input: [a]}, success: {json: none, status: [200, 204]}",
    },
}


@pytest.mark.parametrize("case", sorted(CARRIED))
def test_the_format_carries(write: Write, case: str) -> None:
    text = MINIMAL
    for old, new in CARRIED[case].items():
        assert old in text
        text = text.replace(old, new, 1)
    catalogue = load(write(text, "made-up.yaml"))
    assert catalogue.faults == ()
    assert catalogue.find("made-up").auth.scheme in text
