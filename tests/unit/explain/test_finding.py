import pytest

from llmkeys.api.provider import Network, ProviderSpec
from llmkeys.api.reasons import Belief, Reason
from llmkeys.catalogue.loader import load
from llmkeys.catalogue.rule import Word
from llmkeys.explain.advice import Circumstance, next_step
from llmkeys.explain.finding import Seen, finding_of
from llmkeys.explain.opened import Opened
from llmkeys.probe.balance import Figure
from llmkeys.probe.endpoint import Endpoint, resolve_endpoint
from llmkeys.probe.judge import KeyState
from llmkeys.probe.kind import Kind
from llmkeys.probe.material import Candidate, Material
from llmkeys.probe.reply import Failure
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


@pytest.mark.parametrize("failure", [one for one in Failure if one is not Failure.ADDRESS_BLOCKED])
def test_every_way_of_getting_no_reply_has_its_own_next_step(failure: Failure) -> None:
    where = endpoint("openai")
    said = [
        next_step(Reason.PROVIDER_UNREACHABLE, CATALOGUE.find("openai"), where, Circumstance(failure=one))
        for one in (failure, None)
    ]
    assert said[0] != said[1]
    assert said[0].endswith(".")
    assert "{" not in said[0]


def test_an_account_that_is_empty_is_to_be_filled() -> None:
    kind = Kind(CATALOGUE.find("moonshot"), endpoint("moonshot"))
    for left, begins in ((0.0, "Check the billing"), (0.5, "Nothing.")):
        opened = Opened(balance=(Figure("left", left, "CNY"), Figure("used", 9.0)))
        seen = Seen(Verdict(Reason.VERIFIED, 200), kind, opened=opened)
        found = finding_of(Candidate("key", "key", Material(())), seen, KeyState(Belief.VALID))
        assert (found.verdict, found.next.startswith(begins)) == ("Verified", True)


def test_a_document_that_cannot_be_read_is_given_as_a_file() -> None:
    entry = CATALOGUE.find("gemini-cli")
    assert "--from-file" in next_step(Reason.MALFORMED_KEY, entry, endpoint("gemini-cli"), Circumstance())


def test_a_proxy_may_be_what_is_private() -> None:
    entry = CATALOGUE.find("openai")
    spec = ProviderSpec("openai", network=Network(None, "http://10.0.0.1:3128"))
    said = next_step(Reason.ADDRESS_BLOCKED, entry, resolve_endpoint(spec, entry), Circumstance())
    assert "or the proxy" in said
