"""Where lists are asked for, and that no key goes to a host that its probe does not go to."""

from typing import Any

import msgspec
import pytest

from llmkeys.api.models import AddedModel, ModelsSpec, ModelType
from llmkeys.api.provider import ProviderSpec
from llmkeys.catalogue.loader import load
from llmkeys.catalogue.model import Provider
from llmkeys.crypto.secret import Secret
from llmkeys.probe.build import build_probe
from llmkeys.probe.endpoint import resolve_endpoint
from llmkeys.probe.material import Material
from llmkeys.probe.models_offer import Asked
from llmkeys.probe.models_request import ListPlan, plan_listing, single
from llmkeys.probe.request import ProbeRequest

CATALOGUE = load()
NOTHING = Asked(ModelsSpec())
WISH = Asked(ModelsSpec(), ("gpt-5",))


def planned(type_: str, asked: Asked, **fields: Any) -> tuple[ListPlan | None, ProbeRequest]:
    entry, spec = CATALOGUE.providers[type_], msgspec.convert({"type": type_, **fields}, ProviderSpec)
    return _planned(entry, spec, asked)


def _planned(entry: Provider, spec: ProviderSpec, asked: Asked) -> tuple[ListPlan | None, ProbeRequest]:
    endpoint = resolve_endpoint(spec, entry)
    material = Material((("apiKey", Secret("sk-secret")),))
    return plan_listing(spec, endpoint, entry, asked), build_probe(endpoint, entry, material)


def required(plan: ListPlan | None) -> ListPlan:
    assert plan is not None
    return plan


def test_a_probe_that_is_the_list_is_read_whether_anybody_asked_or_not() -> None:
    plan = required(planned("openai", NOTHING)[0])
    assert plan.is_probe
    assert not plan.follows
    assert list(plan.sharing_parts()) == list(required(planned("openai", WISH)[0]).sharing_parts()) == []


@pytest.mark.parametrize("type_", ["anthropic", "google-gemini", "openrouter"])
def test_a_list_of_its_own_is_read_only_if_something_depends_on_it(type_: str) -> None:
    assert planned(type_, NOTHING)[0] is None
    plan = required(planned(type_, WISH)[0])
    assert not plan.is_probe
    assert plan.follows
    assert list(plan.sharing_parts())


def test_the_first_page_is_a_big_one_and_carries_the_key_as_the_probe_does() -> None:
    plan, probe = planned("anthropic", WISH)
    page = required(plan).page(probe)
    assert page.url == "https://api.anthropic.com/v1/models?limit=1000"
    assert page.secret_headers == probe.secret_headers
    assert (page.method, page.body) == ("GET", b"")


def test_a_further_page_has_its_parameters() -> None:
    plan, probe = planned("anthropic", WISH)
    page = required(plan).page(probe, (("limit", "1000"), ("after_id", "a b")))
    assert page.url == "https://api.anthropic.com/v1/models?limit=1000&after_id=a+b"


def test_a_list_that_answers_anybody_gets_no_key() -> None:
    plan, probe = planned("openrouter", WISH)
    page = required(plan).page(probe)
    assert probe.secret_headers
    assert (page.secret_headers, page.secret_query) == ((), ())
    assert page.url == "https://openrouter.ai/api/v1/models?output_modalities=all"


def test_settings_fill_the_parameters_of_the_list() -> None:
    plan, probe = planned("azure-openai", WISH, baseURL="https://mine.openai.azure.com")
    page = required(plan).page(probe)
    assert page.url.startswith("https://mine.openai.azure.com/openai/models?api-version=20")


def test_no_key_goes_to_a_host_that_its_probe_does_not_go_to() -> None:
    elsewhere = {"endpoints": {"models": "https://elsewhere.test/v1/models"}}
    assert required(planned("xai", WISH)[0]).keyed
    assert planned("xai", WISH, **elsewhere)[0] is None


def test_nothing_secret_of_the_probes_body_goes_along() -> None:
    probe = ProbeRequest("POST", "https://a.test/token", secret_body=Secret("secret=1"), body=b"{}")
    request = single(probe, "https://a.test/models")
    assert (request.method, request.body, request.secret_body) == ("GET", b"", None)


@pytest.mark.parametrize("scheme", ["aws_sigv4", "tc3_hmac_sha256"])
def test_a_signature_is_not_sent_to_another_url(scheme: Any) -> None:
    entry = CATALOGUE.providers["xai"]
    signed = msgspec.structs.replace(entry, auth=msgspec.structs.replace(entry.auth, scheme=scheme))
    spec = msgspec.convert({"type": "xai"}, ProviderSpec)
    assert plan_listing(spec, resolve_endpoint(spec, signed), signed, WISH) is None


def test_a_probe_that_sends_a_form_gives_no_request_for_a_list() -> None:
    entry = CATALOGUE.providers["xai"]
    formed = msgspec.structs.replace(entry, probe=msgspec.structs.replace(entry.probe, form={"secret": "{apiKey}"}))
    spec = msgspec.convert({"type": "xai"}, ProviderSpec)
    assert plan_listing(spec, resolve_endpoint(spec, formed), formed, WISH) is None


def test_models_of_a_whole_catalogue_are_asked_for_one_by_one() -> None:
    asked = Asked(ModelsSpec(add=(AddedModel("meta/llama-3"),), defaults={ModelType.LLM: "a/b"}), ("c/d:v1",))
    plan, probe = planned("replicate", asked)
    assert not required(plan).url
    assert required(plan).each == (
        ("c/d:v1", "https://api.replicate.com/v1/models/c/d"),
        ("a/b", "https://api.replicate.com/v1/models/a/b"),
        ("meta/llama-3", "https://api.replicate.com/v1/models/meta/llama-3"),
    )
    assert single(probe, required(plan).each[0][1]).secret_headers == probe.secret_headers


def test_what_was_added_to_a_list_is_looked_up_besides() -> None:
    asked = Asked(ModelsSpec(add=(AddedModel("team/own"),)), ("listed/one",))
    plan = required(planned("huggingface", asked)[0])
    assert plan.url == "https://router.huggingface.co/v1/models"
    assert plan.each == (("team/own", "https://huggingface.co/api/models/team/own"),)


def test_no_model_is_looked_up_at_a_host_that_the_probe_does_not_go_to() -> None:
    entry = CATALOGUE.providers["replicate"]
    models = msgspec.structs.replace(entry.models, per_model_endpoint="other")
    elsewhere = msgspec.structs.replace(entry, models=models, other_endpoints={"other": "https://elsewhere.test"})
    spec = msgspec.convert({"type": "replicate"}, ProviderSpec)
    assert _planned(elsewhere, spec, Asked(ModelsSpec(), ("a/b",)))[0] is None


@pytest.mark.parametrize("name", ["one", "a/b/c", "../x", "a/..", "a/%2e", "a/b?c", "a/b#c", "a\\b/c", "", "a/", "/b"])
def test_a_name_that_is_no_path_is_not_looked_up(name: str) -> None:
    assert planned("replicate", Asked(ModelsSpec(), (name,)))[0] is None


def test_different_wishes_to_a_catalogue_are_not_shared() -> None:
    one, other = (required(planned("replicate", Asked(ModelsSpec(), (name,)))[0]) for name in ("a/b", "a/c"))
    assert list(one.sharing_parts()) != list(other.sharing_parts())
