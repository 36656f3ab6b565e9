"""Qwen Code's login: the words of DashScope, access tokens as keys, and a service that renews them."""

from dataclasses import replace

from tests.support.simulator.dialect import Route
from tests.support.simulator.dialects.dashscope import DASHSCOPE
from tests.support.simulator.listing import openai_list

QWEN_CODE = replace(
    DASHSCOPE,
    type="qwen-code",
    base="/v1",
    routes={"/v1/models": Route(openai_list("system"))},
    models=("qwen3-coder-plus", "qwen3-coder-flash"),
    token_path="/api/v1/oauth2/token",
)
