"""What the catalogue must not forget: each of these made some product call a good key bad, or a bad one good."""

import pytest

from llmkeys.catalogue.loader import load

CATALOGUE = load()
NO_PROOF = [
    "aihubmix",
    "baichuan",
    "cometapi",
    "deepinfra",
    "github-models",
    "gitee-ai",
    "huggingface",
    "iflytek-spark",
    "jina",
    "modelscope",
    "nvidia",
    "openrouter",
    "perplexity",
    "poe",
    "sambanova",
    "vercel-ai-gateway",
    "voyage",
]
BY_THE_SERVERS_FLAGS = ("vllm", "localai", "xinference", "ollama", "openai-compatible", "gpustack", "huggingface-tei")
SIBLINGS = {
    "moonshot": {"api.moonshot.cn", "api.moonshot.ai"},
    "minimax": {"api.minimaxi.com", "api.minimax.io"},
    "dashscope": {"dashscope.aliyuncs.com", "dashscope-intl.aliyuncs.com"},
    "siliconflow": {"api.siliconflow.cn", "api.siliconflow.com"},
}


@pytest.mark.parametrize("kind", NO_PROOF)
def test_a_list_that_answers_anybody_proves_no_key(kind: str) -> None:
    entry = CATALOGUE.find(kind)
    lists = {entry.models.path, entry.paths.models} - {""}
    assert entry.probe.authenticated is not True or entry.probe.path not in lists


@pytest.mark.parametrize("kind", BY_THE_SERVERS_FLAGS)
def test_where_a_servers_flags_decide_whether_keys_are_checked_only_a_control_tells(kind: str) -> None:
    assert CATALOGUE.find(kind).probe.authenticated == "unknown"


def test_a_probe_that_nobody_has_checked_never_proves_a_key_by_itself() -> None:
    unsure = {one.id for one in CATALOGUE.providers.values() if one.probe.ev == "unverified"}
    assert all(CATALOGUE.find(one).probe.authenticated is not True for one in unsure)


def test_types_that_people_run_themselves_have_no_address_of_their_own() -> None:
    for entry in CATALOGUE.providers.values():
        if entry.kind == "self-hosted":
            assert entry.base_url_required, entry.id
            assert not entry.endpoints, entry.id


@pytest.mark.parametrize("kind", sorted(SIBLINGS))
def test_regions_with_accounts_of_their_own_are_known_as_such(kind: str) -> None:
    urls = [one.url for one in CATALOGUE.find(kind).endpoints if one.auto]
    assert all(any(host in url for url in urls) for host in SIBLINGS[kind])


def test_china_and_the_world_are_two_types_where_they_are_two_vendors() -> None:
    assert CATALOGUE.find("zhipu").hosts.isdisjoint(CATALOGUE.find("zai").hosts)


@pytest.mark.parametrize(
    ("kind", "version"),
    [("zhipu", "v4"), ("volcengine-ark", "v3"), ("baidu-qianfan", "v2"), ("google-gemini", "v1beta"), ("openai", "v1")],
)
def test_the_version_that_is_appended_is_the_vendors_own(kind: str, version: str) -> None:
    assert CATALOGUE.find(kind).version == version


def test_the_shape_of_each_list_is_the_vendors_own() -> None:
    assert CATALOGUE.find("together").models.items == "$"
    assert CATALOGUE.find("github-models").models.items == "$"
    assert CATALOGUE.find("google-gemini").models.strip_prefix == "models/"
    assert CATALOGUE.find("cohere").models.id == "name"
    assert CATALOGUE.find("replicate").models.catalogue
    pages = CATALOGUE.find("anthropic").models.pagination
    assert pages is not None
    assert pages.size == 1000  # of itself it is 20


@pytest.mark.parametrize("kind", ["azure-openai", "volcengine-ark", "huggingface"])
def test_a_list_that_does_not_show_all_that_works_makes_nothing_missing(kind: str) -> None:
    assert not CATALOGUE.find(kind).models.complete


def test_requests_carry_what_an_api_wants_besides_the_key() -> None:
    assert CATALOGUE.find("anthropic").auth.headers == {"anthropic-version": "2023-06-01"}
    assert CATALOGUE.find("azure-openai").probe.query == {"api-version": "{apiVersion}"}


def test_a_probe_that_is_slow_at_times_has_the_time_that_it_needs() -> None:
    assert (CATALOGUE.find("moonshot").probe.timeout or 0) >= 30


def test_a_prefix_that_many_vendors_share_refuses_a_key_at_hosts_that_are_known_only() -> None:
    for entry in CATALOGUE.providers.values():
        if entry.auth.scheme == "bearer" and entry.kind == "vendor":
            for field in entry.secret_fields:
                assert all(one.hosts for one in field.wrong_type if one.prefix == "sk-"), entry.id


def test_what_travels_in_urls_is_cut_out_of_texts() -> None:
    assert {"key", "access_token", "client_secret"} <= set(CATALOGUE.redaction.query_parameters)


def test_the_services_that_closed_stay_known_and_say_so() -> None:
    closed = {one.id for one in CATALOGUE.providers.values() if one.lifecycle}
    assert {"qwen-code", "gemini-cli", "github-models"} <= closed
    assert all(CATALOGUE.find(one).lifecycle.note.zh for one in closed)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("fields", "scheme"),
    [
        (["apiPassword"], "bearer"),
        (["apiKey", "apiSecret"], "bearer_pair"),
        (["appId", "apiKey", "apiSecret"], "bearer_pair"),
    ],
)
def test_the_fields_of_spark_are_called_as_its_console_calls_them(fields: list[str], scheme: str) -> None:
    assert CATALOGUE.find("iflytek-spark").kind_with(fields).auth.scheme == scheme
