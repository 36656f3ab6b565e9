"""Ollama: no key is looked at, `error` is bare text."""

from tests.support.simulator.answer import Answer, json_answer
from tests.support.simulator.behaviour import Kind
from tests.support.simulator.dialect import Dialect, Route, always, bearer, with_retry_after
from tests.support.simulator.listing import ollama_tags, openai_list


def _error(status: int, text: str) -> Answer:
    return json_answer(status, {"error": text})


OLLAMA = Dialect(
    type="ollama",
    base="",
    find_key=bearer,
    routes={
        "/api/tags": Route(ollama_tags),
        "/api/version": Route(lambda _models, _query: json_answer(200, {"version": "0.12.0"})),
        "/v1/models": Route(openai_list("library")),
    },
    models=("llama3.2:latest", "nomic-embed-text:latest"),
    # Refusals are those of a reverse proxy or of the hosted service; the server itself has none.
    refusals={
        Kind.REVOKED: always(_error(401, "unauthorized")),
        Kind.NO_MONEY: always(_error(402, "you have reached your usage limit, please upgrade to continue")),
        Kind.REGION_BLOCKED: always(_error(403, "this service is not available in your region")),
        Kind.ACCOUNT_BLOCKED: always(_error(403, "account suspended")),
        Kind.PERMISSION_DENIED: always(_error(403, "forbidden")),
        Kind.OVERLOADED: always(_error(503, "server busy, please try again. maximum pending requests exceeded")),
    },
    throttled=lambda wait: with_retry_after(_error(429, "too many requests"), wait),
    fault=lambda status: _error(status, "internal server error"),
    missing_key=_error(401, "unauthorized"),
    unknown_path=lambda _method, _path: Answer(404, b"404 page not found", (("Content-Type", "text/plain"),)),
    keyless=True,
)
