from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.catalogue.errors import UnknownProviderTypeError
from llmkeys.catalogue.loader import load
from llmkeys.catalogue.lookup import names_of

CATALOGUE = load()
# What people who come from another product write, by product.
SPELLINGS = {
    "openai": ["OpenAI", "openai", "OPENAI"],
    "anthropic": ["Anthropic", "anthropic", "Claude"],
    "google-gemini": ["Gemini", "google", "gemini", "谷歌 Gemini"],
    "azure-openai": ["Azure-OpenAI", "azure_openai", "azure", "Azure OpenAI Service"],
    "openrouter": ["OpenRouter", "openrouter"],
    "deepseek": ["DeepSeek", "深度求索", "幻方", "幻方-深度求索"],
    "moonshot": ["Moonshot", "Kimi", "月之暗面", "月之暗面-Kimi", "月之暗面（Kimi）"],  # noqa: RUF001  as the product writes it
    "zhipu": ["ZHIPU-AI", "zhipuai", "bigmodel", "glm", "智谱-智谱清言", "智谱清言", "智谱 AI（智谱清言 GLM）"],  # noqa: RUF001
    "dashscope": ["Tongyi-Qianwen", "Dashscope", "tongyi", "qwen", "通义千问", "阿里-通义千问"],
    "huggingface": ["HuggingFace", "huggingface_hub", "Hugging Face"],
    "ollama": ["Ollama"],
    "openai-compatible": ["OpenAI-API-Compatible", "openai_api_compatible", "LM-Studio", "new-api", "OpenAI 兼容"],
}


@pytest.mark.parametrize(("known", "name"), [(known, name) for known, names in SPELLINGS.items() for name in names])
def test_a_product_spelling_finds_the_provider(known: str, name: str) -> None:
    for spelling in (name, name.upper(), name.lower(), f" {name} "):
        assert CATALOGUE.find(spelling).id == known


def test_every_name_and_alias_finds_its_own_provider() -> None:
    for provider in CATALOGUE.providers.values():
        for _, name in names_of(provider):
            assert CATALOGUE.find(name).id == provider.id


def test_full_width_letters_and_other_hyphens_are_the_same_name() -> None:
    assert CATALOGUE.find("\uff2f\uff50\uff45\uff4e\uff21\uff29").id == "openai"
    assert CATALOGUE.find("azure openai").id == "azure-openai"


@pytest.mark.parametrize(
    ("name", "first"), [("open-ai", "openai"), ("antropic", "anthropic"), ("通义", "dashscope"), ("olama", "ollama")]
)
def test_an_unknown_name_is_refused_with_the_nearest_three(name: str, first: str) -> None:
    with pytest.raises(UnknownProviderTypeError) as caught:
        CATALOGUE.find(name)
    assert caught.value.nearest[0] == first
    assert len(set(caught.value.nearest)) == 3
    assert all(near in str(caught.value) for near in caught.value.nearest)


@given(st.text(max_size=200))
def test_any_text_is_a_provider_or_is_refused(name: str) -> None:
    with suppress(UnknownProviderTypeError):
        assert CATALOGUE.find(name).id in CATALOGUE.providers
    assert len(CATALOGUE.nearest(name)) == 3
