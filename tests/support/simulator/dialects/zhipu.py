"""Zhipu (GLM): numeric codes as text; arrears and locked accounts come as 429, some errors with 200."""

# ruff: noqa: RUF001  (the vendor writes full-width commas)

from tests.support.simulator.answer import Answer, json_answer
from tests.support.simulator.behaviour import Kind
from tests.support.simulator.dialect import Dialect, Route, always, bearer, with_retry_after
from tests.support.simulator.listing import openai_list


def _error(status: int, code: str, message: str) -> Answer:
    return json_answer(status, {"error": {"code": code, "message": message}})


ZHIPU = Dialect(
    type="zhipu",
    base="/api/paas/v4",
    find_key=bearer,
    routes={"/api/paas/v4/models": Route(openai_list("z-ai"))},
    models=("glm-4.6", "glm-4.5-air", "glm-4.5-flash", "embedding-3"),
    refusals={
        Kind.REVOKED: always(_error(401, "1000", "身份验证失败。")),
        Kind.NO_MONEY: always(_error(429, "1113", "余额不足或无可用资源包,请充值。")),
        Kind.REGION_BLOCKED: always(_error(403, "403", "当前地区不支持该服务。")),
        Kind.ACCOUNT_BLOCKED: always(_error(429, "1112", "您的账户已被锁定，请联系客服解除锁定。")),
        Kind.PERMISSION_DENIED: always(_error(403, "1220", "您无权访问该接口。")),
        Kind.OVERLOADED: always(_error(429, "1312", "当前模型访问量过大，请稍后再试。")),
    },
    throttled=lambda wait: with_retry_after(_error(429, "1302", "您的账户已达到速率限制，请控制请求频率。"), wait),
    fault=lambda status: _error(status, "500", "内部错误"),
    missing_key=_error(401, "1001", "Header 中未收到 Authorization 参数，无法进行身份验证。"),
    unknown_path=lambda method, path: json_answer(
        404, {"status": 404, "error": "Not Found", "path": f"{method} {path}"}
    ),
)
