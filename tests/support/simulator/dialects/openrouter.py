"""OpenRouter: its list is public, the key describes itself at `/key`, codes are numbers."""

from tests.support.simulator.answer import Answer, json_answer
from tests.support.simulator.behaviour import Kind
from tests.support.simulator.dialect import Dialect, Fields, Route, always, bearer, with_retry_after
from tests.support.simulator.listing import openai_list


def _error(status: int, message: str, metadata: dict[str, object] | None = None) -> Answer:
    error: dict[str, object] = {"code": status, "message": message}
    if metadata is not None:
        error["metadata"] = metadata
    return json_answer(status, {"error": error})


def _key(_models: tuple[str, ...], _query: Fields) -> Answer:
    data = {
        "label": "sk-or-v1-0e6...1c96",
        "limit": 10,
        "limit_remaining": 7.5,
        "limit_reset": None,
        "usage": 2.5,
        "is_free_tier": False,
        "rate_limit": {"requests": -1, "interval": "10s"},
    }
    return json_answer(200, {"data": data})


def _credits(_models: tuple[str, ...], _query: Fields) -> Answer:
    return json_answer(200, {"data": {"total_credits": 10, "total_usage": 2.5}})


def _throttled(retry_after: str | None) -> Answer:
    return with_retry_after(_error(429, "Rate limit exceeded: free-models-per-min."), retry_after)


OPENROUTER = Dialect(
    type="openrouter",
    base="/api/v1",
    find_key=bearer,
    routes={
        "/api/v1/key": Route(_key),
        "/api/v1/auth/key": Route(_key),
        "/api/v1/credits": Route(_credits),
        "/api/v1/models": Route(openai_list("openrouter"), public=True),
    },
    models=("openai/gpt-5", "anthropic/claude-sonnet-4.6", "qwen/qwen3-coder:free"),
    refusals={
        Kind.REVOKED: always(_error(401, "User not found.")),
        Kind.NO_MONEY: always(_error(402, "Insufficient credits. Add more to continue.", {"limit_source": "account"})),
        Kind.REGION_BLOCKED: always(_error(403, "This service is not available in your region.")),
        Kind.ACCOUNT_BLOCKED: always(_error(403, "Account suspended.")),
        Kind.PERMISSION_DENIED: always(_error(403, "You do not have permission to perform this action.")),
        Kind.OVERLOADED: always(_error(502, "Provider returned error", {"provider_name": "OpenAI", "raw": ""})),
    },
    throttled=_throttled,
    fault=lambda status: _error(status, "Internal Server Error"),
    missing_key=_error(401, "No auth credentials found"),
    unknown_path=lambda _method, _path: _error(404, "Not Found"),
)
