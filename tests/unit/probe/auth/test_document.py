import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.api.reasons import Reason
from llmkeys.catalogue.loader import load
from llmkeys.crypto.secret import Secret
from llmkeys.probe.auth import oauth_file
from llmkeys.probe.auth.document import ended, problem_in, read, settings_in
from llmkeys.probe.auth.scheme import CredentialUnusableError, Showing
from llmkeys.probe.request import ProbeRequest
from tests.unit.probe.auth.credentials import NOW, service_account

CATALOGUE = load()
QWEN = {
    "access_token": "qwen-access",
    "refresh_token": "qwen-refresh",
    "token_type": "Bearer",
    "resource_url": "portal.qwen.ai",
    "expiry_date": 1767229200000,
}
GEMINI = {
    "access_token": "ya29.gemini-access",
    "refresh_token": "1//gemini-refresh",
    "scope": "https://www.googleapis.com/auth/cloud-platform openid",
    "token_type": "Bearer",
    "id_token": "eyJ.a.b",
    "expiry_date": 1767229200000.5,
}
CLAUDE = {
    "claudeAiOauth": {
        "accessToken": "sk-ant-oat01-claude",
        "refreshToken": "sk-ant-ort01-claude",
        "expiresAt": 1767229200000,
        "scopes": ["user:inference", "user:profile"],
        "subscriptionType": "max",
    }
}
CLAUDE_FLAT = {"access_token": "sk-ant-oat01-flat", "refresh_token": "sk-ant-ort01-flat", "expires_at": 1767229200000}
CLAUDE_BARE = {"accessToken": "sk-ant-oat01-bare", "expiresAt": 1767229200}


def bearer_of(kind: str, document: Any) -> str:
    auth = CATALOGUE.find(kind).auth
    showing = Showing(auth, {auth.field: Secret(json.dumps(document))}, {})
    ((_, secret),) = oauth_file.show(ProbeRequest("GET", "https://a.example"), showing).secret_headers
    return secret.reveal()


@pytest.mark.parametrize(
    ("kind", "document", "token"),
    [
        ("qwen-code", QWEN, "qwen-access"),
        ("gemini-cli", GEMINI, "ya29.gemini-access"),
        ("claude-code", CLAUDE, "sk-ant-oat01-claude"),
        ("claude-code", CLAUDE_FLAT, "sk-ant-oat01-flat"),
        ("claude-code", CLAUDE_BARE, "sk-ant-oat01-bare"),
    ],
)
def test_the_access_token_is_read_from_every_known_shape(kind: str, document: Any, token: str) -> None:
    assert bearer_of(kind, document) == f"Bearer {token}"


def test_no_file_is_sent_as_a_whole_and_no_refresh_token_at_all() -> None:
    for kind, document in (("qwen-code", QWEN), ("gemini-cli", GEMINI), ("claude-code", CLAUDE)):
        assert "refresh" not in bearer_of(kind, document)
        assert "ort01" not in bearer_of(kind, document)


# -- which file it is -----------------------------------------------------------------------------------------

FILES = {"Qwen Code": QWEN, "Gemini CLI": GEMINI, "Claude Code": CLAUDE}
TYPES = {"Qwen Code": "qwen-code", "Gemini CLI": "gemini-cli", "Claude Code": "claude-code"}


@pytest.mark.parametrize("wanted", sorted(TYPES))
@pytest.mark.parametrize("given", sorted(FILES))
def test_another_tools_file_is_called_by_its_name(wanted: str, given: str) -> None:
    problem = oauth_file.check(json.dumps(FILES[given]), CATALOGUE.find(TYPES[wanted]).auth)
    if wanted == given:
        assert problem is None
    else:
        assert problem is not None
        assert (problem.reason, problem.because) == (Reason.WRONG_CREDENTIAL_TYPE, f"the file of {given}")


@pytest.mark.parametrize("kind", sorted(TYPES.values()))
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no JSON object"),
        ("sk-ant-oat01-bare", "no JSON object"),
        ('{"access_token": "a"', "no JSON object"),
        ('["access_token"]', "no JSON object"),
        ("null", "no JSON object"),
        ("[" * 20_000, "no JSON object"),
        ('{"a": ' * 20_000, "no JSON object"),
        ("{}", "it has no "),
        ('{"access_token": ""}', "it has no "),
        ('{"access_token": 7}', "it has no "),
        ('{"access_token": null, "refresh_token": "r"}', "it has no "),
        ('{"access_token": "two words"}', "no token has"),
        ('{"access_token": "a\\nHost: b"}', "no token has"),
        ('{"access_token": "\\u00e9"}', "no token has"),
    ],
)
def test_a_file_that_cannot_be_read_says_what_is_wrong_and_is_never_sent(kind: str, text: str, words: str) -> None:
    auth = CATALOGUE.find(kind).auth
    problem = oauth_file.check(text, auth)
    assert problem is not None
    assert problem.reason is Reason.MALFORMED_KEY
    assert words in problem.because
    with pytest.raises(CredentialUnusableError):
        oauth_file.show(ProbeRequest("GET", "https://a.example"), Showing(auth, {auth.field: Secret(text)}, {}))


def test_a_service_accounts_key_is_no_oauth_file() -> None:
    for kind in TYPES.values():
        problem = oauth_file.check(service_account(), CATALOGUE.find(kind).auth)
        assert problem is not None
        assert "service account" in problem.because


# -- addresses in it ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    ["portal.qwen.ai", "https://portal.qwen.ai", "https://portal.qwen.ai/v1/", "dashscope.aliyuncs.com", None],
)
def test_an_address_of_the_providers_own_is_taken(address: str | None) -> None:
    assert problem_in(json.dumps({**QWEN, "resource_url": address}), CATALOGUE.find("qwen-code").auth) is None


@pytest.mark.parametrize(
    "address",
    ["tenant.example", "https://tenant.example/v1", "portal.qwen.ai.tenant.example", "portal.qwen.ai@tenant.example"],
)
def test_a_tenants_address_is_refused_and_not_repeated(address: str) -> None:
    text = json.dumps({**QWEN, "resource_url": address})
    problem = problem_in(text, CATALOGUE.find("qwen-code").auth)
    assert problem is not None
    assert problem.reason is Reason.BAD_ENDPOINT
    assert "tenant" not in problem.because
    with pytest.raises(CredentialUnusableError):
        bearer_of("qwen-code", {**QWEN, "resource_url": address})


# -- when it ends ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expiry", "over"),
    [
        (NOW * 1000 + 1, False),
        (NOW * 1000, True),
        (NOW * 1000 - 0.5, True),
        (int(NOW) * 1000 + 60_000, False),
        (int(NOW) + 60, False),
        (int(NOW) - 60, True),
        (NOW + 0.5, False),
        (str(int(NOW * 1000) - 1), True),
        (str(int(NOW * 1000) + 1), False),
        (0, False),
        (-1, False),
        (True, False),
        ("soon", False),
        ("nan", False),
        ("inf", False),
        (10**400, False),
        (None, False),
        ([], False),
    ],
)
@pytest.mark.parametrize(("kind", "name"), [("qwen-code", "expiry_date"), ("claude-code", "expires_at")])
def test_an_end_is_understood_in_seconds_and_milliseconds(kind: str, name: str, expiry: Any, over: bool) -> None:
    problem = ended(json.dumps({"access_token": "a", name: expiry}), CATALOGUE.find(kind).auth, NOW)
    assert (problem is not None) is over
    if problem is not None:
        assert problem.reason is Reason.EXPIRED


def test_the_end_is_read_from_every_known_shape() -> None:
    later = 1767229201.0
    for kind, document in (
        ("qwen-code", QWEN),
        ("gemini-cli", GEMINI),
        ("claude-code", CLAUDE),
        ("claude-code", CLAUDE_FLAT),
        ("claude-code", CLAUDE_BARE),
    ):
        auth = CATALOGUE.find(kind).auth
        assert ended(json.dumps(document), auth, NOW) is None
        assert ended(json.dumps(document), auth, later) is not None


def test_settings_are_read_beside_the_key() -> None:
    file = CATALOGUE.find("gemini-cli").auth.file
    assert file is not None
    assert settings_in(json.dumps({**GEMINI, "projectId": "a-project"}), file) == {"projectId": "a-project"}
    assert settings_in(json.dumps(GEMINI), file) == {}
    assert settings_in("no json", file) == {}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["access_token", "claudeAiOauth", "accessToken", "type", "resource_url", "expiry_date", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(JSON, st.sampled_from([*TYPES.values(), "google-vertex"]))
def test_any_document_is_usable_or_has_a_problem(document: Any, kind: str) -> None:
    auth = CATALOGUE.find(kind).auth
    text = json.dumps(document)
    problem = oauth_file.check(text, auth) if auth.scheme == "oauth_creds_json" else problem_in(text, auth)
    ended(text, auth, NOW)
    if problem is None:
        assert read(text) is not None
