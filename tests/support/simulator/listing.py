"""Lists of models in the shapes that providers give them."""

from collections.abc import Callable, Sequence

from tests.support.simulator.answer import Answer, json_answer
from tests.support.simulator.dialect import Fields

_CREATED = 1_735_689_600


def openai_list(owner: str) -> Callable[[tuple[str, ...], Fields], Answer]:
    """The shape that most share: `data` of objects with an `id`, in one page."""

    def answer(models: tuple[str, ...], _query: Fields) -> Answer:
        data = [{"id": one, "object": "model", "created": _CREATED, "owned_by": owner} for one in models]
        return json_answer(200, {"object": "list", "data": data})

    return answer


def anthropic_list(models: tuple[str, ...], query: Fields) -> Answer:
    """Pages of `limit` (20 unless given) after `after_id`."""
    size = _number(query.get("limit"), 20)
    page, more = _page(models, _after(models, query.get("after_id")), size)
    data = [
        {"type": "model", "id": one, "display_name": one.title(), "created_at": "2025-01-01T00:00:00Z"} for one in page
    ]
    ends = {"first_id": page[0] if page else None, "last_id": page[-1] if page else None}
    return json_answer(200, {"data": data, "has_more": more, **ends})


def gemini_list(models: tuple[str, ...], query: Fields) -> Answer:
    """Pages of `pageSize` (50 unless given); `pageToken` is where the next one begins."""
    size = _number(query.get("pageSize"), 50)
    start = _number(query.get("pageToken"), 0)
    page, more = _page(models, start, size)
    listed = [
        {
            "name": f"models/{one}",
            "version": "001",
            "displayName": one,
            "inputTokenLimit": 1_048_576,
            "outputTokenLimit": 65_536,
            "supportedGenerationMethods": ["embedContent" if "embedding" in one else "generateContent"],
        }
        for one in page
    ]
    token = {"nextPageToken": str(start + size)} if more else {}
    return json_answer(200, {"models": listed, **token})


def azure_list(models: tuple[str, ...], _query: Fields) -> Answer:
    """Base models with what they can do."""
    data = [
        {
            "id": one,
            "object": "model",
            "created_at": _CREATED,
            "status": "succeeded",
            "lifecycle_status": "generally-available",
            "capabilities": {
                "fine_tune": False,
                "inference": True,
                "completion": False,
                "chat_completion": "embedding" not in one,
                "embeddings": "embedding" in one,
            },
        }
        for one in models
    ]
    return json_answer(200, {"object": "list", "data": data})


def ollama_tags(models: tuple[str, ...], _query: Fields) -> Answer:
    """What has been pulled."""
    listed = [
        {
            "name": one,
            "model": one,
            "modified_at": "2025-01-01T00:00:00Z",
            "size": 2_019_393_189,
            "digest": "a" * 64,
            "details": {"format": "gguf", "family": "llama", "parameter_size": "3.2B", "quantization_level": "Q4_K_M"},
        }
        for one in models
    ]
    return json_answer(200, {"models": listed})


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text is not None and text.isascii() and text.isdigit() else otherwise


def _after(models: Sequence[str], last: str | None) -> int:
    return models.index(last) + 1 if last in models else 0


def _page(models: Sequence[str], start: int, size: int) -> tuple[Sequence[str], bool]:
    return models[start : start + size], start + size < len(models)
