"""OpenAI, and the many servers that copy its interface."""

from tests.support.simulator.answer import Answer, json_answer
from tests.support.simulator.behaviour import Kind
from tests.support.simulator.chatting import chat_completion
from tests.support.simulator.dialect import Dialect, Route, always, bearer, with_retry_after
from tests.support.simulator.listing import openai_list

_SHOWN_WHOLE = 12


def error(status: int, message: str, type_: str, code: str | None) -> Answer:
    """The shape that others copy: `error` with message, type, param and code."""
    return json_answer(status, {"error": {"message": message, "type": type_, "param": None, "code": code}})


def masked(key: str) -> str:
    """As the provider repeats it: the ends in clear, stars between."""
    return f"{key[:8]}{'*' * (len(key) - _SHOWN_WHOLE)}{key[-4:]}" if len(key) > _SHOWN_WHOLE else "*" * len(key)


def _revoked(key: str) -> Answer:
    return error(
        401,
        f"Incorrect API key provided: {masked(key)}. You can find your API key at "
        "https://platform.openai.com/account/api-keys.",
        "invalid_request_error",
        "invalid_api_key",
    )


def _throttled(retry_after: str | None) -> Answer:
    message = "Rate limit reached for requests per min (RPM): Limit 500, Used 500, Requested 1."
    return with_retry_after(error(429, message, "requests", "rate_limit_exceeded"), retry_after)


def _fault(status: int) -> Answer:
    message = "The server had an error while processing your request. Sorry about that!"
    return error(status, message, "server_error", None)


_REFUSALS = {
    Kind.REVOKED: _revoked,
    Kind.NO_MONEY: always(
        error(
            429,
            "You exceeded your current quota, please check your plan and billing details.",
            "insufficient_quota",
            "insufficient_quota",
        )
    ),
    Kind.REGION_BLOCKED: always(
        error(
            403,
            "Country, region, or territory not supported",
            "request_forbidden",
            "unsupported_country_region_territory",
        )
    ),
    Kind.ACCOUNT_BLOCKED: always(
        error(
            401,
            "The OpenAI account associated with this API key has been deactivated.",
            "invalid_request_error",
            "account_deactivated",
        )
    ),
    Kind.PERMISSION_DENIED: always(
        error(
            401,
            "You have insufficient permissions for this operation. Missing scopes: api.model.read.",
            "invalid_request_error",
            None,
        )
    ),
    Kind.OVERLOADED: always(
        error(
            503, "The engine is currently overloaded, please try again later.", "server_error", "server_is_overloaded"
        )
    ),
}


def _unknown_path(method: str, path: str) -> Answer:
    return error(404, f"Invalid URL ({method} {path})", "invalid_request_error", None)


_MISSING_KEY = error(
    401, "You didn't provide an API key. Send it in the Authorization header.", "invalid_request_error", None
)

OPENAI = Dialect(
    type="openai",
    base="/v1",
    find_key=bearer,
    routes={
        "/v1/models": Route(openai_list("openai")),
        "/v1/chat/completions": Route(chat_completion, method="POST"),
    },
    models=("gpt-5", "gpt-5-mini", "gpt-4o", "text-embedding-3-large", "text-embedding-3-small", "whisper-1"),
    refusals=_REFUSALS,
    throttled=_throttled,
    fault=_fault,
    missing_key=_MISSING_KEY,
    unknown_path=_unknown_path,
)

OPENAI_COMPATIBLE = Dialect(
    type="openai-compatible",
    base="/v1",
    find_key=bearer,
    routes={"/v1/models": Route(openai_list("gateway")), "/models": Route(openai_list("gateway"))},
    models=("my-model", "my-embedding"),
    refusals=_REFUSALS,
    throttled=_throttled,
    fault=_fault,
    missing_key=_MISSING_KEY,
    unknown_path=_unknown_path,
)
