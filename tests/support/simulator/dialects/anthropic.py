"""Anthropic: the key in a header of its own, a version header that must be there, no money as a 400."""

from tests.support.simulator.answer import Answer, json_answer
from tests.support.simulator.behaviour import Kind
from tests.support.simulator.dialect import Dialect, Fields, Route, always, in_header, with_retry_after
from tests.support.simulator.listing import anthropic_list


def _error(status: int, type_: str, message: str) -> Answer:
    body = {"type": "error", "error": {"type": type_, "message": message}, "request_id": "req_0123456789"}
    return json_answer(status, body)


def _throttled(retry_after: str | None) -> Answer:
    message = "This request would exceed your organization's rate limit of 50 requests per minute."
    return with_retry_after(_error(429, "rate_limit_error", message), retry_after)


def _complaint(headers: Fields, _query: Fields) -> Answer | None:
    if "anthropic-version" not in headers:
        return _error(400, "invalid_request_error", "anthropic-version: header is required")
    return None


ANTHROPIC = Dialect(
    type="anthropic",
    base="/v1",
    find_key=in_header("x-api-key"),
    routes={"/v1/models": Route(anthropic_list)},
    models=("claude-opus-4-5", "claude-sonnet-4-6", "claude-haiku-4-5"),
    refusals={
        Kind.REVOKED: always(_error(401, "authentication_error", "invalid x-api-key")),
        Kind.NO_MONEY: always(
            _error(
                400,
                "invalid_request_error",
                "Your credit balance is too low to access the Anthropic API. "
                "Please go to Plans & Billing to upgrade or purchase credits.",
            )
        ),
        Kind.REGION_BLOCKED: always(_error(403, "forbidden", "Request not allowed")),
        Kind.ACCOUNT_BLOCKED: always(_error(400, "invalid_request_error", "This organization has been disabled.")),
        Kind.PERMISSION_DENIED: always(
            _error(403, "permission_error", "Your API key does not have permission to use the specified resource.")
        ),
        Kind.OVERLOADED: always(_error(529, "overloaded_error", "Overloaded")),
    },
    throttled=_throttled,
    fault=lambda status: _error(status, "api_error", "Internal server error"),
    missing_key=_error(401, "authentication_error", "x-api-key header is required"),
    unknown_path=lambda _method, _path: _error(404, "not_found_error", "Not found"),
    complaint=_complaint,
)
