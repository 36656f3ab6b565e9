"""Hugging Face: `whoami-v2` on the hub proves a token, the router's list is public, `error` is often bare text."""

from tests.support.simulator.answer import Answer, json_answer
from tests.support.simulator.behaviour import Kind
from tests.support.simulator.dialect import Dialect, Fields, Route, always, bearer, with_retry_after
from tests.support.simulator.listing import openai_list


def _error(status: int, text: str, code: str = "") -> Answer:
    answer = json_answer(status, {"error": text}).with_header("X-Error-Message", text)
    return answer.with_header("X-Error-Code", code) if code else answer


def _whoami(_models: tuple[str, ...], _query: Fields) -> Answer:
    token = {"displayName": "cluster", "role": "fineGrained", "createdAt": "2025-01-01T00:00:00.000Z"}
    user = {"type": "user", "id": "0123456789abcdef01234567", "name": "someone", "isPro": False, "orgs": []}
    return json_answer(200, user | {"auth": {"type": "access_token", "accessToken": token}})


HUGGINGFACE = Dialect(
    type="huggingface",
    base="/v1",
    find_key=bearer,
    routes={"/api/whoami-v2": Route(_whoami), "/v1/models": Route(openai_list("huggingface"), public=True)},
    models=("meta-llama/Llama-3.3-70B-Instruct", "Qwen/Qwen3-32B"),
    refusals={
        Kind.REVOKED: always(_error(401, "Invalid credentials in Authorization header")),
        Kind.NO_MONEY: always(_error(402, "You have exceeded your monthly included credits for Inference Providers.")),
        Kind.REGION_BLOCKED: always(_error(403, "This service is not available in your region.")),
        Kind.ACCOUNT_BLOCKED: always(_error(403, "Account suspended.")),
        Kind.PERMISSION_DENIED: always(
            _error(
                403,
                "This authentication method does not have sufficient permissions to call Inference Providers on behalf "
                "of user someone",
            )
        ),
        Kind.OVERLOADED: always(json_answer(503, {"error": "Model is currently loading", "estimated_time": 20.0})),
    },
    throttled=lambda wait: with_retry_after(
        _error(429, "You've hit the rate limit for the /whoami-v2 endpoint, which is intentionally strict."), wait
    ),
    fault=lambda status: _error(status, "Internal Error - We're working hard to fix this as soon as possible!"),
    missing_key=_error(401, "Invalid username or password."),
    unknown_path=lambda _method, _path: _error(404, "Sorry, we can't find the page you are looking for."),
)
