"""Replies that have fooled other products: what looks like a bad key and is none, and bad keys that look like none."""

import json
from typing import Any

import pytest

from llmkeys.api.reasons import Reason
from llmkeys.catalogue.loader import load
from llmkeys.probe.classify import classify
from llmkeys.probe.reply import Reply
from llmkeys.probe.verdict import Verdict

CATALOGUE = load()
JSON = {"content-type": "application/json"}


def verdict(provider: str, status: int, body: Any, **headers: str) -> Verdict:
    raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    return classify(Reply(status, JSON | headers, raw), CATALOGUE.find(provider), now=1767225600.0)


def error(message: str = "x", **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, **more}}


SUCCESS_WITH_AN_ERROR: list[tuple[str, Any, str]] = [
    ("minimax", {"base_resp": {"status_code": 2049, "status_msg": "invalid api key"}}, "Rejected"),
    ("minimax", {"base_resp": {"status_code": 1008, "status_msg": "insufficient balance"}}, "QuotaExhausted"),
    ("baidu-qianfan", {"error_code": 110, "error_msg": "Access token invalid"}, "Rejected"),
    ("baidu-qianfan", {"error_code": 111, "error_msg": "Access token expired"}, "Expired"),
    ("baidu-qianfan", {"error_code": 18, "error_msg": "QPS limit"}, "Throttled"),
    ("iflytek-spark", {"code": 11200, "message": "AppIdNoAuthError"}, "PermissionDenied"),
    ("iflytek-spark", {"header": {"code": 11200, "message": "AppIdNoAuthError"}}, "PermissionDenied"),
    ("iflytek-spark", {"header": {"code": 10013, "message": "no"}}, "ProbeRefused"),
    ("tencent-hunyuan", {"Response": {"Error": {"Code": "AuthFailure.SecretIdNotFound"}}}, "Rejected"),
    ("tencent-hunyuan", {"Response": {"Error": {"Code": "ResourceUnavailable.InArrears"}}}, "QuotaExhausted"),
    ("siliconflow", {"code": 30014, "message": "Token is invalid.", "data": None}, "Unrecognised"),
    ("moonshot", {"code": 5, "status": False, "message": "no", "data": None}, "Unrecognised"),
    ("zhipu", {"success": False, "code": 1113, "msg": "arrears"}, "QuotaExhausted"),
    ("zhipu", {"success": False, "code": 1001, "msg": "no Authorization"}, "Rejected"),
    ("zai", {"success": False, "code": 500, "msg": "internal"}, "Overloaded"),
    ("cohere", {"valid": False}, "Rejected"),
    ("xai", {"redacted_api_key": "x", "api_key_id": "1", "api_key_blocked": True}, "AccountBlocked"),
    ("xai", {"redacted_api_key": "x", "api_key_id": "1", "api_key_disabled": True}, "Rejected"),
    ("xai", {"redacted_api_key": "x", "api_key_id": "1", "team_blocked": True}, "AccountBlocked"),
    ("openrouter", error(code=502, metadata={}), "Unrecognised"),
    ("deepinfra", {"detail": {"error": "Not authenticated"}}, "Unrecognised"),
    ("gitee-ai", {"message": "Unauthorized"}, "Unrecognised"),
]


@pytest.mark.parametrize(("provider", "body", "reason"), SUCCESS_WITH_AN_ERROR)
def test_an_error_that_comes_with_200_is_read(provider: str, body: Any, reason: str) -> None:
    assert verdict(provider, 200, body).reason.value == reason


UNUSUAL_STATUS: list[tuple[str, int, Any, str]] = [
    ("anthropic", 529, error(type="overloaded_error"), "Overloaded"),
    ("cohere", 498, {"message": "token"}, "Rejected"),
    ("groq", 498, error("capacity exceeded"), "Overloaded"),
    ("fireworks", 412, error("Account acme is suspended"), "AccountBlocked"),
    (
        "fireworks",
        412,
        error("Account acme is suspended, possibly due to reaching its spending limit"),
        "QuotaExhausted",
    ),
    ("zhipu", 434, error("beta"), "PermissionDenied"),
    ("zai", 434, error("beta"), "PermissionDenied"),
    ("stepfun", 451, error("moderated"), "ProbeRefused"),
    ("nvidia", 410, {"detail": "retired"}, "ModelUnavailable"),
    ("siliconflow", 410, {"message": "gone"}, "BadEndpoint"),
    ("groq", 413, error("Request too large for TPM", code="rate_limit_exceeded"), "Throttled"),
    ("openai", 520, error(), "Overloaded"),
    ("openai", 522, error(), "Overloaded"),
    ("openai", 524, error(), "Overloaded"),
]


@pytest.mark.parametrize(("provider", "status", "body", "reason"), UNUSUAL_STATUS)
def test_a_status_that_is_no_standard_one_is_read(provider: str, status: int, body: Any, reason: str) -> None:
    assert verdict(provider, status, body).reason.value == reason


BAD_KEYS: list[tuple[str, int, Any]] = [
    ("google-gemini", 400, error(status="INVALID_ARGUMENT", details=[{"reason": "API_KEY_INVALID"}])),
    ("google-gemini", 400, [error(status="INVALID_ARGUMENT", details=[{"@type": "x"}, {"reason": "API_KEY_INVALID"}])]),
    ("google-gemini", 403, error("Your API key was reported as leaked.", status="PERMISSION_DENIED")),
    ("xai", 400, {"code": "Client specified an invalid argument", "error": "Incorrect API key provided: xa***"}),
    ("novita", 403, {"code": 403, "reason": "INVALID_API_KEY", "message": "x"}),
    ("deepinfra", 403, {"detail": {"error": "Not authenticated"}}),
    ("huawei-maas", 400, {"error_code": "ModelArts.81002", "error_msg": "x"}),
    ("huawei-maas", 401, error(code="ModelArts.81003")),
    ("siliconflow", 401, b'"Invalid token"'),
    ("mistral", 401, {"detail": "Unauthorized"}),
    ("cerebras", 401, {"message": "Wrong API Key", "type": "invalid_request_error", "code": "wrong_api_key"}),
    ("stepfun", 401, error("Incorrect API key provided", type="invalid_api_key")),
    ("vllm", 401, {"error": "Unauthorized"}),
    ("fish-audio", 401, {"message": "Invalid Token", "status": 401}),
    ("perplexity", 401, error("Invalid API key")),
    ("iflytek-spark", 401, {"message": "HMAC signature cannot be verified: fail to retrieve credential"}),
    ("baidu-qianfan", 401, {"error": "invalid_client", "error_description": "unknown client id"}),
    ("google-vertex", 400, {"error": "invalid_grant", "error_description": "Invalid JWT Signature."}),
    ("aws-bedrock", 403, {"message": "The security token included in the request is invalid."}),
    ("fireworks", 403, error("The API key you provided is invalid.")),
    ("openai-compatible", 400, {"code": "invalid_api_key", "message": "x"}),
    ("openai-compatible", 403, {"message": "Invalid API key"}),
    ("openai-compatible", 200, {"code": "invalid_api_key", "message": "x", "data": None}),
]


@pytest.mark.parametrize(("provider", "status", "body"), BAD_KEYS)
def test_a_bad_key_is_rejected_whatever_its_status_and_shape(provider: str, status: int, body: Any) -> None:
    assert verdict(provider, status, body).reason is Reason.REJECTED


NO_BAD_KEYS: list[tuple[str, int, Any, str]] = [
    (
        "anthropic",
        400,
        error("Your credit balance is too low to access the API", type="invalid_request_error"),
        "QuotaExhausted",
    ),
    ("anthropic", 400, error("You have reached your specified API usage limits."), "QuotaExhausted"),
    ("anthropic", 400, error("anthropic-version: header is required", type="invalid_request_error"), "Unrecognised"),
    (
        "anthropic",
        429,
        error(type="rate_limit_error", details={"error_code": "enforced_spend_limit_reached"}),
        "QuotaExhausted",
    ),
    ("anthropic", 403, error("Request not allowed", type="forbidden"), "RegionDenied"),
    ("openai", 401, error("IP not authorized", code=None), "PermissionDenied"),
    ("openai", 401, error("You must be a member of an organization to use the API"), "PermissionDenied"),
    ("openai", 429, error("You exceeded your current quota", code="insufficient_quota"), "QuotaExhausted"),
    ("dashscope", 400, error("Access denied", code="Arrearage"), "QuotaExhausted"),
    ("dashscope", 429, {"code": "Throttling.AllocationQuota", "message": "Allocated quota exceeded"}, "Throttled"),
    ("dashscope", 429, error("You exceeded your current quota", code="insufficient_quota"), "Throttled"),
    ("moonshot", 403, error("insufficient balance", type="exceeded_current_quota_error"), "QuotaExhausted"),
    (
        "moonshot",
        429,
        error("suspended due to insufficient balance", type="exceeded_current_quota_error"),
        "QuotaExhausted",
    ),
    ("moonshot", 429, error(type="rate_limit_reached_error"), "Throttled"),
    ("moonshot", 429, error(type="engine_overloaded_error"), "Overloaded"),
    ("moonshot", 403, error("only available for Coding Agents", type="access_terminated_error"), "PermissionDenied"),
    ("zhipu", 429, error(code="1113"), "QuotaExhausted"),
    ("zhipu", 429, {"code": "1309", "message": "plan"}, "QuotaExhausted"),
    ("zhipu", 429, error("limit, resets at 2026-01-01 20:00:00", code="1308"), "QuotaExhausted"),
    ("baidu-qianfan", 401, error(code="invalid_model"), "ModelUnavailable"),
    ("together", 403, error("input and max_tokens exceed the context length"), "ProbeRefused"),
    ("voyage", 403, {"detail": "forbidden"}, "PermissionDenied"),
    ("openrouter", 403, error(code=403, metadata={"reasons": ["x"], "flagged_input": "y"}), "ProbeRefused"),
    ("openrouter", 403, error("Key limit exceeded (total limit)"), "QuotaExhausted"),
    ("openrouter", 402, error("in_flight_budget_exhausted"), "Throttled"),
    ("openrouter", 402, error("Insufficient credits"), "QuotaExhausted"),
    ("siliconflow", 403, {"code": 30001, "message": "x"}, "QuotaExhausted"),
    ("siliconflow", 403, {"code": 1, "message": "real-name"}, "PermissionDenied"),
    ("nvidia", 404, {"detail": "Function 'x': Not found for account 'y'"}, "ModelUnavailable"),
    ("nvidia", 403, {"detail": "Authorization failed"}, "Unrecognised"),
    (
        "huggingface",
        403,
        {"error": "does not have sufficient permissions to call Inference Providers on behalf of x"},
        "PermissionDenied",
    ),
    ("huggingface", 429, {"error": "rate limit"}, "Throttled"),
    ("volcengine-ark", 404, error(code="ModelNotOpen"), "NotActivated"),
    ("volcengine-ark", 403, error(code="AccountOverdueError", message="overdue balance"), "QuotaExhausted"),
    ("azure-openai", 404, error(code="DeploymentNotFound"), "ModelUnavailable"),
    ("azure-openai", 403, error("Access denied due to Virtual Network/Firewall rules."), "PermissionDenied"),
    ("aws-bedrock", 403, {"message": "Signature expired: 20260101T000000Z is now earlier than"}, "Unrecognised"),
    ("tencent-hunyuan", 200, {"Response": {"Error": {"Code": "AuthFailure.SignatureExpire"}}}, "Unrecognised"),
    (
        "tencent-hunyuan",
        200,
        {"Response": {"Error": {"Code": "AuthFailure.UnauthorizedOperation"}}},
        "PermissionDenied",
    ),
    (
        "google-gemini",
        429,
        error(status="RESOURCE_EXHAUSTED", details=[{"violations": [{"quotaId": "GenerateRequestsPerDay"}]}]),
        "QuotaExhausted",
    ),
    ("google-gemini", 429, error("You exceeded your current quota", status="RESOURCE_EXHAUSTED"), "Throttled"),
    (
        "google-gemini",
        401,
        error(status="UNAUTHENTICATED", details=[{"reason": "ACCESS_TOKEN_TYPE_UNSUPPORTED"}]),
        "Unrecognised",
    ),
    (
        "google-gemini",
        400,
        error("User location is not supported for the API use.", status="FAILED_PRECONDITION"),
        "RegionDenied",
    ),
    ("huawei-maas", 401, {"error_code": "ModelArts.81015", "error_msg": "x"}, "PermissionDenied"),
    ("huawei-maas", 401, {"error_code": "ModelArts.81005", "error_msg": "x"}, "QuotaExhausted"),
    ("claude-code", 403, error("OAuth token does not meet scope requirement user:profile"), "PermissionDenied"),
    (
        "github-models",
        401,
        error("Your account type is not currently supported", code="unauthorized"),
        "PermissionDenied",
    ),
    ("github-copilot", 403, {"error_details": {"notification_id": "no_copilot_access"}}, "NotActivated"),
    ("xai", 403, {"code": "permission-denied", "error": "Your team has used all available credits"}, "QuotaExhausted"),
    ("xai", 404, {"error": "No handler found on route"}, "BadEndpoint"),
    (
        "cohere",
        429,
        {"message": "You are using a Trial key, which is limited to 1000 API calls / month"},
        "QuotaExhausted",
    ),
    ("cohere", 429, {"message": "You are using a Trial key, which is limited to 40 API calls / minute"}, "Throttled"),
    ("deepseek", 400, error("Model Not Exist"), "ModelUnavailable"),
    ("qiniu", 503, error("price of the model is not set", type="quota_exceeded_error"), "ModelUnavailable"),
    ("mistral", 404, {"message": "no Route matched with those values"}, "BadEndpoint"),
]


@pytest.mark.parametrize(("provider", "status", "body", "reason"), NO_BAD_KEYS)
def test_what_is_not_about_the_key_is_told_apart(provider: str, status: int, body: Any, reason: str) -> None:
    assert verdict(provider, status, body).reason.value == reason
