import json
from typing import Any
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.api.provider import ProviderSpec
from llmkeys.api.reasons import Reason
from llmkeys.catalogue.credential import Auth
from llmkeys.catalogue.loader import load
from llmkeys.catalogue.model import Provider
from llmkeys.crypto.secret import Secret
from llmkeys.probe.auth import oauth_file
from llmkeys.probe.auth.renewal import (
    Tokens,
    ends_at,
    merged,
    refresh_token_in,
    renew_at,
    renewal_request,
    tokens_of,
)
from llmkeys.probe.auth.scheme import CredentialUnusableError
from llmkeys.probe.build import endpoint_parts
from llmkeys.probe.endpoint import resolve_endpoint
from llmkeys.probe.reach import reach_of
from llmkeys.probe.reply import Failure, Reply
from llmkeys.probe.request import ProbeRequest
from llmkeys.probe.url import BadEndpointError
from llmkeys.probe.verdict import Verdict
from tests.unit.probe.auth.credentials import CANARY, NOW

CATALOGUE = load()
TYPES = ("claude-code", "gemini-cli", "qwen-code")
JSON = {"content-type": "application/json"}
END = 1767229200  # an hour after NOW
QWEN = {"access_token": "old", "refresh_token": "r-old", "resource_url": "portal.qwen.ai", "expiry_date": END * 1000}
GEMINI = {"access_token": "ya29.old", "refresh_token": "1//r", "scope": "s", "expiry_date": END * 1000 + 0.5}
CLAUDE = {
    "claudeAiOauth": {"accessToken": "sk-ant-oat01-old", "refreshToken": "sk-ant-ort01-old", "expiresAt": END * 1000},
    "other": {"kept": [1, 2.5, None]},
}
CLAUDE_FLAT = {"access_token": "sk-ant-oat01-old", "refresh_token": "r-old", "expires_at": END * 1000}
CLAUDE_BARE = {"accessToken": "sk-ant-oat01-old", "refreshToken": "r-old", "expiresAt": END}


def entry_of(kind: str) -> Provider:
    return CATALOGUE.find(kind)


def auth_of(kind: str) -> Auth:
    return entry_of(kind).auth


def spec_of(kind: str, **more: Any) -> ProviderSpec:
    config = {"refresh": "true"} | ({"clientSecret": "published"} if kind == "gemini-cli" else {})
    return ProviderSpec(kind, **{"config": config, **more})


def request_for(kind: str, document: dict[str, Any]) -> ProbeRequest:
    endpoint = resolve_endpoint(spec_of(kind), entry_of(kind))
    return renewal_request(endpoint.renewal, json.dumps(document), auth_of(kind), endpoint.config)


def tokens(access: str = "new", refresh: str | None = "r-new", lifetime: float | None = 3600) -> Tokens:
    return Tokens(Secret(access), None if refresh is None else Secret(refresh), lifetime)


def after(kind: str, document: dict[str, Any], given: Tokens) -> dict[str, Any]:
    text = merged(json.dumps(document), auth_of(kind), given, NOW)
    assert text is not None
    found: dict[str, Any] = json.loads(text)
    return found


# -- where it goes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "url"),
    [
        ("claude-code", "https://console.anthropic.com/v1/oauth/token"),
        ("gemini-cli", "https://oauth2.googleapis.com/token"),
        ("qwen-code", "https://chat.qwen.ai/api/v1/oauth2/token"),
    ],
)
def test_a_renewal_goes_to_the_types_own_service_and_only_if_it_is_switched_on(kind: str, url: str) -> None:
    entry = entry_of(kind)
    assert resolve_endpoint(spec_of(kind), entry).renewal == url
    assert resolve_endpoint(spec_of(kind, config={}), entry).renewal == ""
    assert resolve_endpoint(spec_of(kind, config={"refresh": "false"}), entry).renewal == ""


def test_a_switch_that_is_neither_on_nor_off_is_refused() -> None:
    with pytest.raises(BadEndpointError, match="refresh"):
        resolve_endpoint(spec_of("qwen-code", config={"refresh": "yes"}), entry_of("qwen-code"))


def test_another_service_is_the_platform_teams_choice_and_no_place_for_keys_that_are_bound() -> None:
    entry = entry_of("qwen-code")
    spec = spec_of("qwen-code", endpoints={"token": "https://gw.example/sso/"})
    endpoint = resolve_endpoint(spec, entry)
    assert endpoint.renewal == "https://gw.example/sso/api/v1/oauth2/token"
    assert reach_of(spec, endpoint, entry).foreign
    own = spec_of("qwen-code")
    assert not reach_of(own, resolve_endpoint(own, entry), entry).foreign


def test_the_programs_secret_is_asked_for() -> None:
    with pytest.raises(BadEndpointError, match=r"spec\.config\.clientSecret"):
        resolve_endpoint(spec_of("gemini-cli", config={"refresh": "true"}), entry_of("gemini-cli"))


def test_another_way_to_renew_is_another_endpoint() -> None:
    entry = entry_of("gemini-cli")

    def parts(secret: str = "one", **more: Any) -> tuple[str, ...]:
        spec = spec_of("gemini-cli", config={"refresh": "true", "clientSecret": secret}, **more)
        return tuple(endpoint_parts(resolve_endpoint(spec, entry), entry))

    off = tuple(endpoint_parts(resolve_endpoint(ProviderSpec("gemini-cli"), entry), entry))
    elsewhere = parts(endpoints={"token": "https://gw.example"})
    assert len({off, parts(), parts("two"), elsewhere}) == 4


# -- the request ----------------------------------------------------------------------------------------------


def test_a_form_holds_the_refresh_token_and_who_asks() -> None:
    request = request_for("qwen-code", {**QWEN, "refresh_token": f"{CANARY} &="})
    assert request.secret_body is not None
    assert parse_qs(request.secret_body.reveal(), strict_parsing=True) == {
        "grant_type": ["refresh_token"],
        "refresh_token": [f"{CANARY} &="],
        "client_id": ["f0304373b74a44d2b584a3fb70ca9e56"],
    }
    assert ("Content-Type", "application/x-www-form-urlencoded") in request.headers
    assert request.method == "POST"
    assert CANARY not in repr(request)


def test_the_programs_secret_goes_with_it_where_there_is_one() -> None:
    request = request_for("gemini-cli", GEMINI)
    assert request.secret_body is not None
    assert parse_qs(request.secret_body.reveal())["client_secret"] == ["published"]


@pytest.mark.parametrize("document", [CLAUDE, CLAUDE_FLAT, CLAUDE_BARE])
def test_a_service_that_wants_json_gets_it(document: dict[str, Any]) -> None:
    request = request_for("claude-code", document)
    assert request.secret_body is not None
    body = json.loads(request.secret_body.reveal())
    assert body["grant_type"] == "refresh_token"
    assert body["refresh_token"] in ("sk-ant-ort01-old", "r-old")
    assert ("Content-Type", "application/json") in request.headers


def test_without_a_refresh_token_there_is_no_request() -> None:
    assert refresh_token_in('{"access_token": "a"}', auth_of("qwen-code")) == ""
    assert refresh_token_in("no json", auth_of("qwen-code")) == ""
    with pytest.raises(CredentialUnusableError):
        request_for("qwen-code", {"access_token": "a"})


# -- the reply ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", TYPES)
def test_tokens_are_read_and_nothing_else(kind: str) -> None:
    body = {"access_token": "new", "refresh_token": "r-new", "expires_in": "3600", "resource_url": "tenant.example"}
    found = tokens_of(Reply(200, JSON, json.dumps(body).encode()), entry_of(kind), NOW)
    assert isinstance(found, Tokens)
    assert found.access.reveal() == "new"
    assert found.refresh is not None
    assert found.refresh.reveal() == "r-new"
    assert found.lifetime == 3600
    assert "new" not in repr(found)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (400, {"error": "invalid_grant"}, Reason.EXPIRED),
        (401, {"error": "invalid_grant"}, Reason.EXPIRED),
        (400, {"type": "error", "error": {"type": "invalid_grant"}}, Reason.EXPIRED),
        (401, {"error": "unauthorized"}, Reason.EXPIRED),
        (401, {"error": "invalid_client"}, Reason.PROBE_REFUSED),
        (400, {"error": "unauthorized_client"}, Reason.PROBE_REFUSED),
        (429, {"error": "slow_down"}, Reason.THROTTLED),
        (503, {"error": "temporarily_unavailable"}, Reason.OVERLOADED),
        (200, {"token_type": "Bearer"}, Reason.UNRECOGNISED),
        (200, {"access_token": ""}, Reason.UNRECOGNISED),
        (200, {"access_token": "a b"}, Reason.UNRECOGNISED),
        (200, {"access_token": 7}, Reason.UNRECOGNISED),
        (200, [{"access_token": "a"}], Reason.UNRECOGNISED),
    ],
)
def test_a_reply_without_tokens_is_a_verdict(kind: str, status: int, body: Any, reason: Reason) -> None:
    found = tokens_of(Reply(status, JSON, json.dumps(body).encode()), entry_of(kind), NOW)
    assert isinstance(found, Verdict)
    assert found.reason is reason


def test_no_reply_says_nothing_of_the_token() -> None:
    found = tokens_of(Reply(0, failure=Failure.CONNECT_REFUSED), entry_of("qwen-code"), NOW)
    assert isinstance(found, Verdict)
    assert found.reason is Reason.PROVIDER_UNREACHABLE


def test_a_page_is_no_refusal() -> None:
    page = Reply(401, {"content-type": "text/html"}, b"<html>invalid_grant</html>")
    found = tokens_of(page, entry_of("qwen-code"), NOW)
    assert isinstance(found, Verdict)
    assert found.reason is not Reason.EXPIRED


@pytest.mark.parametrize("lifetime", [0, -1, True, "soon", None, [], float("1e400")])
def test_a_lifetime_that_is_none_is_not_believed(lifetime: Any) -> None:
    body = json.dumps({"access_token": "new", "expires_in": lifetime}).replace("Infinity", "1e400").encode()
    found = tokens_of(Reply(200, JSON, body), entry_of("qwen-code"), NOW)
    assert not isinstance(found, Tokens) or found.lifetime is None


# -- the file -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "before", "expected"),
    [
        ("qwen-code", QWEN, {**QWEN, "access_token": "new", "refresh_token": "r-new"}),
        (
            "gemini-cli",
            GEMINI,
            {**GEMINI, "access_token": "new", "refresh_token": "r-new", "expiry_date": END * 1000.0},
        ),
        (
            "claude-code",
            CLAUDE,
            {
                "claudeAiOauth": {"accessToken": "new", "refreshToken": "r-new", "expiresAt": END * 1000},
                "other": {"kept": [1, 2.5, None]},
            },
        ),
        ("claude-code", CLAUDE_FLAT, {"access_token": "new", "refresh_token": "r-new", "expires_at": END * 1000}),
        ("claude-code", CLAUDE_BARE, {"accessToken": "new", "refreshToken": "r-new", "expiresAt": END}),
        ("qwen-code", {**QWEN, "expiry_date": str(END)}, {**QWEN, "expiry_date": str(END)} | {"access_token": "new"}),
        ("qwen-code", {**QWEN, "expiry_date": 1.5}, {**QWEN, "expiry_date": float(END), "access_token": "new"}),
    ],
)
def test_the_new_file_is_of_the_shape_and_the_unit_of_the_old(
    kind: str, before: dict[str, Any], expected: dict[str, Any]
) -> None:
    found = after(kind, before, tokens())
    assert found == {**expected, **({"refresh_token": "r-new"} if "refresh_token" in expected else {})}
    for name, value in expected.items():
        assert type(found[name]) is type(value)


def test_a_file_that_does_not_say_when_it_ends_says_it_afterwards() -> None:
    assert after("qwen-code", {"access_token": "a"}, tokens())["expiry_date"] == END * 1000
    bare = after("claude-code", {"claudeAiOauth": {"accessToken": "a"}}, tokens())
    assert bare["claudeAiOauth"]["expiresAt"] == END * 1000


def test_an_end_that_nobody_knows_is_taken_out() -> None:
    assert "expiry_date" not in after("qwen-code", QWEN, tokens(lifetime=None))
    assert "expiresAt" not in after("claude-code", CLAUDE, tokens(lifetime=None))["claudeAiOauth"]


def test_a_refresh_token_that_does_not_rotate_stays() -> None:
    assert after("gemini-cli", GEMINI, tokens(refresh=None))["refresh_token"] == "1//r"


def test_a_token_that_would_make_it_another_programs_file_is_not_written() -> None:
    assert merged(json.dumps(QWEN), auth_of("qwen-code"), tokens("sk-ant-oat01-x"), NOW) is None


FILES = [("qwen-code", QWEN), ("gemini-cli", GEMINI), ("claude-code", CLAUDE), ("claude-code", CLAUDE_FLAT)]
ANY = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(FILES), st.dictionaries(st.text(max_size=8), ANY, max_size=4), st.floats(1, 1e8))
def test_whatever_else_is_in_a_file_stays_and_it_can_be_read_again(
    file: tuple[str, dict[str, Any]], more: dict[str, Any], lifetime: float
) -> None:
    kind, usual = file
    before = {**{f"x-{name}": value for name, value in more.items()}, **usual}
    found = after(kind, before, tokens(lifetime=lifetime))
    assert {name: found[name] for name in before if name.startswith("x-")} == {
        name: value for name, value in before.items() if name.startswith("x-")
    }
    text = json.dumps(found)
    assert oauth_file.check(text, auth_of(kind)) is None
    assert refresh_token_in(text, auth_of(kind)) == "r-new"
    assert ends_at(text, auth_of(kind)) == pytest.approx(NOW + lifetime, abs=1)


@given(st.text(max_size=40) | ANY.map(json.dumps), st.sampled_from(TYPES))
def test_no_text_makes_it_fail(text: str, kind: str) -> None:
    merged(text, auth_of(kind), tokens(), NOW) if oauth_file.check(text, auth_of(kind)) is None else None
    renew_at(text, auth_of(kind))
    refresh_token_in(text, auth_of(kind))


def test_numbers_and_depths_that_few_can_read_stay_as_they_are() -> None:
    deep = "[" * 600 + "]" * 600
    text = f'{{"access_token": "a", "huge": {10**400}, "deep": {deep}}}'
    found = merged(text, auth_of("qwen-code"), tokens(), NOW)
    assert found is not None
    assert f'"huge":{10**400}' in found
    assert deep in found


# -- when -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lifetime", "before_the_end"),
    [(None, 300), (86400.0, 8640), (3600.0, 360), (1200.0, 300), (400.0, 200), (200.0, 100), (100.0, 40), (1.0, -59)],
)
def test_a_token_is_renewed_ahead_of_its_end(lifetime: float | None, before_the_end: float) -> None:
    assert renew_at(json.dumps(QWEN), auth_of("qwen-code"), lifetime) == END - before_the_end


def test_what_does_not_say_when_it_ends_is_never_due() -> None:
    assert renew_at('{"access_token": "a"}', auth_of("qwen-code"), 60.0) is None
