"""Which audience a new value is bound to."""

import pytest

from llmkeys.api.objects import Metadata
from llmkeys.api.provider import LLMProvider, Network, ProviderSpec, ProviderStatus
from llmkeys.catalogue.errors import UnknownProviderTypeError
from llmkeys.catalogue.loader import load
from llmkeys.sealing.destination import Destination, destination_of
from llmkeys.sealing.errors import DestinationUnsuitableError

CATALOGUE = load()


def destination(spec: ProviderSpec, status: ProviderStatus | None = None) -> Destination:
    return destination_of(LLMProvider(Metadata("main", generation=3), spec, status or ProviderStatus()), CATALOGUE)


def test_a_type_alone_has_the_catalogues_host() -> None:
    found = destination(ProviderSpec("OpenAI"))
    assert (found.audience, found.host) == ("https://api.openai.com", "api.openai.com")
    assert found.entry is not None


def test_a_region_and_a_base_url_count() -> None:
    assert destination(ProviderSpec("openai", base_url="https://gw.example.com:8443/x")).audience == (
        "https://gw.example.com:8443"
    )
    azure = ProviderSpec("azure-openai", region="china", config={"resource": "mine"})
    assert destination(azure).audience == "https://mine.openai.azure.cn"


def test_a_current_status_goes_before_our_own_catalogue() -> None:
    said = ProviderStatus(observed_generation=3, audience="https://api.openai.com/tenant")
    found = destination(ProviderSpec("openai"), said)
    assert found.audience == "https://api.openai.com/tenant"
    assert found.audience in found.audiences
    found.require_bindable()


def test_a_status_of_another_generation_does_not_count() -> None:
    said = ProviderStatus(observed_generation=2, audience="https://old.example.com")
    assert destination(ProviderSpec("openai"), said).audience == "https://api.openai.com"


def test_a_type_that_only_the_operator_knows_is_taken_from_the_status() -> None:
    said = ProviderStatus(observed_generation=3, audience="https://new.example.com")
    found = destination(ProviderSpec("brand-new"), said)
    assert (found.audience, found.entry) == ("https://new.example.com", None)
    with pytest.raises(UnknownProviderTypeError):
        destination(ProviderSpec("brand-new"))


@pytest.mark.parametrize(
    "spec",
    [
        ProviderSpec("openai", endpoints={"models": "https://elsewhere.example.com/v1/models"}),
        ProviderSpec("openai", network=Network(proxy="http://proxy.example.com:3128", ca_bundle="x")),
    ],
)
@pytest.mark.parametrize(
    "said", [ProviderStatus(), ProviderStatus(observed_generation=3, audience="https://api.openai.com")]
)
def test_nothing_is_bound_to_a_host_where_keys_go_elsewhere_too(spec: ProviderSpec, said: ProviderStatus) -> None:
    with pytest.raises(DestinationUnsuitableError, match="--any-host"):
        destination(spec, said).require_bindable()
