"""What other products say of their providers becomes LLMProviders and LLMCredentials."""

from dataclasses import replace

import pytest

from llmkeys.api.models import ModelType
from llmkeys.bootstrap.accounts import template_from
from llmkeys.bootstrap.template import Account, Accounts, Left, Place, Template
from llmkeys.catalogue.loader import load
from llmkeys.crypto.secret import Secret

CATALOGUE = load()
PLACE = Place(3, 5)


def account(factory: str = "OpenAI", key: str | None = "sk-one-0123456789", **more: object) -> Account:
    return replace(Account(PLACE, factory, Secret(key) if key else None), **more)


def made(*accounts: Account) -> Template:
    return template_from(Accounts("test", accounts), CATALOGUE)


def values(template: Template) -> list[dict[str, str]]:
    return [
        {name: secret.reveal() for name, secret in key.clear.items()}
        for credential in template.credentials
        for key in credential.keys
    ]


def test_a_name_of_another_product_finds_the_type() -> None:
    template = made(account("Tongyi-Qianwen"))
    assert [(one.name, one.spec) for one in template.providers] == [("dashscope", {"type": "dashscope"})]
    (credential,) = template.credentials
    assert (credential.namespace, credential.name) == ("", "dashscope")
    assert credential.spec == {"providerRef": {"name": "dashscope"}}
    assert [key.name for key in credential.keys] == ["primary"]
    assert values(template) == [{"apiKey": "sk-one-0123456789"}]


def test_two_keys_of_one_provider_are_two_entries_of_one_credential() -> None:
    template = made(account(), account(key="sk-two-0123456789"), account())
    assert len(template.providers) == 1
    assert [key.name for key in template.credentials[0].keys] == ["primary", "key-2"]
    assert values(template) == [{"apiKey": "sk-one-0123456789"}, {"apiKey": "sk-two-0123456789"}]


@pytest.mark.parametrize("separator", [",", "\uff0c", "\n", " ,, "])
def test_a_text_with_several_keys_gives_an_entry_for_each(separator: str) -> None:
    assert values(made(account(key=f"sk-a-0123456789{separator}sk-b-0123456789"))) == [
        {"apiKey": "sk-a-0123456789"},
        {"apiKey": "sk-b-0123456789"},
    ]


def test_each_address_is_an_llmprovider_of_its_own() -> None:
    template = made(
        account(),
        account(base_url="https://gw.corp.example/v1"),
        account(base_url="https://gw.corp.example"),  # the same, by the rule for base URLs
        account(base_url="https://other.example"),
    )
    assert [one.name for one in template.providers] == ["openai", "openai-gw-corp-example", "openai-other-example"]
    assert template.providers[1].spec["baseURL"] == "https://gw.corp.example/v1"


def test_a_providers_own_address_is_a_region_and_not_a_base_url() -> None:
    moonshot = CATALOGUE.providers["moonshot"]
    for endpoint in moonshot.endpoints:
        spec = made(account("Moonshot", base_url=endpoint.url)).providers[0].spec
        assert "baseURL" not in spec
        assert spec.get("region", moonshot.default_region) == endpoint.region


def test_the_usual_address_written_out_is_the_same_provider_as_none() -> None:
    openai = CATALOGUE.providers["openai"]
    usual = openai.endpoint()
    assert usual is not None
    template = made(account(), account(base_url=usual.url, key="sk-two-0123456789"))
    assert len(template.providers) == 1
    assert len(template.credentials[0].keys) == 2


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("http://ollama:11434", True),
        ("https://10.0.0.7:8000/v1", True),
        ("https://vllm.models.svc:8000/v1", True),
        ("https://vllm.models.svc.cluster.local/v1", True),
        ("https://gw.corp.example/v1", False),
        ("https://8.8.8.8/v1", False),
    ],
)
def test_an_address_that_can_only_be_an_inner_one_is_allowed(url: str, private: bool) -> None:
    spec = made(account("OpenAI-API-Compatible", base_url=url)).providers[0].spec
    assert ("network" in spec) == private


def test_a_server_without_keys_needs_none() -> None:
    template = made(account("Ollama", None, base_url="http://ollama:11434"))
    assert template.left == ()
    assert template.credentials[0].keys == ()


@pytest.mark.parametrize(
    ("wrong", "word"),
    [
        (account("Opnai"), "openai"),
        (account(key=None), "no key"),
        (account(base_url="gw.corp.example"), "scheme"),
        (account(base_url="https://user:sk-x@gw.example"), "user information"),
    ],
)
def test_what_cannot_be_mapped_is_left_and_the_rest_goes_on(wrong: Account, word: str) -> None:
    template = made(wrong, account("DeepSeek"))
    assert [one.name for one in template.providers] == ["deepseek"]
    (left,) = template.left
    assert isinstance(left, Left)
    assert left.place == PLACE
    assert word in left.why
    assert "sk-" not in left.why


def test_the_products_default_models_are_the_providers() -> None:
    template = made(
        account(defaults={ModelType.LLM: "gpt-5"}),
        account(defaults={ModelType.EMBEDDING: "text-embedding-3-large"}),
        account(defaults={ModelType.LLM: "gpt-4"}),
    )
    defaults = {"llm": "gpt-5", "embedding": "text-embedding-3-large"}
    assert template.providers[0].spec["models"] == {"defaults": defaults}
    (left,) = template.left
    assert (left.what, "gpt-5 is the default" in left.why) == ("gpt-4", True)


def test_what_is_switched_off_is_made_switched_off() -> None:
    assert made(account(enabled=False)).credentials[0].spec["enabled"] is False
    assert "enabled" not in made(account(enabled=False), account()).credentials[0].spec


def test_names_of_a_products_own_entries_are_kept_where_they_can_be() -> None:
    template = made(
        account("OpenAI-API-Compatible", base_url="https://a.example", name="My Gateway"),
        account("OpenAI-API-Compatible", base_url="https://b.example", name="my gateway"),
        account("OpenAI-API-Compatible", base_url="https://c.example", name="公司"),
    )
    assert [one.name for one in template.providers] == ["my-gateway", "my-gateway-2", "openai-compatible"]


def test_further_fields_go_with_the_key() -> None:
    bedrock = CATALOGUE.find("Bedrock")
    fields = {one.name: Secret(f"value-of-{one.name}") for one in bedrock.all_secret_fields if not one.optional}
    template = made(account("Bedrock", None, fields=fields, config={"region": "us-east-1"}))
    assert values(template) == [{name: secret.reveal() for name, secret in fields.items()}]


def test_settings_tell_providers_apart() -> None:
    azure = {"base_url": "https://x.openai.azure.com"}
    one, two = ({"apiVersion": version} for version in ("2024-10-21", "2025-01-01"))
    template = made(account("Azure-OpenAI", config=one, **azure), account("Azure-OpenAI", config=two, **azure))
    assert [provider.spec["config"] for provider in template.providers] == [one, two]
