import pytest

from llmkeys.api.provider import Network, ProviderSpec
from llmkeys.catalogue.loader import load
from llmkeys.probe.endpoint import Endpoint, resolve_endpoint
from llmkeys.probe.url import BadEndpointError, Origin
from tests.unit.probe.auth.credentials import spec_for

CATALOGUE = load()
GATEWAY = "https://gw.example"


def resolve(spec: ProviderSpec) -> Endpoint:
    return resolve_endpoint(spec, CATALOGUE.find(spec.type))


# type, base, chat (below the base), probe
DEFAULTS = [
    ("anthropic", "https://api.anthropic.com/v1", "/messages", "https://api.anthropic.com/v1/models"),
    (
        "dashscope",
        "https://dashscope.aliyuncs.com/compatible-mode/v1",
        "/chat/completions",
        "https://dashscope.aliyuncs.com/compatible-mode/v1/models",
    ),
    ("deepseek", "https://api.deepseek.com/v1", "/chat/completions", "https://api.deepseek.com/v1/models"),
    (
        "google-gemini",
        "https://generativelanguage.googleapis.com/v1beta",
        None,  # the model is part of the path
        "https://generativelanguage.googleapis.com/v1beta/models",
    ),
    (
        "huggingface",
        "https://router.huggingface.co/v1",
        "/chat/completions",
        "https://huggingface.co/api/whoami-v2",
    ),
    ("moonshot", "https://api.moonshot.cn/v1", "/chat/completions", "https://api.moonshot.cn/v1/models"),
    ("openai", "https://api.openai.com/v1", "/chat/completions", "https://api.openai.com/v1/models"),
    ("openrouter", "https://openrouter.ai/api/v1", "/chat/completions", "https://openrouter.ai/api/v1/key"),
    (
        "zhipu",
        "https://open.bigmodel.cn/api/paas/v4",
        "/chat/completions",
        "https://open.bigmodel.cn/api/paas/v4/models",
    ),
]


@pytest.mark.parametrize(("kind", "base", "chat", "probe"), DEFAULTS)
def test_a_type_has_an_address_of_its_own(kind: str, base: str, chat: str | None, probe: str) -> None:
    endpoint = resolve(ProviderSpec(kind))
    assert endpoint.base.base == base
    assert endpoint.chat == (base + chat if chat else "")
    assert endpoint.probe == probe
    assert endpoint.audience == str(endpoint.base.origin)


# type, base of `https://gw.example`, chat, probe
CUSTOM = [
    ("anthropic", "/v1", "/v1/messages", "/v1/models"),
    ("azure-openai", "", "/openai/v1/chat/completions", "/openai/models"),
    ("dashscope", "/v1", "/v1/chat/completions", "/v1/models"),
    ("deepseek", "/v1", "/v1/chat/completions", "/v1/models"),
    ("google-gemini", "/v1beta", None, "/v1beta/models"),
    ("moonshot", "/v1", "/v1/chat/completions", "/v1/models"),
    ("ollama", "", "/v1/chat/completions", "/api/tags"),
    ("openai", "/v1", "/v1/chat/completions", "/v1/models"),
    ("openai-compatible", "/v1", "/v1/chat/completions", "/v1/models"),
    ("openrouter", "/v1", "/v1/chat/completions", "/v1/key"),
    ("zhipu", "/v4", "/v4/chat/completions", "/v4/models"),
]


@pytest.mark.parametrize(("kind", "base", "chat", "probe"), CUSTOM)
def test_a_base_url_of_ones_own_moves_every_request(kind: str, base: str, chat: str | None, probe: str) -> None:
    endpoint = resolve(ProviderSpec(kind, base_url=GATEWAY))
    assert endpoint.base.base == GATEWAY + base
    assert endpoint.chat == (GATEWAY + chat if chat else "")
    assert endpoint.probe == GATEWAY + probe
    assert endpoint.audience == GATEWAY
    assert endpoint.origin == Origin("https", "gw.example", 443)


@pytest.mark.parametrize("kind", sorted(CATALOGUE.providers))
def test_every_type_has_an_address_or_says_that_it_needs_one(kind: str) -> None:
    assert resolve(spec_for(CATALOGUE.find(kind), GATEWAY)).base.origin == Origin("https", "gw.example", 443)
    if CATALOGUE.find(kind).base_url_required:
        with pytest.raises(BadEndpointError, match=r"spec\.baseURL"):
            resolve(ProviderSpec(kind))


def test_a_probe_on_a_host_of_its_own_follows_its_own_override_only() -> None:
    moved = resolve(ProviderSpec("huggingface", base_url=GATEWAY))
    assert moved.probe == "https://huggingface.co/api/whoami-v2"
    assert moved.origin == Origin("https", "huggingface.co", 443)
    both = resolve(ProviderSpec("huggingface", base_url=GATEWAY, endpoints={"token": "https://hub.example/"}))
    assert both.probe == "https://hub.example/api/whoami-v2"


def test_an_override_that_is_no_url_is_a_bad_endpoint() -> None:
    with pytest.raises(BadEndpointError):
        resolve(ProviderSpec("huggingface", endpoints={"token": "hub.example"}))


@pytest.mark.parametrize(
    ("kind", "region", "base"),
    [
        ("dashscope", "intl", "https://dashscope-intl.aliyuncs.com/compatible-mode/v1"),
        ("dashscope", "coding-plan", "https://coding.dashscope.aliyuncs.com/v1"),
        ("moonshot", "intl", "https://api.moonshot.ai/v1"),
        ("zhipu", "coding-cn", "https://open.bigmodel.cn/api/coding/paas/v4"),
    ],
)
def test_a_region_picks_its_endpoint(kind: str, region: str, base: str) -> None:
    assert resolve(ProviderSpec(kind, region=region)).base.base == base


def test_a_region_that_there_is_not_is_answered_with_those_there_are() -> None:
    with pytest.raises(BadEndpointError, match=r"spec\.region to one of: cn, intl"):
        resolve(ProviderSpec("moonshot", region="mars"))


@pytest.mark.parametrize(
    ("region", "base"),
    [
        (None, "https://acme.openai.azure.com"),
        ("foundry", "https://acme.services.ai.azure.com"),
        ("china", "https://acme.openai.azure.cn"),
    ],
)
def test_a_setting_fills_the_address(region: str | None, base: str) -> None:
    endpoint = resolve(ProviderSpec("azure-openai", region=region, config={"resource": "acme"}))
    assert endpoint.base.base == base
    assert endpoint.query == (("api-version", "2024-10-21"),)


def test_a_setting_replaces_its_default() -> None:
    endpoint = resolve(ProviderSpec("azure-openai", config={"resource": "acme", "apiVersion": "2025-01-01-preview"}))
    assert endpoint.query == (("api-version", "2025-01-01-preview"),)


def test_the_path_that_azure_users_paste_is_taken_off() -> None:
    endpoint = resolve(ProviderSpec("azure-openai", base_url="https://acme.openai.azure.com/openai/v1/"))
    assert endpoint.probe == "https://acme.openai.azure.com/openai/models"


@pytest.mark.parametrize(
    ("spec", "remedy"),
    [
        (ProviderSpec("azure-openai"), r"Set spec\.config\.resource"),
        (ProviderSpec("dashscope", region="workspace"), r"Set spec\.config\.workspaceId"),
        (ProviderSpec("huggingface", region="endpoints"), r"Set spec\.config\.endpoint"),
        (ProviderSpec("ollama"), r"Set spec\.baseURL"),
        (ProviderSpec("openai-compatible"), r"Set spec\.baseURL"),
        (ProviderSpec("openai", config={"resource": "acme"}), "organization, project"),
        (ProviderSpec("deepseek", config={"resource": "acme"}), "none"),
        (ProviderSpec("azure-openai", config={"resource": "acme.evil.example/"}), "must match"),
        (ProviderSpec("azure-openai", config={"resource": "acme\n"}), "must match"),
    ],
)
def test_a_manifest_that_cannot_be_used_says_which_field_to_set(spec: ProviderSpec, remedy: str) -> None:
    with pytest.raises(BadEndpointError, match=remedy):
        resolve(spec)


def test_settings_and_headers_of_the_manifest_are_sent() -> None:
    spec = ProviderSpec("openai", config={"organization": "org-1"}, headers={"X-Team": "platform"})
    assert dict(resolve(spec).headers) == {
        "Accept": "application/json",
        "OpenAI-Organization": "org-1",
        "X-Team": "platform",
    }


def test_headers_that_a_type_always_sends_are_sent() -> None:
    assert dict(resolve(ProviderSpec("anthropic")).headers)["anthropic-version"] == "2023-06-01"


def test_the_audience_of_a_host_that_tenants_share_holds_the_path() -> None:
    shared = "https://gateway.ai.cloudflare.com/v1/acc/gw/openai"
    assert resolve(ProviderSpec("openai", base_url=shared)).audience == shared
    other = resolve(ProviderSpec("openai", base_url="https://gateway.ai.cloudflare.com/v1/else/gw/openai"))
    assert other.audience != shared


def test_the_audience_of_a_host_of_ones_own_is_its_origin() -> None:
    assert resolve(ProviderSpec("openai", base_url="https://gw.example:8443/a/b")).audience == "https://gw.example:8443"


def test_the_network_is_that_of_the_manifest() -> None:
    network = Network(ca_bundle="PEM", allow_private_addresses=True)
    assert resolve(ProviderSpec("openai", network=network)).network == network
