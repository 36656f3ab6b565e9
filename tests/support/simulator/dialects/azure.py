"""Azure OpenAI: codes are strings, the API version is part of every URL."""

from tests.support.simulator.answer import Answer, json_answer
from tests.support.simulator.behaviour import Kind
from tests.support.simulator.dialect import Dialect, Fields, Route, always, in_header, with_retry_after
from tests.support.simulator.listing import azure_list


def _error(status: int, code: str, message: str) -> Answer:
    return json_answer(status, {"error": {"code": code, "message": message}})


_NOT_FOUND = _error(404, "404", "Resource not found")
_WRONG_KEY = _error(
    401,
    "401",
    "Access denied due to invalid subscription key or wrong API endpoint. Make sure to provide a valid key for an "
    "active subscription and use a correct regional API endpoint for your resource.",
)


def _versioned(models: tuple[str, ...], query: Fields) -> Answer:
    return azure_list(models, query) if query.get("api-version") else _NOT_FOUND


def _throttled(retry_after: str | None) -> Answer:
    message = "Requests have exceeded the call rate limit of your current pricing tier. Please retry later."
    return with_retry_after(_error(429, "429", message), retry_after)


AZURE = Dialect(
    type="azure-openai",
    base="",
    find_key=in_header("api-key"),
    routes={"/openai/models": Route(_versioned), "/openai/v1/models": Route(azure_list)},
    models=("gpt-4o", "gpt-4o-mini", "text-embedding-3-large"),
    refusals={
        Kind.REVOKED: always(_WRONG_KEY),
        # The vendor has no words of its own for money and region: what its gateways send.
        Kind.NO_MONEY: always(_error(402, "insufficient_quota", "The subscription has no credit left.")),
        Kind.REGION_BLOCKED: always(
            _error(
                403, "403", "This service is not available in your region. Country, region, or territory not supported."
            )
        ),
        Kind.ACCOUNT_BLOCKED: always(
            _error(
                403,
                "403",
                "Your resource has been temporarily blocked because we detected behavior that may violate our terms.",
            )
        ),
        Kind.PERMISSION_DENIED: always(_error(403, "403", "Access denied due to Virtual Network/Firewall rules.")),
        Kind.OVERLOADED: always(_error(503, "ServiceUnavailable", "The service is temporarily unable to process it.")),
    },
    throttled=_throttled,
    fault=lambda status: _error(status, "InternalServerError", "Backend returned unexpected response."),
    missing_key=_WRONG_KEY,
    unknown_path=lambda _method, _path: _NOT_FOUND,
)
