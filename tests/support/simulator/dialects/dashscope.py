"""DashScope on its OpenAI-compatible surface: arrears are a 400, and its insufficient_quota is no money."""

from tests.support.simulator.answer import Answer, json_answer
from tests.support.simulator.behaviour import Kind
from tests.support.simulator.dialect import Dialect, Route, always, bearer, with_retry_after
from tests.support.simulator.listing import openai_list


def _error(status: int, code: str, message: str, type_: str | None = None) -> Answer:
    error = {"code": code, "param": None, "message": message, "type": type_ or code}
    return json_answer(status, {"error": error, "request_id": "b6a1c0de-0000-4000-8000-000000000000"})


DASHSCOPE = Dialect(
    type="dashscope",
    base="/compatible-mode/v1",
    find_key=bearer,
    routes={"/compatible-mode/v1/models": Route(openai_list("system"))},
    models=("qwen-max", "qwen-plus", "qwen-turbo", "text-embedding-v4"),
    refusals={
        Kind.REVOKED: always(
            _error(401, "invalid_api_key", "Incorrect API key provided.", "invalid_request_error"),
        ),
        Kind.NO_MONEY: always(
            _error(400, "Arrearage", "Access denied, please make sure your account is in good standing.")
        ),
        Kind.REGION_BLOCKED: always(
            _error(403, "AccessDenied.Region", "This service is not available in your region.")
        ),
        Kind.ACCOUNT_BLOCKED: always(_error(403, "AccountSuspended", "Account suspended.")),
        Kind.PERMISSION_DENIED: always(_error(403, "Workspace.AccessDenied", "Workspace access denied.")),
        Kind.OVERLOADED: always(
            _error(503, "InternalError.Algo.ModelServingError", "Too many requests. Throttled due to system capacity.")
        ),
    },
    throttled=lambda wait: with_retry_after(
        _error(429, "limit_requests", "You exceeded your current requests list."), wait
    ),
    fault=lambda status: _error(status, "InternalError", "An internal error has occurred, please try again later."),
    missing_key=_error(401, "invalid_api_key", "You didn't provide an API key.", "invalid_request_error"),
    unknown_path=lambda _method, path: _error(404, "NotFound", f"No static resource {path}."),
)
