"""DeepSeek: OpenAI's shape with codes of its own, 402 for money, the balance at the root."""

from tests.support.simulator.answer import Answer, json_answer
from tests.support.simulator.behaviour import Kind
from tests.support.simulator.dialect import Dialect, Fields, Route, always, bearer, with_retry_after
from tests.support.simulator.dialects.openai import error
from tests.support.simulator.listing import openai_list


def _revoked(key: str) -> Answer:
    message = f"Authentication Fails, Your api key: ****{key[-4:]} is invalid"
    return error(401, message, "authentication_error", "invalid_request_error")


def _balance(_models: tuple[str, ...], _query: Fields) -> Answer:
    row = {"currency": "CNY", "total_balance": "110.00", "granted_balance": "10.00", "topped_up_balance": "100.00"}
    return json_answer(200, {"is_available": True, "balance_infos": [row]})


DEEPSEEK = Dialect(
    type="deepseek",
    base="/v1",
    find_key=bearer,
    routes={
        "/v1/models": Route(openai_list("deepseek")),
        "/models": Route(openai_list("deepseek")),
        "/user/balance": Route(_balance),
    },
    models=("deepseek-chat", "deepseek-reasoner"),
    refusals={
        Kind.REVOKED: _revoked,
        Kind.NO_MONEY: always(error(402, "Insufficient Balance", "unknown_error", "invalid_request_error")),
        Kind.REGION_BLOCKED: always(
            error(403, "This service is not available in your region.", "forbidden_error", "unsupported_country")
        ),
        Kind.ACCOUNT_BLOCKED: always(error(403, "Account suspended.", "forbidden_error", "forbidden")),
        Kind.PERMISSION_DENIED: always(
            error(403, "Access denied for this operation.", "permission_error", "forbidden")
        ),
        Kind.OVERLOADED: always(
            error(503, "Service is too busy. Please try again later.", "service_unavailable_error", "unavailable")
        ),
    },
    throttled=lambda wait: with_retry_after(
        error(429, "Rate limit reached, please slow down.", "rate_limit_error", "rate_limit"), wait
    ),
    fault=lambda status: error(status, "Internal error", "server_error", "internal_error"),
    missing_key=error(
        401, "Authentication Fails (auth header is missing)", "authentication_error", "invalid_request_error"
    ),
    unknown_path=lambda method, path: error(404, f"Not Found ({method} {path})", "invalid_request_error", None),
)
