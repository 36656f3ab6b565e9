from typing import Any

import pytest
import yaml

from llmkeys.api.credential import LLMCredential, credential_from
from llmkeys.api.names import SOURCE_LABEL
from llmkeys.api.provider import LLMProvider, provider_from
from llmkeys.api.reasons import Reason
from llmkeys.catalogue.loader import load
from llmkeys.catalogue.model import Provider
from llmkeys.explain.starter import PLACEHOLDER, Starter
from llmkeys.probe.endpoint import resolve_endpoint
from llmkeys.probe.material import candidates_of
from llmkeys.probe.url import BadEndpointError

CATALOGUE = load()
EVERY = pytest.mark.parametrize("kind", sorted(CATALOGUE.providers))


def manifests(entry: Provider) -> tuple[LLMProvider, dict[str, Any] | None, LLMCredential]:
    provider, *source, credential = yaml.safe_load_all(Starter(entry, "mine", "team-a").text())
    return provider_from(provider), (source[0] if source else None), credential_from(credential)


@EVERY
def test_the_manifests_of_every_type_belong_together(kind: str) -> None:
    entry = CATALOGUE.find(kind)
    provider, source, credential = manifests(entry)
    assert (provider.metadata.name, provider.spec.type) == ("mine", kind)
    assert credential.spec.provider_ref.name == "mine"
    assert (source is not None) == entry.key_required == bool(credential.spec.keys)
    if source is not None:
        (key,) = credential.spec.keys
        assert key.secret_ref is not None
        assert source["metadata"] == {
            "name": key.secret_ref.name,
            "namespace": "team-a",
            "labels": {SOURCE_LABEL: "true"},
        }
        assert source["type"] == "Opaque"
        assert credential.secret_name != key.secret_ref.name


@EVERY
def test_nothing_is_sent_before_a_person_has_filled_in_the_key(kind: str) -> None:
    entry = CATALOGUE.find(kind)
    _, source, credential = manifests(entry)
    if source is None:
        return
    data = {name: value.encode() for name, value in source["stringData"].items()}
    assert set(source["stringData"].values()) == {PLACEHOLDER}
    for one in candidates_of(credential.spec.keys[0], data, entry, ""):
        assert one.problem is Reason.MALFORMED_KEY or all(field.type == "json" for field in entry.secret_fields)


@EVERY
def test_nothing_is_sent_to_a_host_that_a_person_has_not_named(kind: str) -> None:
    entry = CATALOGUE.find(kind)
    provider, _, _ = manifests(entry)
    try:
        endpoint = resolve_endpoint(provider.spec, entry)
    except BadEndpointError:
        assert any(field.required and field.pattern for field in entry.config_fields)
        return
    host = endpoint.origin.host
    assert host in entry.hosts or host == "llm.example.com"


def test_comments_say_what_to_fill_in() -> None:
    text = Starter(CATALOGUE.find("azure-openai"), "mine", "team-a").text()
    assert "# config.resource: required, the name of the Azure resource.\n" in text
    assert "# Get one: https://portal.azure.com/" in text
    assert "# region: one of per-resource" in text
    closed = Starter(CATALOGUE.find("github-models"), "mine", "team-a").text()
    assert "# CLOSED since 2026-07-30" in closed
    keyless = Starter(CATALOGUE.find("ollama"), "mine", "team-a").text()
    assert "# No key is needed." in keyless
