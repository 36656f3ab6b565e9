"""LiteLLM, Dify, Cherry Studio and XEduLLM."""

import json
from collections.abc import Callable

import pytest

from llmkeys.api.models import ModelType
from llmkeys.bootstrap.document import documents_in
from llmkeys.bootstrap.reader import Reader
from llmkeys.bootstrap.shapes.cherry_studio import read_cherry_studio
from llmkeys.bootstrap.shapes.dify import read_dify
from llmkeys.bootstrap.shapes.litellm import read_litellm
from llmkeys.bootstrap.shapes.xedu import read_xedu
from llmkeys.bootstrap.template import Accounts, TemplateInvalidError
from llmkeys.bootstrap.tree import Node, mapping_of
from llmkeys.bootstrap.variables import Variables
from llmkeys.catalogue.loader import load

CATALOGUE = load()
ENCRYPTED = "SFlCUklEOgAAAA" + "A" * 400


def read(shape: Callable[[Node, Reader], Accounts], text: str, **variables: str) -> Accounts:
    reader = Reader(Variables(variables), CATALOGUE)
    found = shape(documents_in(text)[0], reader)
    reader.faults.require_none()
    return found


def litellm(root: Node, reader: Reader) -> Accounts:
    return read_litellm(mapping_of(root, "it"), reader)


def told(found: Accounts) -> list[tuple[str, str, str]]:
    return [(one.factory, one.key.reveal() if one.key else "", one.base_url) for one in found.accounts]


def revealed(found: Accounts) -> list[dict[str, str]]:
    return [{name: secret.reveal() for name, secret in one.fields.items()} for one in found.accounts]


def left(found: Accounts) -> list[tuple[int, str]]:
    return sorted((one.place.line, one.what) for one in found.left)


def why(found: Accounts, what: str) -> str:
    return next(one.why for one in found.left if one.what == what)


LITELLM = """
environment_variables: {GROQ_API_KEY: gsk_1, OWN: gsk_2}
model_list:
- model_name: a
  litellm_params: {model: openai/gpt-5, api_key: os.environ/OPENAI, rpm: 6}
  model_info: {mode: chat}
- model_name: b
  litellm_params: {model: gpt-5-mini, api_key: sk-2, rpm: 7}
  model_info: {mode: chat}
- model_name: c
  litellm_params: {model: openai/llama, api_base: 'http://vllm:8000/v1', api_key: none}
- model_name: d
  litellm_params: {model: azure/dep, api_base: 'https://r.openai.azure.com/', api_key: az, api_version: '2024-10-21'}
- model_name: e
  litellm_params:
    {model: bedrock/anthropic.claude, aws_access_key_id: AKIA1, aws_secret_access_key: s, aws_region_name: us-east-1}
- model_name: f
  litellm_params:
    {model: vertex_ai/gemini, vertex_project: p, vertex_location: l, vertex_credentials: {type: service_account}}
- model_name: g
  litellm_params: {model: groq/llama}
- model_name: h
  litellm_params: {model: groq/llama, api_key: os.environ/OWN}
- model_name: i
  litellm_params: {model: something}
general_settings: {master_key: sk-own}
"""


def test_litellms_models_become_accounts_of_their_providers() -> None:
    found = read(litellm, LITELLM, OPENAI="sk-1")
    assert told(found) == [
        ("openai", "sk-1", ""),
        ("openai", "sk-2", ""),
        ("custom", "", "http://vllm:8000/v1"),
        ("azure", "az", "https://r.openai.azure.com/"),
        ("bedrock", "AKIA1", ""),
        ("vertex_ai", '{"type":"service_account"}', ""),
        ("groq", "gsk_1", ""),
        ("groq", "gsk_2", ""),
    ]
    assert revealed(found)[4] == {"secretAccessKey": "s"}
    assert [dict(one.config) for one in found.accounts[3:6]] == [
        {"apiVersion": "2024-10-21"},
        {"region": "us-east-1"},
        {"project": "p", "location": "l"},
    ]
    assert [dict(one.defaults) for one in found.accounts[:3]] == [{ModelType.LLM: "gpt-5"}, {}, {}]
    assert left(found) == [(5, "litellm_params.rpm"), (24, "model"), (26, "general_settings")]


def test_litellms_named_credentials_are_used_and_unused_ones_are_not_lost() -> None:
    found = read(
        litellm,
        "credential_list:\n"
        "- {credential_name: a, credential_values: {api_key: sk-1}, credential_info: {custom_llm_provider: openai}}\n"
        "- {credential_name: b, credential_values: {api_key: ds-1}, credential_info: {custom_llm_provider: deepseek}}\n"
        "- {credential_name: c, credential_values: {api_key: ds-1}}\n"
        "model_list: [{litellm_params: {model: gpt-5, litellm_credential_name: a}}]\n",
    )
    assert told(found) == [("openai", "sk-1", ""), ("deepseek", "ds-1", "")]
    assert left(found) == [(4, "credential_list")]


def test_what_litellms_requests_are_given_besides_is_listed_where_it_stands() -> None:
    found = read(
        litellm,
        "credential_list:\n- credential_name: a\n  credential_values:\n    api_key: sk-1\n    scopes: [s]\n"
        "model_list:\n"
        "- litellm_params:\n    model: gpt-5\n    litellm_credential_name: a\n    tags: [b]\n"
        "    extra_headers: {X-A: b}\n"
        "    stop: []\n    rpm: 6\n"
        "- litellm_params: {model: gpt-5, api_key: sk-2, tags: [c]}\n",
    )
    assert told(found) == [("openai", "sk-1", ""), ("openai", "sk-2", "")]
    assert left(found) == [
        (5, "credential_values.scopes"),
        (10, "litellm_params.tags"),
        (11, "litellm_params.extra_headers"),
        (13, "litellm_params.rpm"),
    ]


def test_a_credential_of_litellm_that_is_not_there_is_named() -> None:
    found = read(
        litellm,
        "credential_list:\n- {credential_name: a, credential_values: {api_key: sk-1}}\n"
        "- {credential_name: a, credential_values: {api_key: sk-2}}\n"
        "- {credential_values: {api_key: sk-3}}\n"
        "model_list:\n- litellm_params: {model: gpt-5, litellm_credential_name: a}\n"
        "- litellm_params:\n    model: gpt-5\n    litellm_credential_name: b\n"
        "- litellm_params: {model: gpt-5}\n",
    )
    assert told(found) == [("openai", "sk-1", ""), ("openai", "", ""), ("openai", "", "")]
    assert left(found) == [
        (3, "credential_list"),
        (4, "credential_list"),
        (9, "litellm_params.litellm_credential_name"),
    ]
    assert "credential_list has no b." in why(found, "litellm_params.litellm_credential_name")


def test_an_unset_variable_of_litellm_is_told() -> None:
    with pytest.raises(TemplateInvalidError, match=r"line 1, column .*the variable NO is not set"):
        read(litellm, "model_list: [{litellm_params: {model: openai/a, api_key: os.environ/NO}}]")


DIFY = f"""
default_models: [{{model_type: llm, model: gpt-5, provider: langgenius/openai/openai}}]
model_providers:
- provider: langgenius/openai/openai
  credentials: {{openai_api_key: sk-1, openai_api_base: 'https://gw', openai_organization: org-1}}
- {{provider_name: tongyi, encrypted_config: '{{"dashscope_api_key": "${{Q}}"}}'}}
- {{provider: wenxin, credentials: {{api_key: a, secret_key: b}}}}
- {{provider: spark, credentials: {{app_id: '1', api_secret: s, api_key: k}}, enabled: false}}
- provider: anthropic
  custom_configuration: {{provider: {{credentials: {{anthropic_api_key: sk-ant-1}}}}}}
- {{provider: groq, encrypted_config: '{{"api_key": "{ENCRYPTED}"}}'}}
- {{provider: groq, credentials: {{api_key: gsk_a******yz}}}}
- {{provider: cohere}}
"""


def test_difys_credentials_become_accounts_and_encrypted_ones_are_left() -> None:
    found = read(read_dify, DIFY, Q="sk-q")
    assert told(found)[:2] == [("openai", "sk-1", "https://gw"), ("tongyi", "sk-q", "")]
    assert dict(found.accounts[0].config) == {"organization": "org-1"}
    assert dict(found.accounts[0].defaults) == {ModelType.LLM: "gpt-5"}
    assert revealed(found)[2:4] == [
        {"legacyApiKey": "a", "secretKey": "b"},
        {"appId": "1", "apiSecret": "s", "apiKey": "k"},
    ]
    assert [one.enabled for one in found.accounts[2:4]] == [True, False]
    assert told(found)[4] == ("anthropic", "sk-ant-1", "")
    assert left(found) == [(11, "groq"), (12, "groq.api_key"), (13, "cohere")]
    assert "encrypted" in why(found, "groq")


def test_what_a_credential_of_dify_holds_besides_texts_is_listed() -> None:
    found = read(
        read_dify,
        "- provider: openai\n  credentials:\n    openai_api_key: sk-1\n    extra: {a: b}\n    scopes: [c]\n"
        "    none: []\n    flavour: d\n",
    )
    assert told(found) == [("openai", "sk-1", "")]
    assert left(found) == [(4, "openai.extra"), (5, "openai.scopes"), (7, "openai.flavour")]


def test_default_models_of_dify_that_nothing_takes_are_listed() -> None:
    found = read(
        read_dify,
        "default_models:\n"
        "- {model_type: llm, model: gpt-5, provider: openai}\n"
        "- {model_type: llm, model: gpt-4, provider: openai}\n"
        "- {model_type: llm, model: claude, provider: langgenius/anthropic/anthropic}\n"
        "- {model_type: dreams, model: a, provider: openai}\n"
        "- {model_type: llm, provider: openai}\n"
        "providers: [{provider: openai, credentials: {api_key: sk-1}}]\n",
    )
    assert dict(found.accounts[0].defaults) == {ModelType.LLM: "gpt-5"}
    assert left(found) == [(line, "default_models") for line in (3, 4, 5, 6)]
    assert any("no provider anthropic" in one.why for one in found.left)


@pytest.mark.parametrize("wrong", ["[{model_type: [llm], provider: openai}]", "{llm: gpt-5}"])
def test_a_wrong_default_model_of_dify_is_told_once_however_many_providers_there_are(wrong: str) -> None:
    providers = ["{provider: openai, credentials: {api_key: sk-1}}"] * 3
    with pytest.raises(TemplateInvalidError) as caught:
        read(read_dify, f"default_models: {wrong}\nproviders: [{', '.join(providers)}]")
    assert len(str(caught.value).splitlines()) == 1


PROVIDERS = [
    {
        "id": "silicon",
        "name": "Silicon",
        "apiKey": "sk-1,sk-2",
        "apiHost": "https://api.siliconflow.cn",
        "enabled": True,
    },
    {"id": "zhipu", "name": "Z", "apiKey": "", "apiHost": "https://open.bigmodel.cn/api/paas/v4/", "enabled": False},
    {"id": "openai", "name": "OpenAI", "apiKey": "sk-3", "apiHost": "https://x/#", "enabled": False},
    {
        "id": "c0ffee",
        "name": "My gate",
        "type": "openai",
        "apiKey": "k-😀",
        "apiHost": "https://gate/v2/",
        "enabled": True,
    },
    {"id": "beef", "name": "Mine", "type": "anthropic", "apiKey": "a\\,b,c1", "apiHost": "https://a", "enabled": True},
    {"id": "ollama", "name": "Ollama", "apiKey": "", "apiHost": "http://localhost:11434", "enabled": True},
    {"id": "groq", "name": "Groq", "apiKey": "", "enabled": True},
    {"id": "mistral", "apiKeys": [{"key": "m-1"}, {"key": "m-2", "isEnabled": False}]},
]


def backup() -> str:
    model = {"id": "qwen", "provider": "silicon"}
    state = {"llm": json.dumps({"providers": PROVIDERS, "defaultModel": model}), "settings": "{}"}
    return json.dumps(
        {"time": 1, "localStorage": {"persist:cherry-studio": json.dumps(state)}, "indexedDB": {}}, indent="\t"
    )


def plain_list() -> str:
    return json.dumps(PROVIDERS)


@pytest.mark.parametrize("text", [backup(), plain_list(), json.dumps({"providers": PROVIDERS})])
def test_cherry_studios_providers_become_accounts(text: str) -> None:
    found = read(read_cherry_studio, text)
    assert told(found) == [
        ("silicon", "sk-1", "https://api.siliconflow.cn"),
        ("silicon", "sk-2", "https://api.siliconflow.cn"),
        ("openai", "sk-3", "https://x/#"),
        ("custom", "k-😀", "https://gate/v2/"),
        ("anthropic", "c1", "https://a"),
        ("ollama", "", "http://localhost:11434"),
        ("mistral", "m-1", ""),
    ]
    assert [one.enabled for one in found.accounts] == [True, True, False, True, True, True, True]
    assert [one.name for one in found.accounts if one.name] == ["My gate", "Mine"]
    assert sorted(one.what for one in found.left) == ["Groq", "Mine", "mistral.apiKeys"]


def test_cherry_studios_default_model_is_taken_over() -> None:
    found = read(read_cherry_studio, backup())
    assert [dict(one.defaults) for one in found.accounts[:3]] == [{ModelType.LLM: "qwen"}] * 2 + [{}]


def test_settings_of_cherry_studio_that_nothing_takes_are_listed_once_for_an_entry() -> None:
    text = (
        "- {id: groq, name: Groq, apiKey: '', extra_headers: {X-A: b}}\n"
        "- id: openai\n  name: OpenAI\n  apiKey: sk-1,sk-2\n  apiHost: https://x\n  isSystem: true\n"
        "  apiVersion: '1'\n  notes: mine\n  isVertex: false\n  extra_headers: {X-A: b}\n"
        "  models: [{id: a, name: A}, {id: b, name: B}]\n"
        "- {id: mistral, apiKey: m-1, models: [], notes: ''}\n"
    )
    found = read(read_cherry_studio, text)
    assert [key for _, key, _ in told(found)] == ["sk-1", "sk-2", "m-1"]
    assert left(found) == [
        (1, "Groq"),
        (7, "OpenAI.apiVersion"),
        (8, "OpenAI.notes"),
        (10, "OpenAI.extra_headers"),
        (11, "OpenAI.models"),
    ]


def test_a_broken_backup_is_told_at_its_place() -> None:
    with pytest.raises(TemplateInvalidError, match=r"line 2, column .*localStorage holds no JSON object"):
        read(read_cherry_studio, '{\n"localStorage": "x"}')


def test_xedus_pairs_become_accounts() -> None:
    found = read(
        read_xedu,
        "deepseek: sk-1\n月之暗面-Kimi: ${K}\n文心: {api_key: b-1, model: ernie}\n"
        "openrouter: [o-1, o-2]\nglm: xxx\nqwen: {api_key: q-1, base_url: 'https://q'}\nnobody: n-1\n",
        K="m-1",
    )
    assert told(found) == [
        ("deepseek", "sk-1", ""),
        ("月之暗面-Kimi", "m-1", ""),
        ("baidu-qianfan", "b-1", ""),
        ("openrouter", "o-1", ""),
        ("openrouter", "o-2", ""),
        ("glm", "", ""),
        ("qwen", "q-1", "https://q"),
        ("nobody", "n-1", ""),
    ]
    assert dict(found.accounts[2].defaults) == {ModelType.LLM: "ernie"}


def test_a_setting_of_xedu_that_nothing_takes_is_listed_where_it_stands() -> None:
    found = read(read_xedu, "deepseek:\n  api_key: sk-1\n  flavour: a\n")
    assert left(found) == [(3, "deepseek.flavour")]


def test_xedus_list_is_read_too() -> None:
    found = read(read_xedu, "- {provider: deepseek, api_key: sk-1}\n- {provider: qwen, key: sk-2}")
    assert told(found) == [("deepseek", "sk-1", ""), ("qwen", "sk-2", "")]
