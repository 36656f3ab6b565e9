"""Google Gemini: a bad key is a 400, a wait is in the body, the key may also stand in the query."""

from collections.abc import Sequence

from tests.support.simulator.answer import Answer, json_answer
from tests.support.simulator.behaviour import Kind
from tests.support.simulator.dialect import Dialect, Fields, Route, always
from tests.support.simulator.listing import gemini_list

_TYPES = "type.googleapis.com/google.rpc."
_STATUS_OF = {500: "INTERNAL", 502: "INTERNAL", 503: "UNAVAILABLE", 504: "DEADLINE_EXCEEDED"}


def _error(status: int, name: str, message: str, details: Sequence[object] = ()) -> Answer:
    error: dict[str, object] = {"code": status, "message": message, "status": name}
    if details:
        error["details"] = list(details)
    return json_answer(status, {"error": error})


def _info(reason: str) -> dict[str, object]:
    service = {"service": "generativelanguage.googleapis.com"}
    return {"@type": f"{_TYPES}ErrorInfo", "reason": reason, "domain": "googleapis.com", "metadata": service}


def _find_key(headers: Fields, query: Fields) -> str:
    return headers.get("x-goog-api-key") or query.get("key", "")


def _complaint(headers: Fields, query: Fields) -> Answer | None:
    if "Authorization" in headers and not _find_key(headers, query):
        message = "Request had invalid authentication credentials. Expected OAuth 2 access token."
        return _error(401, "UNAUTHENTICATED", message, [_info("ACCESS_TOKEN_TYPE_UNSUPPORTED")])
    return None


def _throttled(retry_after: str | None) -> Answer:
    violation = {"quotaMetric": "generate_content_requests", "quotaId": "GenerateRequestsPerMinutePerProject-FreeTier"}
    details: list[object] = [{"@type": f"{_TYPES}QuotaFailure", "violations": [violation]}]
    in_seconds = retry_after is not None and retry_after.replace(".", "", 1).isdigit()
    if in_seconds:
        details.append({"@type": f"{_TYPES}RetryInfo", "retryDelay": f"{retry_after}s"})
    message = "You exceeded your current quota, please check your plan and billing details."
    answer = _error(429, "RESOURCE_EXHAUSTED", message, details)
    return answer if retry_after is None or in_seconds else answer.with_header("Retry-After", retry_after)


def _suspended(key: str) -> Answer:
    message = f"Permission denied: Consumer 'api_key:{key}' has been suspended."
    return _error(403, "PERMISSION_DENIED", message, [_info("CONSUMER_SUSPENDED")])


GEMINI = Dialect(
    type="google-gemini",
    base="/v1beta",
    find_key=_find_key,
    routes={"/v1beta/models": Route(gemini_list)},
    models=("gemini-2.5-pro", "gemini-2.5-flash", "gemini-embedding-001"),
    refusals={
        Kind.REVOKED: always(
            _error(
                400,
                "INVALID_ARGUMENT",
                "API key not valid. Please pass a valid API key.",
                [_info("API_KEY_INVALID")],
            )
        ),
        Kind.NO_MONEY: always(
            _error(
                400,
                "FAILED_PRECONDITION",
                "Gemini API free tier is not available in your country. "
                "Please enable billing on your project in Google AI Studio.",
            )
        ),
        Kind.REGION_BLOCKED: always(
            _error(400, "FAILED_PRECONDITION", "User location is not supported for the API use.")
        ),
        Kind.ACCOUNT_BLOCKED: _suspended,
        Kind.PERMISSION_DENIED: always(
            _error(
                403,
                "PERMISSION_DENIED",
                "Generative Language API has not been used in project 1234567890 before or it is disabled.",
                [_info("SERVICE_DISABLED")],
            )
        ),
        Kind.OVERLOADED: always(_error(503, "UNAVAILABLE", "The model is overloaded. Please try again later.")),
    },
    throttled=_throttled,
    fault=lambda status: _error(status, _STATUS_OF.get(status, "UNKNOWN"), "An internal error has occurred."),
    missing_key=_error(
        403,
        "PERMISSION_DENIED",
        "Method doesn't allow unregistered callers. Please use API Key or other form of API consumer identity.",
    ),
    unknown_path=lambda _method, path: _error(404, "NOT_FOUND", f"Requested entity was not found: {path}"),
    complaint=_complaint,
    key_in_query=True,
)
