"""Moonshot (Kimi): `type` says what it is; a 429 may be money, rate or the vendor's own overload."""

from tests.support.simulator.answer import Answer, json_answer
from tests.support.simulator.behaviour import Kind
from tests.support.simulator.dialect import Dialect, Fields, Route, always, bearer, with_retry_after
from tests.support.simulator.listing import openai_list


def _error(status: int, type_: str, message: str) -> Answer:
    return json_answer(status, {"error": {"type": type_, "message": message}})


def _balance(_models: tuple[str, ...], _query: Fields) -> Answer:
    data = {"available_balance": 49.58, "voucher_balance": 46.58, "cash_balance": 3.0}
    return json_answer(200, {"code": 0, "data": data, "scode": "0x0", "status": True})


def _throttled(retry_after: str | None) -> Answer:
    message = "Your account reached max RPM: 3, please try again after 1 seconds"
    return with_retry_after(_error(429, "rate_limit_reached_error", message), retry_after)


MOONSHOT = Dialect(
    type="moonshot",
    base="/v1",
    find_key=bearer,
    routes={"/v1/models": Route(openai_list("moonshot")), "/v1/users/me/balance": Route(_balance)},
    models=("kimi-k2-0905-preview", "moonshot-v1-8k", "moonshot-v1-128k"),
    refusals={
        Kind.REVOKED: always(_error(401, "invalid_authentication_error", "Invalid Authentication")),
        Kind.NO_MONEY: always(
            _error(
                429,
                "exceeded_current_quota_error",
                "Your account is suspended due to insufficient balance, please recharge your account.",
            )
        ),
        Kind.REGION_BLOCKED: always(_error(403, "region_error", "This service is not available in your region.")),
        Kind.ACCOUNT_BLOCKED: always(_error(403, "access_terminated_error", "Access was terminated.")),
        Kind.PERMISSION_DENIED: always(
            _error(403, "permission_denied_error", "The API you are accessing is not open to you.")
        ),
        Kind.OVERLOADED: always(
            _error(429, "engine_overloaded_error", "The engine is currently overloaded, please try again later")
        ),
    },
    throttled=_throttled,
    fault=lambda status: _error(status, "server_error", "Internal server error"),
    missing_key=_error(401, "incorrect_api_key_error", "Incorrect API key provided"),
    unknown_path=lambda _method, _path: _error(404, "url_not_found", "The requested URL was not found."),
)
