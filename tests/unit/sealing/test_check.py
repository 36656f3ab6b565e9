"""What `--check` says of a value, for each way in which it may be wrong."""

import pytest

from llmkeys.api.objects import Metadata
from llmkeys.api.provider import LLMProvider, ProviderSpec
from llmkeys.catalogue.loader import load
from llmkeys.crypto.recipients import recipients_delivery
from llmkeys.sealing.check import Finding, Problem, findings_of
from llmkeys.sealing.destination import destination_of
from llmkeys.sealing.manifests import read_manifests
from tests.unit.sealing.place import GONE, LEAKED, NEW, OLD, STRANGE, manifest, public_keys, sealed

CATALOGUE = load()
RECIPIENT = OLD.public


def finding(text: str, provider: ProviderSpec | None = None, *, known: bool = True) -> Finding:
    given = LLMProvider(Metadata("main"), provider or ProviderSpec("openai"))
    destinations = {"main": destination_of(given, CATALOGUE)} if known else {}
    (credential,) = read_manifests(text).credentials
    (one,) = findings_of(credential, public_keys(), destinations)
    return one


def test_a_value_at_its_place_is_good() -> None:
    found = finding(manifest(sealed()))
    assert found == Finding(11, "team-a/chat", "primary", "apiKey", NEW.public.key_id)


@pytest.mark.parametrize(
    "changed", [{"namespace": "team-b"}, {"name": "other"}, {"field": "secretKey"}, {"purpose": "recipient"}]
)
def test_a_value_of_another_place_is_found(changed: dict[str, str]) -> None:
    assert finding(manifest(sealed(**changed))).problem is Problem.SCOPE


def test_a_value_of_the_namespace_is_good_in_it_and_noted() -> None:
    found = finding(manifest(sealed(scope="namespace", name="")))
    assert (found.problem, found.notes) == (None, ("any LLMCredential of the namespace may use it",))
    assert finding(manifest(sealed(scope="namespace", name="", namespace="team-b"))).problem is Problem.SCOPE


def test_a_value_for_another_host_is_found_and_both_are_named() -> None:
    found = finding(manifest(sealed()), ProviderSpec("openai", base_url="https://gw.example.com/v1"))
    assert found.problem is Problem.HOST
    assert "https://api.openai.com" in found.detail
    assert "https://gw.example.com" in found.detail


def test_a_former_host_of_the_type_is_good() -> None:
    text = manifest(sealed(audience="https://api-inference.huggingface.co"))
    assert finding(text, ProviderSpec("huggingface")).problem is None


def test_where_keys_go_elsewhere_too_only_any_host_is_good() -> None:
    spec = ProviderSpec("openai", endpoints={"models": "https://elsewhere.example.com/models"})
    assert finding(manifest(sealed()), spec).problem is Problem.HOST
    found = finding(manifest(sealed(audience="any")), spec)
    assert (found.problem, found.notes) == (None, ("it may be sent to any host",))


def test_an_unknown_provider_is_a_note_and_no_verdict_on_the_host() -> None:
    found = finding(manifest(sealed(audience="https://gw.example.com")), known=False)
    assert found.problem is None
    assert found.notes == ("the host https://gw.example.com was not checked: LLMProvider main is not known",)


@pytest.mark.parametrize(
    ("target", "delivery", "problem"),
    [
        ("", "any", None),
        ("  target: {encryption: Envelope}\n", "envelope", None),
        ("  target: {encryption: None}\n", "envelope", Problem.DELIVERY),
        ("  target: {encryption: None}\n", "any", None),
        (f"  target: {{recipients: ['{RECIPIENT.text()}']}}\n", "envelope", Problem.DELIVERY),
        (f"  target: {{recipients: ['{RECIPIENT.text()}']}}\n", recipients_delivery([RECIPIENT]), None),
        ("", recipients_delivery([RECIPIENT]), Problem.DELIVERY),
        ("  target: {recipients: [nonsense]}\n", "any", Problem.RECIPIENTS_INVALID),
    ],
)
def test_the_delivery_must_be_the_one_that_the_target_asks_for(
    target: str, delivery: str, problem: Problem | None
) -> None:
    assert finding(manifest(sealed(delivery=delivery), target=target)).problem is problem


@pytest.mark.parametrize(
    ("key", "problem"),
    [(STRANGE, Problem.KEY_NOT_LIVING), (GONE, Problem.KEY_NOT_LIVING), (LEAKED, Problem.KEY_COMPROMISED), (OLD, None)],
)
def test_the_key_must_be_a_living_one(key: object, problem: Problem | None) -> None:
    found = finding(manifest(sealed(key.public)))  # type: ignore[attr-defined]
    assert found.problem is problem
    if problem is None:
        assert found.notes == ("its key is no longer the active one; renew it with --reseal",)


@pytest.mark.parametrize("text", ["sk-proj-canary0123456789", "''", "[a]", "{a: b}", "llmkeys1.x.y", "null"])
def test_what_is_no_sealed_value_is_found_and_not_repeated(text: str) -> None:
    found = finding(manifest(text))
    assert found.problem is Problem.MALFORMED
    assert "canary" not in repr(found)


def test_without_a_namespace_nothing_can_be_said() -> None:
    assert finding(manifest(sealed(), namespace="")).problem is Problem.NAMESPACE_MISSING
