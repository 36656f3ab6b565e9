import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.api.reasons import REFUSALS, Reason
from llmkeys.catalogue.loader import load
from llmkeys.catalogue.rule import Rule, RuleBook
from llmkeys.explain.meaning import Meaning, meaning_of
from llmkeys.explain.meaning_text import facts_of
from llmkeys.explain.replies import reply_of
from llmkeys.probe.reply import Failure, Reply

CATALOGUE = load()
OPENAI = CATALOGUE.find("openai")


def meaning(status: int, body: Any = None, kind: str = "openai", path: str = "", **headers: str) -> Meaning:
    entry = CATALOGUE.find(kind)
    raw = b"" if body is None else json.dumps(body).encode()
    return meaning_of(
        reply_of(status, {"Content-Type": "application/json"} | headers, raw, entry), entry, now=0, path=path
    )


@pytest.mark.parametrize(
    ("status", "body", "verdict", "key", "condition"),
    [
        (200, {"data": []}, "Verified", "valid", "Active"),
        (401, None, "Rejected", "invalid", "InvalidKey"),
        (429, None, "Throttled", "unchanged", "RateLimited"),
        (503, None, "Overloaded", "unchanged", "RateLimited"),
        (429, {"error": {"code": "insufficient_quota"}}, "QuotaExhausted", "valid", "RateLimited"),
        (403, None, "PermissionDenied", "valid", "Active"),
        (404, {"error": {"code": "model_not_found"}}, "ModelUnavailable", "valid", "Active"),
        (302, None, "BadEndpoint", "unchanged", "Active"),
        (418, None, "Unrecognised", "unchanged", "Active"),
    ],
)
def test_a_verdict_says_what_is_believed_and_which_condition_is_set(
    status: int, body: Any, verdict: str, key: str, condition: str
) -> None:
    found = meaning(status, body)
    assert (found.verdict, found.key, found.condition) == (verdict, key, condition)


def test_the_rule_is_named_with_its_file_and_its_evidence() -> None:
    rule = meaning(401, {"error": {"code": "invalid_api_key"}}).rule
    assert rule is not None
    assert (rule.source, rule.index, rule.place, rule.evidence) == ("provider", 0, "openai.yaml: errors[0]", "C")


def test_a_default_rule_is_named_by_its_place_among_the_default_ones() -> None:
    rule = meaning(407).rule
    assert rule is not None
    assert (rule.source, rule.index, rule.place) == ("default", 1, "default_rules.yaml: errors[1]")


def test_a_success_is_named_by_what_makes_it_one() -> None:
    rule = meaning(200, {"data": []}).rule
    assert rule is not None
    assert (rule.source, rule.index, rule.place) == ("provider", None, "openai.yaml: probe.success")


def test_a_providers_rule_on_errors_in_a_success_is_not_taken_for_a_default_one() -> None:
    own = msgspec.convert([{"status": 200, "at": "ok", "in": ["no"], "is": "classify-by-code"}], tuple[Rule, ...])
    entry = msgspec.structs.replace(OPENAI, errors=own, rules=RuleBook.of_provider(own))
    found = meaning_of(Reply(200, {}, b'{"ok":"no"}'), entry, now=0)
    assert found.verdict is Reason.UNRECOGNISED
    assert found.rule is not None
    assert found.rule.source == "provider"


def test_what_no_rule_knows_has_no_rule() -> None:
    assert meaning(418).rule is None


@pytest.mark.parametrize(
    ("kind", "path", "body", "verdict"),
    [
        ("openrouter", "", {"data": {"label": "x"}}, "Verified"),
        ("openrouter", "/api/v1/key", {"data": {"label": "x"}}, "Verified"),
        ("openrouter", "/api/v1/models", {"data": []}, "Unverified"),
        ("openrouter", "/api/v1/models", {"data": {}}, "Unrecognised"),
        ("openrouter", "https://openrouter.ai/api/v1/chat/completions?x=1", {"choices": []}, "Verified"),
        ("openai", "/v1/models/", {"data": []}, "Verified"),
        ("openai", "/v1/chat/completions", {"choices": []}, "Verified"),
        ("openai", "/v1/chat/completions", {"error": {"message": "x", "code": "invalid_api_key"}}, "Rejected"),
        ("openai", "/v1/models", {"choices": []}, "Unrecognised"),
        ("ollama", "/v1/chat/completions", {"choices": []}, "Unverified"),
        ("openai", "/never/heard/of", {"data": []}, "Verified"),
        ("azure-openai", "/openai/v1/chat/completions", {"choices": []}, "Verified"),
    ],
)
def test_what_a_success_proves_depends_on_the_request(kind: str, path: str, body: Any, verdict: str) -> None:
    assert meaning(200, body, kind, path).verdict == verdict


def test_an_exchange_for_a_token_proves_the_credential_that_it_took() -> None:
    entry = CATALOGUE.find("azure-openai")
    (place,) = [number for number, one in enumerate(entry.alternatives) if one.auth.exchange]
    for path in ("", "/contoso.example/oauth2/v2.0/token"):
        found = meaning(200, {"access_token": "x"}, "azure-openai", path)
        assert found.verdict is Reason.VERIFIED
        assert found.rule is not None
        assert found.rule.place == f"azure-openai.yaml: alternatives[{place}].auth.exchange"


def test_the_list_of_models_is_no_proof_where_it_is_not_what_is_known_to_check_keys() -> None:
    entry = CATALOGUE.find("openrouter")
    listed = msgspec.structs.replace(entry, models=msgspec.structs.replace(entry.models, authenticated=True))
    found = meaning_of(Reply(200, {}, b'{"data":[]}'), listed, now=0, path="/models")
    assert found.verdict is Reason.UNVERIFIED


def test_a_refusal_is_looked_at_again_before_it_is_believed() -> None:
    found = meaning(401)
    assert found.never_proven.confirmations == (5,)
    assert found.proven.confirmations == (10, 20, 30)
    assert found.proven.least == 6 * 3600


def test_nothing_is_looked_at_before_the_provider_allows() -> None:
    found = meaning(429, **{"Retry-After": "60"})
    assert found.retry_after_seconds == 60
    assert 60 <= found.never_proven.least < found.never_proven.most
    assert found.never_proven.confirmations == ()


@pytest.mark.parametrize("failure", list(Failure))
def test_a_reply_that_never_came_says_nothing_of_the_key(failure: Failure) -> None:
    assert meaning_of(Reply(0, failure=failure), OPENAI, now=0).key == "unchanged"


def test_people_are_told_all_of_it() -> None:
    facts = dict(facts_of(meaning(401, {"error": {"code": "invalid_api_key"}}), OPENAI))
    assert facts["verdict"] == "Rejected"
    assert facts["key"] == "invalid, once further looks have confirmed it"
    assert facts["condition"] == "InvalidKey is set True"
    assert facts["rule"] == "openai.yaml: errors[0]"
    assert facts["message"].startswith('OpenAI refused key "primary".')


def test_a_verdict_that_sets_no_condition_says_so() -> None:
    assert dict(facts_of(meaning(418), OPENAI))["condition"] == "none is set True"


@pytest.mark.parametrize("kind", sorted(CATALOGUE.providers))
def test_every_reason_can_be_told_of_every_provider(kind: str) -> None:
    entry = CATALOGUE.find(kind)
    for status in (200, 302, 400, 401, 402, 403, 404, 418, 429, 500, 529):
        message = dict(facts_of(meaning(status, kind=kind), entry))["message"]
        assert not {"{", "?"} & set(message.replace(entry.console.url or "nowhere", "")), message


@given(
    kind=st.sampled_from(sorted(CATALOGUE.providers)),
    status=st.integers(0, 999),
    headers=st.dictionaries(st.text(max_size=20), st.text(max_size=40), max_size=4),
    body=st.binary(max_size=400),
    path=st.text(max_size=60),
)
def test_no_reply_is_too_odd_to_be_explained(
    kind: str, status: int, headers: dict[str, str], body: bytes, path: str
) -> None:
    entry = CATALOGUE.find(kind)
    found = meaning_of(reply_of(status, headers, body, entry), entry, now=1, path=path)
    assert list(facts_of(found, entry))
    assert json.loads(msgspec.json.encode(found))["verdict"] in {reason.value for reason in Reason}
    if found.key == "invalid":
        # Only what the status alone says: no word of garbage refuses a key.
        assert found.verdict in REFUSALS
        assert status in _SAID_BY_STATUS


_SAID_BY_STATUS = {401} | {
    status
    for entry in CATALOGUE.providers.values()
    for rule in entry.errors
    if rule.word.value in ("InvalidKey", "KeyExpired", "AccountBlocked")
    and not (rule.at or rule.header or rule.body_contains_ci or rule.any_of_paths)
    for status in ((rule.status,) if isinstance(rule.status, int) else rule.status or ())
}


@given(body=st.binary(max_size=300), kind=st.sampled_from(sorted(CATALOGUE.providers)))
def test_garbage_under_a_success_is_neither_good_nor_bad(body: bytes, kind: str) -> None:
    entry = CATALOGUE.find(kind)
    found = meaning_of(reply_of(200, {}, b"\xff" + body, entry), entry, now=0)
    assert found.key == "unchanged" or entry.probe.success.json == "none"
