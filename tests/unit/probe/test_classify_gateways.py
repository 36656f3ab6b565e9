"""What gateways and the edge say in front of any provider, and what of it is about the key."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from llmkeys.api.reasons import REFUSALS, Reason
from llmkeys.catalogue.loader import load
from llmkeys.probe.classify import classify
from llmkeys.probe.reply import Reply

CATALOGUE = load()
JSON = {"content-type": "application/json"}


def error(message: str, **more: Any) -> dict[str, Any]:
    return {"error": {"message": message, **more}}


def said(provider: str, status: int, body: Any) -> Reason:
    return classify(Reply(status, JSON, json.dumps(body).encode()), CATALOGUE.find(provider)).reason


# Words that a gateway in front of any type may say with a status that is that of bad keys elsewhere.
NOT_ABOUT_THE_KEY: list[tuple[int, str]] = [
    (401, "IP not authorized"),
    (401, "Your IP address is not on the allowlist"),
    (401, "该令牌只能在指定网段使用"),
    (401, "You have insufficient permissions for this operation. Missing scopes: api.model.read."),
    (401, "该令牌无权使用模型"),
    (401, "该令牌额度已用尽"),
    (401, "用户额度不足"),
    (401, "账户余额不足"),
    (401, "账号已欠费"),
    (401, "Insufficient Balance"),
    (401, "You exceeded your current quota"),
    (401, "Your credit balance is too low"),
    (401, "Country, region, or territory not supported"),
    (401, "当前地区不支持"),
    (401, "服务未开通"),
    (400, "the model `x` does not exist"),
    (400, "Missing required parameter"),
    (402, "pay"),
    (403, "forbidden"),
    (403, "RBAC: access denied"),
    (404, "not found"),
    (422, "Unprocessable"),
    (429, "slow down"),
    (500, "internal"),
]
# Their own tokens only, and a 401 of theirs is the end of the token whatever it says.
OAUTH_TOKENS = {"claude-code", "qwen-code"}


def shapes(message: str) -> Iterator[bytes]:
    """A message as APIs write it."""
    for document in (
        error(message, type="x", code=None),
        [error(message)],
        {"message": message, "request_id": "r"},
        {"error": message},
        {"detail": message},
        {"code": 1, "msg": message},
    ):
        yield json.dumps(document, ensure_ascii=False).encode()
        yield json.dumps(document, indent=2).encode()
    yield message.encode()


@pytest.mark.parametrize(("status", "message"), NOT_ABOUT_THE_KEY)
def test_no_type_calls_a_key_dead_for_what_is_not_about_it(status: int, message: str) -> None:
    refused = {
        provider.id
        for provider in CATALOGUE.providers.values()
        for body in shapes(message)
        for kind in (JSON, {})
        if classify(Reply(status, kind, body), provider).reason in REFUSALS
    }
    assert refused <= (OAUTH_TOKENS if status == 401 else set())


@pytest.mark.parametrize("status", [401, 403])
def test_a_page_of_the_edge_is_never_a_verdict_on_a_key(status: int) -> None:
    page = b"<html><head><title>Attention Required! | Cloudflare</title></head><body>invalid api key</body></html>"
    for provider in CATALOGUE.providers.values():
        found = classify(Reply(status, {"content-type": "text/html"}, page), provider)
        assert found.reason is Reason.PROVIDER_UNREACHABLE, provider.id


def test_the_edges_blocks_in_plain_text_are_told_from_the_provider() -> None:
    plain = {"content-type": "text/plain"}
    for code, reason in (("1020", Reason.PROVIDER_UNREACHABLE), ("1009", Reason.REGION_DENIED)):
        found = classify(Reply(403, plain, f"error code: {code}".encode()), CATALOGUE.find("groq"))
        assert found.reason is reason


def test_a_list_that_is_null_beside_words_is_no_success() -> None:
    for body in ({"code": 401, "message": "Unauthorized", "data": None}, {"error": "Unauthorized", "data": None}):
        for provider in CATALOGUE.providers.values():
            if provider.probe.success.json != "none":
                assert said(provider.id, 200, body) is Reason.UNRECOGNISED, provider.id


@pytest.mark.parametrize(
    "message",
    [
        "The model `gpt-9` does not exist or you do not have access to it.",
        "model not found",
        'The model "x" is gone',
        "模型不存在",
    ],
)
def test_a_404_that_names_a_model_is_about_the_model_and_any_other_is_about_the_address(message: str) -> None:
    for provider in ("openai-compatible", "mistral", "together", "fireworks", "novita", "aihubmix"):
        assert said(provider, 404, error(message)) is Reason.MODEL_UNAVAILABLE
        assert said(provider, 404, error("Invalid URL (GET /v1/v1/models)")) is Reason.BAD_ENDPOINT
        page = f"<html><body>{message}</body></html>".encode()
        assert classify(Reply(404, {"content-type": "text/html"}, page), CATALOGUE.find(provider)).reason in (
            Reason.BAD_ENDPOINT,
            Reason.PROVIDER_UNREACHABLE,
        )


RELAYED: list[tuple[int, Any, str]] = [
    (407, {}, "ProviderUnreachable"),
    (307, {}, "BadEndpoint"),
    (408, {}, "ProviderUnreachable"),
    (410, {}, "BadEndpoint"),
    (418, error("x", code="invalid_api_key"), "Rejected"),
    (418, {"code": "wrong_api_key"}, "Rejected"),
    (418, error("x", code="insufficient_user_quota"), "QuotaExhausted"),
    (418, {"code": "billing_hard_limit_reached"}, "QuotaExhausted"),
    (418, error("x", code="model_decommissioned"), "ModelUnavailable"),
    (418, {"code": "unknown_model"}, "ModelUnavailable"),
    (400, error("API key not valid. Please pass a valid API key."), "Rejected"),
    (400, error("API key expired. Please renew the API key."), "Expired"),
    (400, error("User location is not supported for the API use."), "RegionDenied"),
    (400, error("This organization has been disabled."), "AccountBlocked"),
    (400, error("Your credit balance is too low to access the API"), "QuotaExhausted"),
    (401, error("This account has been deactivated"), "AccountBlocked"),
    (401, error("该令牌已过期"), "Expired"),
    (401, error("套餐已过期"), "QuotaExhausted"),
    (401, error("无效的令牌"), "Rejected"),
    (403, error("该令牌只能在指定网段使用"), "PermissionDenied"),
    (403, error("用户已被封禁"), "AccountBlocked"),
    (403, error("Country, region, or territory not supported"), "RegionDenied"),
    (403, error("用户额度不足"), "QuotaExhausted"),
    (403, error("Incorrect API key provided"), "Rejected"),
    (404, error("gone", type="not_found_error"), "ModelUnavailable"),
    (429, error("The engine is currently overloaded"), "Overloaded"),
    (429, error("You exceeded your current quota: 10 requests per minute"), "Throttled"),
    (429, error("You exceeded your current quota, please check your plan"), "QuotaExhausted"),
    (500, error("insufficient balance"), "QuotaExhausted"),
    (503, error("当前分组下对于模型 x 无可用渠道"), "ModelUnavailable"),
    (503, error("x"), "Overloaded"),
]


@pytest.mark.parametrize(("status", "body", "reason"), RELAYED)
def test_what_gateways_pass_on_is_read_as_what_it_was(status: int, body: Any, reason: str) -> None:
    for document in (body, [body], {**body, "request_id": "r"}):
        assert said("openai-compatible", status, document).value == reason


@pytest.mark.parametrize("status", [429, 500, 502, 504, 520])
def test_a_page_of_an_overloaded_edge_is_overload(status: int) -> None:
    page = Reply(status, {"content-type": "text/html"}, b"<html>insufficient balance</html>")
    assert classify(page, CATALOGUE.find("openai-compatible")).reason is Reason.OVERLOADED


@pytest.mark.parametrize("provider", ["zhipu", "zai", "dashscope", "iflytek-spark", "baidu-qianfan"])
def test_a_code_means_the_same_with_an_error_object_around_it_and_without(provider: str) -> None:
    for rule in CATALOGUE.find(provider).errors:
        if rule.at not in ("code", "error.code"):
            continue
        statuses = (rule.status,) if isinstance(rule.status, int) else rule.status or (400, 429, 500)
        for status in statuses:
            for code in rule.in_:
                assert said(provider, status, {"code": code}) is said(provider, status, error("x", code=code)), code
