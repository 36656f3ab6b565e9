"""Lists of models: every provider's shape, and whatever else a reply may hold."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.api.models import ModelType
from llmkeys.catalogue.loader import load
from llmkeys.probe.body import BROKEN
from llmkeys.probe.models import MOST, is_name, models_in
from llmkeys.probe.models_pages import page_of
from llmkeys.probe.reply import Reply

CATALOGUE = load()
NO_NAMES = [7, None, "", "a\nb", " a", "a" * 257, "a\u202eb"]
LISTING = sorted(name for name, one in CATALOGUE.providers.items() if one.models.items)

ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=20,
)
WORDS = st.sampled_from(
    ["data", "models", "id", "name", "items", "type", "capabilities", "endpoints", "owner", "results", "model_name"]
)
LIKE_A_LIST = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=5),
    max_leaves=30,
)


def found(provider: str, document: Any) -> dict[str, ModelType] | None:
    models = models_in(document, CATALOGUE.providers[provider])
    return None if models is None else {model.id: model.type for model in models}


def openai(*ids: str) -> dict[str, Any]:
    return {"object": "list", "data": [{"id": one, "object": "model"} for one in ids]}


@pytest.mark.parametrize(
    ("provider", "document", "models"),
    [
        ("openai", openai("gpt-5", "whisper-1"), {"gpt-5": "llm", "whisper-1": "speech-to-text"}),
        (
            "google-gemini",
            {
                "models": [
                    {"name": "models/gemini-flash", "supportedGenerationMethods": ["countTokens", "generateContent"]},
                    {"name": "models/gemini-2.5-flash-preview-tts", "supportedGenerationMethods": ["generateContent"]},
                    {"name": "models/gemini-embedding-001", "supportedGenerationMethods": ["embedContent"]},
                    {"name": "models/veo-3.0", "supportedGenerationMethods": ["predictLongRunning"]},
                ]
            },
            {
                "gemini-flash": "llm",
                "gemini-2.5-flash-preview-tts": "tts",
                "gemini-embedding-001": "embedding",
                "veo-3.0": "other",
            },
        ),
        (
            "cohere",
            {"models": [{"name": "command-a", "endpoints": ["chat"]}, {"name": "x", "endpoints": ["embed"]}]},
            {"command-a": "llm", "x": "embedding"},
        ),
        (
            "azure-openai",
            {"data": [{"id": "ada", "capabilities": {"chat_completion": False, "embeddings": True}}]},
            {"ada": "embedding"},
        ),
        (
            "mistral",
            {
                "data": [
                    {"id": "mistral-embed", "capabilities": {"completion_chat": False}},
                    {"id": "pixtral", "capabilities": {"completion_chat": True}},
                ]
            },
            {"mistral-embed": "embedding", "pixtral": "llm"},
        ),
        ("together", [{"id": "a/b", "type": "transcribe"}], {"a/b": "speech-to-text"}),
        ("together", [{"id": "c/d", "type": "video"}], {"c/d": "other"}),
        ("replicate", {"results": [{"owner": "meta", "name": "llama-3"}, {"owner": "meta"}]}, {"meta/llama-3": "llm"}),
        ("ollama", {"models": [{"name": "nomic-embed-text:latest"}]}, {"nomic-embed-text:latest": "embedding"}),
        ("deepinfra", [{"model_name": "a/b", "type": "text-to-image"}], {"a/b": "image"}),
    ],
)
def test_each_shape_is_read_and_typed(provider: str, document: Any, models: dict[str, str]) -> None:
    assert found(provider, document) == models


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("text-embedding-3-large", "embedding"),
        ("BAAI/bge-m3", "embedding"),
        ("BAAI/bge-reranker-v2-m3", "rerank"),
        ("gte-rerank", "rerank"),
        ("gpt-4o-transcribe", "speech-to-text"),
        ("paraformer-v2", "speech-to-text"),
        ("gpt-4o-mini-tts", "tts"),
        ("cosyvoice-v2", "tts"),
        ("dall-e-3", "image"),
        ("omni-moderation-latest", "moderation"),
        ("llama-guard-3-8b", "moderation"),
        ("sora-2", "other"),
        ("gpt-realtime", "other"),
        ("gpt-5", "llm"),
        ("qwen-vl-max", "llm"),
        ("my-own-model", "llm"),
    ],
)
def test_an_id_tells_the_type_where_the_list_does_not(name: str, kind: str) -> None:
    assert found("openai", openai(name)) == {name: kind}


def test_a_list_that_is_null_is_empty() -> None:
    assert found("openai", {"object": "list", "data": None}) == {}


@pytest.mark.parametrize(
    "document", [BROKEN, {}, {"data": {}}, {"data": "gpt-5"}, [], None, {"error": {"message": "no"}}]
)
def test_what_is_no_list_is_none(document: Any) -> None:
    assert found("openai", document) is None


@pytest.mark.parametrize("item", [None, 7, [], {}, *({"id": name} for name in NO_NAMES)])
def test_an_item_that_is_no_model_is_left_out(item: Any) -> None:
    assert found("openai", {"data": [item, {"id": "gpt-5"}]}) == {"gpt-5": "llm"}


def test_a_model_that_is_named_twice_counts_once() -> None:
    assert found("openai", openai("gpt-5", "gpt-5")) == {"gpt-5": "llm"}


def test_a_list_is_read_to_its_bound_only() -> None:
    models = models_in(openai(*(f"m{number}" for number in range(MOST + 100))), CATALOGUE.providers["openai"])
    assert models is not None
    assert len(models) == MOST + 1


@given(provider=st.sampled_from(LISTING), document=LIKE_A_LIST | ANY_JSON)
def test_a_hostile_document_gives_names_or_nothing(provider: str, document: Any) -> None:
    models = models_in(document, CATALOGUE.providers[provider])
    assert models is None or all(is_name(model.id) for model in models)


@given(body=st.binary(max_size=200), status=st.sampled_from([200, 204, 301, 401, 500]), truncated=st.booleans())
def test_a_hostile_reply_is_no_page(body: bytes, status: int, truncated: bool) -> None:
    entry = CATALOGUE.providers["anthropic"]
    page = page_of(
        Reply(status, {"content-type": "application/json"}, body, truncated), entry, "https://a.test/v1/models"
    )
    assert page is None or status == 200


@pytest.mark.parametrize(
    "reply",
    [Reply(200, {}, b'{"data": ['), Reply(200, {}, b'{"data": []}', truncated=True), Reply(401, {}, b'{"data": []}')],
)
def test_a_broken_cut_or_refused_reply_is_no_page(reply: Reply) -> None:
    assert page_of(reply, CATALOGUE.providers["openai"], "https://a.test/v1/models") is None


def test_deep_json_is_no_page() -> None:
    assert (
        page_of(Reply(200, {}, b"[" * 10_000 + b"]" * 10_000), CATALOGUE.providers["together"], "https://a.test")
        is None
    )


def test_a_good_reply_is_a_page() -> None:
    page = page_of(
        Reply(200, {}, json.dumps(openai("gpt-5")).encode()), CATALOGUE.providers["openai"], "https://a.test"
    )
    assert page is not None
    assert [model.id for model in page.models] == ["gpt-5"]
    assert page.following is None
