import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.api.reasons import REFUSALS, Reason
from llmkeys.catalogue.loader import load
from llmkeys.catalogue.model import Provider
from llmkeys.catalogue.rule import Rule, RuleBook
from llmkeys.probe.classify import Authenticated, classify
from llmkeys.probe.reply import Failure, Reply

CATALOGUE = load()
OPENAI = CATALOGUE.find("openai")
JSON = {"content-type": "application/json"}
MODELS = b'{"object":"list","data":[]}'


def provider_with(*rules: dict[str, Any]) -> Provider:
    own = msgspec.convert(list(rules), tuple[Rule, ...])
    return msgspec.structs.replace(OPENAI, errors=own, rules=RuleBook.of_provider(own))


def said(status: int, body: Any, provider: Provider = OPENAI, **headers: str) -> Reason:
    return classify(Reply(status, JSON | headers, json.dumps(body).encode()), provider).reason


@pytest.mark.parametrize(
    ("failure", "reason"),
    [(one, Reason.PROVIDER_UNREACHABLE) for one in Failure if one is not Failure.ADDRESS_BLOCKED]
    + [(Failure.ADDRESS_BLOCKED, Reason.ADDRESS_BLOCKED)],
)
def test_a_failure_of_transport_says_nothing_about_the_key(failure: Failure, reason: Reason) -> None:
    assert classify(Reply(0, failure=failure), OPENAI).reason is reason


@pytest.mark.parametrize(
    ("authenticated", "reason"),
    [(True, Reason.VERIFIED), (False, Reason.UNVERIFIED), ("unknown", Reason.UNVERIFIED), (None, Reason.VERIFIED)],
)
def test_a_success_proves_a_key_only_where_keys_are_checked(
    authenticated: Authenticated | None, reason: Reason
) -> None:
    assert classify(Reply(200, JSON, MODELS), OPENAI, authenticated=authenticated).reason is reason


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (JSON, b'{"object":"list","data":['),
        (JSON, b'{"data":[NaN]}'),
        (JSON, b"\xff\xfe\x00"),
        (JSON, b"[" * 10_000 + b"]" * 10_000),
        (JSON, b""),
        ({"content-type": "text/html"}, b"<html>"),
        ({"content-type": "text/plain"}, MODELS),
        ({}, b"<!doctype html><p>hello"),
    ],
    ids=["cut", "nan", "no text", "deep", "empty", "page", "declared as text", "undeclared page"],
)
def test_a_success_that_is_no_json_is_a_bad_endpoint(headers: dict[str, str], body: bytes) -> None:
    verdict = classify(Reply(200, headers, body), OPENAI)
    assert (verdict.reason, verdict.detail) == (Reason.BAD_ENDPOINT, "NotJSON")


def test_a_success_longer_than_the_limit_is_not_judged_by_its_beginning() -> None:
    assert classify(Reply(200, JSON, MODELS, truncated=True), OPENAI).reason is Reason.BAD_ENDPOINT


@pytest.mark.parametrize("body", ["data", {"data": "text"}, {"data": {}}, {"message": "hi"}, 7, [], None])
def test_a_success_of_another_shape_is_not_recognised(body: Any) -> None:
    assert said(200, body) is Reason.UNRECOGNISED


def test_json_without_a_declared_type_is_read() -> None:
    assert classify(Reply(200, {}, b"\xef\xbb\xbf" + MODELS), OPENAI).reason is Reason.VERIFIED


@pytest.mark.parametrize("status", [204, 299, 418, 599, 0, 1000])
def test_a_status_that_no_rule_knows_is_not_recognised(status: int) -> None:
    assert said(status, {"error": {"message": "x"}}) is Reason.UNRECOGNISED


@pytest.mark.parametrize(
    "body",
    [
        {"error": {"message": "something"}},
        {"base_resp": {"status_code": 1004}},
        {"error_code": 110},
        {"Response": {"Error": {"Code": "AuthFailure"}}},
        {"success": False, "data": []},
        {"data": [], "error": {"message": "x", "code": "never heard of"}},
    ],
)
def test_an_error_in_a_success_is_never_a_success(body: Any) -> None:
    assert said(200, body) is Reason.UNRECOGNISED


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("invalid_api_key", Reason.REJECTED),
        ("insufficient_quota", Reason.QUOTA_EXHAUSTED),
        ("rate_limit_exceeded", Reason.THROTTLED),
    ],
)
def test_a_known_code_in_a_success_is_believed(code: str, reason: Reason) -> None:
    assert said(200, {"error": {"message": "x", "code": code}}) is reason


@pytest.mark.parametrize("body", [{"data": [], "error": None}, {"data": [], "base_resp": {"status_code": 0}}])
def test_an_empty_error_does_not_spoil_a_success(body: Any) -> None:
    assert said(200, body) is Reason.VERIFIED


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_a_bad_endpoint(status: int) -> None:
    assert said(status, {}, location="https://elsewhere.example") is Reason.BAD_ENDPOINT


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 498])
@pytest.mark.parametrize("content_type", ["text/html; charset=utf-8", "application/json", "application/xhtml+xml", ""])
def test_a_page_never_refuses_a_key(content_type: str, status: int) -> None:
    page = b"<!-- x -->\n<HTML><body>invalid api key, api key not valid, expired, access terminated</body></HTML>"
    reply = Reply(status, {"content-type": content_type}, page)
    refusing = {one.id for one in CATALOGUE.providers.values() if classify(reply, one).reason in REFUSALS}
    assert refusing == set()


def test_a_providers_rule_that_names_a_content_type_goes_before_the_default_ones() -> None:
    page = Reply(401, {"content-type": "text/html"}, b"<html>401 Authorization Required")
    knows = provider_with({"status": 401, "content_type": "text/html", "is": "InvalidKey"})
    assert classify(page, knows).reason is Reason.REJECTED
    assert classify(page, OPENAI).reason is Reason.PROVIDER_UNREACHABLE


def test_a_providers_rule_goes_before_the_default_ones_and_the_first_match_wins() -> None:
    provider = provider_with(
        {"status": 403, "at": "error.code", "in": [7], "is": "NotActivated", "reason": "Seven"},
        {"status": 403, "is": "AccountBlocked"},
    )
    verdict = classify(Reply(403, JSON, b'{"error":{"code":"7"}}'), provider)
    assert (verdict.reason, verdict.rule, verdict.detail) == (Reason.NOT_ACTIVATED, "openai/errors[0]", "Seven")
    assert said(403, {"error": {"code": 8}}, provider) is Reason.ACCOUNT_BLOCKED


@pytest.mark.parametrize(
    ("rule", "body"),
    [
        ({"at": "error.details[].reason", "in": ["BAD"]}, {"error": {"details": [{"x": 1}, {"reason": "BAD"}]}}),
        ({"at": "error.code", "in": ["BAD"]}, [{"error": {"code": "BAD"}}, {"error": {"code": "other"}}]),
        ({"at": "error", "contains": ["is BAD"]}, {"error": "This IS bad."}),
        ({"at": "code", "prefix": "Auth.Bad"}, {"code": "Auth.Bad.Signature"}),
        ({"header": "x-error", "contains": ["Bad"]}, {}),
        ({"body_contains_ci": ["额度已用尽"]}, {"deep": [{"down": "该令牌额度已用尽。"}]}),
        ({"any_of_paths": ["a.b", "code!=0"]}, {"code": 5}),
    ],
)
def test_each_condition_of_a_rule_matches_what_it_names(rule: dict[str, Any], body: Any) -> None:
    provider = provider_with({"status": [418, 419], "is": "NotActivated", **rule})
    raw = json.dumps(body, ensure_ascii=False).encode()
    assert classify(Reply(418, JSON | {"x-error": "so bad"}, raw), provider).reason is Reason.NOT_ACTIVATED
    assert classify(Reply(418, JSON | {"x-error": ""}, b'{"error":{}}'), provider).reason is Reason.UNRECOGNISED
    assert classify(Reply(420, JSON | {"x-error": "so bad"}, raw), provider).reason is Reason.UNRECOGNISED


def test_texts_of_a_declared_chinese_charset_are_read() -> None:
    body = json.dumps({"error": {"message": "该令牌额度已用尽"}}, ensure_ascii=False).encode("gbk")
    reply = Reply(401, {"content-type": "application/json; charset=GBK"}, body)
    assert classify(reply, CATALOGUE.find("openai-compatible")).reason is Reason.QUOTA_EXHAUSTED


@pytest.mark.parametrize(("before", "after"), [(0, 60_000), (60_000, 0)])
def test_the_words_of_a_long_error_are_found_at_its_ends(before: int, after: int) -> None:
    body = {"echo": "x" * before, "message": "Insufficient Balance", "more": "x" * after}
    assert said(500, body, CATALOGUE.find("openai-compatible")) is Reason.QUOTA_EXHAUSTED


def test_only_a_limit_carries_a_wait() -> None:
    waits = JSON | {"retry-after": "9"}
    assert classify(Reply(429, waits, b"{}"), OPENAI).retry_after == 9
    assert classify(Reply(503, waits, b"{}"), OPENAI).retry_after == 9
    assert classify(Reply(401, waits, b"{}"), OPENAI).retry_after is None


def test_a_date_is_measured_from_the_replys_own_clock() -> None:
    headers = JSON | {"retry-after": "Thu, 01 Jan 2026 00:01:00 GMT"}
    assert classify(Reply(429, headers, b"{}"), OPENAI).retry_after is None
    assert classify(Reply(429, headers, b"{}"), OPENAI, now=1767225600.0).retry_after == 60
    dated = headers | {"date": "Thu, 01 Jan 2026 00:00:30 GMT"}
    assert classify(Reply(429, dated, b"{}"), OPENAI, now=1.0).retry_after == 30


REPLIES = st.builds(
    Reply,
    status=st.one_of(st.sampled_from([200, 400, 401, 402, 403, 404, 429, 500, 503, 529]), st.integers(0, 999)),
    headers=st.dictionaries(
        st.sampled_from(["content-type", "retry-after", "retry-after-ms", "date", "x-ratelimit-reset", "x-error-code"]),
        st.one_of(
            st.sampled_from(["application/json", "text/html", "application/json; charset=gbk", "charset=utf-16", ""]),
            st.text(max_size=40),
        ),
    ),
    body=st.one_of(
        st.binary(max_size=300),
        st.recursive(
            st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20)),
            lambda inner: st.one_of(
                st.lists(inner, max_size=3),
                st.dictionaries(
                    st.sampled_from(["error", "code", "message", "type", "details", "status", "data", "base_resp"]),
                    inner,
                    max_size=4,
                ),
            ),
            max_leaves=12,
        ).map(lambda value: json.dumps(value).encode()),
    ),
    truncated=st.booleans(),
    failure=st.one_of(st.none(), st.sampled_from(Failure)),
)


@given(reply=REPLIES, provider=st.sampled_from(sorted(CATALOGUE.providers)))
def test_no_reply_raises_and_garbage_refuses_no_key(reply: Reply, provider: str) -> None:
    verdict = classify(reply, CATALOGUE.find(provider), now=1.0)
    if verdict.reason in REFUSALS:
        assert reply.failure is None
        assert reply.status == 401 or provider == "zhipu"
    if verdict.reason is Reason.VERIFIED:
        assert reply.status == 200
        assert not reply.truncated
    if verdict.retry_after is not None:
        assert 0 <= verdict.retry_after <= 7 * 24 * 3600


def test_words_that_are_written_as_escapes_are_found() -> None:
    body = json.dumps({"error": {"message": "该令牌额度已用尽"}}).encode()
    assert b"\\u" in body
    reply = Reply(401, {"content-type": "application/json"}, body)
    assert classify(reply, provider_with(), now=0.0).reason is Reason.QUOTA_EXHAUSTED
