"""RAGFlow's user_default_llm."""

from llmkeys.api.models import ModelType
from llmkeys.bootstrap.document import documents_in
from llmkeys.bootstrap.reader import Reader
from llmkeys.bootstrap.shapes.ragflow import read_ragflow
from llmkeys.bootstrap.template import Account, Accounts
from llmkeys.bootstrap.tree import mapping_of
from llmkeys.bootstrap.variables import Variables
from llmkeys.catalogue.loader import load

CATALOGUE = load()


def read(text: str, **variables: str) -> Accounts:
    reader = Reader(Variables(variables), CATALOGUE)
    found = read_ragflow(mapping_of(documents_in("user_default_llm:\n" + text)[0], "it"), reader)
    reader.faults.require_none()
    return found


def key_of(account: Account) -> str:
    return account.key.reveal() if account.key else ""


def told(accounts: Accounts) -> list[tuple[str, str, str]]:
    return [(one.factory, key_of(one), one.base_url) for one in accounts.accounts]


def left(accounts: Accounts) -> list[str]:
    return [one.what for one in accounts.left]


def test_models_fall_back_to_the_section() -> None:
    found = read(
        "  {factory: Tongyi-Qianwen, api_key: sk-1, base_url: https://h/v1, default_models:"
        " {chat_model: qwen-plus, embedding_model: {name: text-embedding-v3}, rerank_model: '',"
        " asr_model: {model: asr-1}}}"
    )
    assert told(found) == [("Tongyi-Qianwen", "sk-1", "https://h/v1")] * 3
    assert [dict(one.defaults) for one in found.accounts] == [
        {ModelType.LLM: "qwen-plus"},
        {ModelType.EMBEDDING: "text-embedding-v3"},
        {ModelType.SPEECH_TO_TEXT: "asr-1"},
    ]
    assert left(found) == []


def test_a_factory_without_models_works() -> None:
    assert told(read("  {factory: DeepSeek, api_key: sk-1}")) == [("DeepSeek", "sk-1", "")]
    assert told(read("  {factory: Ollama, base_url: 'http://o:11434'}")) == [("Ollama", "", "http://o:11434")]


def test_two_models_of_one_factory_with_different_keys_are_two_accounts() -> None:
    found = read(
        "  {factory: OpenAI, api_key: sk-1, default_models: {chat_model: gpt-5,"
        " embedding_model: {name: e, api_key: sk-2}}}"
    )
    assert told(found) == [("OpenAI", "sk-1", ""), ("OpenAI", "sk-2", "")]


def test_the_sections_own_key_is_kept_where_every_model_has_another() -> None:
    found = read("  {factory: OpenAI, api_key: sk-1, default_models: {chat_model: {name: a, api_key: sk-2}}}")
    assert told(found) == [("OpenAI", "sk-2", ""), ("OpenAI", "sk-1", "")]


def test_a_key_is_not_sent_to_another_vendor() -> None:
    found = read(
        "  factory: OpenAI\n  api_key: sk-1\n  default_models:\n    chat_model: gpt-5\n"
        "    rerank_model: jina-reranker@Jina\n"
        "    embedding_model: {name: e, factory: Voyage AI, api_key: pa-2}\n    asr_model: w@Ollama\n"
    )
    assert told(found) == [("OpenAI", "sk-1", ""), ("Voyage AI", "pa-2", ""), ("Ollama", "", "")]
    (only,) = found.left
    assert (only.place.line, only.what) == (6, "user_default_llm.default_models.rerank_model")
    assert only.why == "It has no api_key of its own, and that of OpenAI is not sent elsewhere. Give it one."


def test_behind_a_gateway_all_factories_share_key_and_address() -> None:
    found = read(
        "  {factory: OpenAI, api_key: sk-1, base_url: https://gw, default_models: {chat_model: a@DeepSeek,"
        " embedding_model: {name: b, factory: Jina, api_key: j}}}"
    )
    assert told(found) == [("DeepSeek", "sk-1", "https://gw"), ("Jina", "j", "")]


def test_one_key_for_models_that_name_their_factories() -> None:
    assert told(read("  {api_key: sk-1, default_models: {chat_model: a@OpenAI}}")) == [("OpenAI", "sk-1", "")]


def test_names_lose_factory_account_and_suffix() -> None:
    found = read(
        "  {api_key: k1, default_models: {chat_model: 'my-qwen___VLLM@VLLM', embedding_model: 'e@second@OpenAI',"
        " rerank_model: '@cf/m@OpenAI'}}"
    )
    assert [(dict(one.defaults), one.name) for one in found.accounts] == [
        ({ModelType.LLM: "my-qwen"}, ""),
        ({ModelType.EMBEDDING: "e"}, "second"),
        ({ModelType.RERANK: "@cf/m"}, ""),
    ]


def test_placeholders_count_as_unset() -> None:
    found = read(
        "  {factory: OpenAI, api_key: sk-xxxxxxxxxxxxx, base_url: '',"
        " default_models: {chat_model: {name: a, api_key: sk-2},"
        " embedding_model: xxx, rerank_model: {name: backup}}}"
    )
    assert told(found) == [("OpenAI", "sk-2", "")]


def test_allowed_factories_limit_by_any_name_and_say_so() -> None:
    for allowed in ("[通义千问, Jina]", "'Dashscope, Jina'"):
        found = read(
            f"  {{factory: Tongyi-Qianwen, api_key: sk-1, allowed_factories: {allowed}, default_models:"
            " {chat_model: q, embedding_model: {name: e, factory: OpenAI, api_key: sk-2}}}"
        )
        assert told(found) == [("Tongyi-Qianwen", "sk-1", "")]
        assert [one.why for one in found.left] == ["OpenAI is not in allowed_factories."]


def test_a_picture_model_is_left_unless_it_is_the_chat_model() -> None:
    same = read("  {factory: OpenAI, api_key: sk-1, default_models: {image2text_model: m, chat_model: m}}")
    other = read("  {factory: OpenAI, api_key: sk-1, default_models: {vision_model: v, chat_model: m}}")
    assert left(same) == []
    assert left(other) == ["user_default_llm.default_models.vision_model"]
    assert {key_of(one) for one in other.accounts} == {"sk-1"}


def test_ragflows_own_settings_are_left() -> None:
    found = read("  factory: OpenAI\n  api_key: sk-1\n  parsers: naive:General\n")
    assert [(one.place.line, one.what) for one in found.left] == [(4, "user_default_llm.parsers")]


def test_packed_fields_become_the_catalogues() -> None:
    packed = {
        "VolcEngine": ('{"ark_api_key": "ark-1", "endpoint_id": "ep-1"}', "ark-1", {}, {"endpointId": "ep-1"}),
        "Bedrock": (
            '{"auth_mode": "", "bedrock_ak": "AKIA1", "bedrock_sk": "s", "bedrock_region": "us-east-1"}',
            "AKIA1",
            {"secretAccessKey": "s"},
            {"region": "us-east-1"},
        ),
        "BaiduYiyan": ('{"yiyan_ak": "a", "yiyan_sk": "b"}', "", {"legacyApiKey": "a", "secretKey": "b"}, {}),
        "Tencent Hunyuan": (
            '{"hunyuan_sid": "a", "hunyuan_sk": "b"}',
            "",
            {"secretId": "a", "secretKey": "b"},
            {},
        ),
        "XunFei Spark": (
            '{"spark_app_id": "1", "spark_api_secret": "2", "spark_api_key": "3"}',
            "",
            {"appId": "1", "apiSecret": "2", "apiKey": "3"},
            {},
        ),
        "Fish Audio": ('{"fish_audio_ak": "f", "fish_audio_refid": "r"}', "f", {}, {"referenceId": "r"}),
        "Azure-OpenAI": ('{"api_key": "a", "api_version": "2024-10-21"}', "a", {}, {"apiVersion": "2024-10-21"}),
        "Google Cloud": (
            '{"google_project_id": "p", "google_region": "r", "google_service_account_key": "eyJhIjogMX0="}',
            '{"a": 1}',
            {},
            {"project": "p", "location": "r"},
        ),
    }
    for factory, (text, key, fields, config) in packed.items():
        for written in (f"'{text}'", text, "'${PACKED}'"):
            (one,) = read(f"  {{factory: {factory}, api_key: {written}}}", PACKED=text).accounts
            revealed = {name: secret.reveal() for name, secret in one.fields.items()}
            assert (key_of(one), revealed, dict(one.config)) == (key, fields, config), factory


def test_a_variable_inside_packed_fields_may_hold_quotes() -> None:
    (one,) = read('  {factory: VolcEngine, api_key: \'{"ark_api_key": "${K}"}\'}', K='a"b').accounts
    assert key_of(one) == 'a"b'


def test_a_service_account_stays_whole() -> None:
    text = '{"type": "service_account", "private_key": "k"}'
    (one,) = read(f"  {{factory: Google Cloud, api_key: '{text}'}}").accounts
    assert key_of(one) == text


def test_an_own_name_in_default_models_is_left_and_its_key_is_not() -> None:
    found = read("  {factory: OpenAI, api_key: sk-1, default_models: {ocr_model: {name: o, api_key: sk-2, x: 1}}}")
    assert [key_of(one) for one in found.accounts] == ["sk-2", "sk-1"]
    assert left(found) == ["user_default_llm.default_models.ocr_model.x", "user_default_llm.default_models.ocr_model"]


def test_a_part_of_a_key_that_nothing_takes_is_listed_where_it_stands() -> None:
    found = read("  factory: OpenAI\n  api_key:\n    api_key: sk-1\n    flavour: x\n")
    assert [key_of(one) for one in found.accounts] == ["sk-1"]
    assert [(one.place.line, one.what) for one in found.left] == [(5, "api_key.flavour")]
