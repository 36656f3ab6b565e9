import pytest

from llmkeys.api.provider import ProviderSpec
from llmkeys.api.reasons import Belief, Reason
from llmkeys.catalogue.loader import load
from llmkeys.catalogue.rule import Word
from llmkeys.explain.advice import Circumstance, next_step
from llmkeys.explain.finding import Seen, finding_of
from llmkeys.explain.listing import models_listed
from llmkeys.probe.endpoint import Endpoint, resolve_endpoint
from llmkeys.probe.judge import KeyState
from llmkeys.probe.kind import Kind
from llmkeys.probe.material import Candidate, Material
from llmkeys.probe.reply import Reply
from llmkeys.probe.verdict import Verdict

CATALOGUE = load()
WITHOUT_CALL = {Reason.MALFORMED_KEY, Reason.WRONG_CREDENTIAL_TYPE, Reason.SOURCE_FIELD_MISSING, Reason.ADDRESS_BLOCKED}
LOOKS = sorted(
    WITHOUT_CALL
    | {Reason.VERIFIED, Reason.UNVERIFIED, Reason.REJECTED, Reason.EXPIRED, Reason.THROTTLED, Reason.UNRECOGNISED}
    | {Reason(word.value) for word in Word if word.value in {reason.value for reason in Reason}}
    | {Reason.PROBE_REFUSED}
)


def endpoint(kind: str, **spec: str) -> Endpoint:
    return resolve_endpoint(ProviderSpec(kind, **spec), CATALOGUE.find(kind))  # type: ignore[arg-type]


@pytest.mark.parametrize("reason", LOOKS)
def test_every_end_of_a_look_has_a_next_step(reason: Reason) -> None:
    text = next_step(reason, CATALOGUE.find("openai"), endpoint("openai"), Circumstance(30, 400))
    assert text.endswith((".", "--paid", "--allow-private-addresses", "400."))
    assert "{" not in text


def test_a_refused_key_may_belong_to_another_region() -> None:
    entry, where = CATALOGUE.find("moonshot"), endpoint("moonshot")
    assert "--region intl" in next_step(Reason.REJECTED, entry, where, Circumstance(regions=("intl",)))
    assert "--region" not in next_step(Reason.REJECTED, entry, where, Circumstance())


def test_a_base_url_that_was_found_to_be_right_is_named() -> None:
    at = Circumstance(answers_at="https://gw.example.com/v1")
    said = next_step(Reason.BAD_ENDPOINT, CATALOGUE.find("openai"), endpoint("openai"), at)
    assert said.endswith("--base-url https://gw.example.com/v1")


def test_a_server_without_keys_leaves_nothing_to_do() -> None:
    where = endpoint("ollama", base_url="https://llm.example.com")
    assert next_step(Reason.UNVERIFIED, CATALOGUE.find("ollama"), where, Circumstance()).startswith("Nothing")


def test_a_request_that_costs_money_is_not_sent_and_says_how_to_allow_it() -> None:
    kind = Kind(CATALOGUE.find("aihubmix"), endpoint("aihubmix"))
    seen = Seen(Verdict(Reason.UNVERIFIED, rule="costs"), kind)
    found = finding_of(Candidate("key", "key", Material(())), seen, KeyState(Belief.UNKNOWN))
    assert "--paid" in found.next
    assert "costs money" in found.message


@pytest.mark.parametrize(
    ("kind", "body", "count"),
    [
        ("openai", b'{"data":[{"id":"a"},{"id":"b"}]}', 2),
        ("openai", b'{"data":[]}', 0),
        ("openai", b'{"data":{}}', None),
        ("openai", b"{", None),
        ("openrouter", b'{"data":{"label":"x"}}', None),
        ("github-models", b'[{"name":"a","id":"1"},{"name":"b","id":"2"}]', 2),
        ("ollama", b'{"models":[{"name":"a"}]}', 1),
    ],
)
def test_models_are_counted_where_the_probe_lists_them(kind: str, body: bytes, count: int | None) -> None:
    assert models_listed(Reply(200, {}, body), CATALOGUE.find(kind)) == count
