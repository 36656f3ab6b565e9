"""The words of pages in English and Chinese, beside those that the catalogue has itself."""

# ruff: noqa: RUF001  Chinese has its own punctuation

from typing import Final, Literal

from llmkeys.catalogue.part import Text
from llmkeys.catalogue.rule import Evidence

PROVES: Final[dict[bool | Literal["unknown"], Text]] = {
    True: Text(
        en="a bad key is refused there, so a success means that the provider accepted the key; at any other address "
        "than the provider's own a made-up key must be refused first",
        zh="错误的密钥会被拒绝，因此成功即表示密钥被接受；若地址并非该提供商自有，则须先有虚构的密钥被拒绝",
    ),
    False: Text(
        en="anybody gets an answer there, so a success says nothing about the key",
        zh="任何人都能得到回复，因此成功不能说明密钥是否有效",
    ),
    "unknown": Text(
        en="whether a bad key is refused there is not known: a made-up key is sent first, and only where that one is "
        "refused does a success prove the real one",
        zh="尚不清楚错误的密钥是否会被拒绝：会先发送一个虚构的密钥，只有它被拒绝时，成功才能证明真实密钥有效",
    ),
}

PROVES_SHORT: Final[dict[bool | Literal["unknown"], Text]] = {
    True: Text(en="yes", zh="是"),
    False: Text(en="no", zh="否"),
    "unknown": Text(en="not known", zh="未知"),
}

COST: Final[dict[str, Text]] = {
    "zero": Text(en="free", zh="免费"),
    "free-model": Text(en="a request to a free model", zh="一次免费模型请求"),
    "one-token": Text(en="one token", zh="一个 token"),
    "cheapest-chat": Text(en="one request of one token to a cheap model", zh="一次单 token 的廉价模型请求"),
    "billed": Text(en="billed", zh="收费"),
}

EVIDENCE: Final[dict[Evidence | Literal["unverified"], Text]] = {
    "D": Text(en="the provider's documentation says so", zh="据官方文档"),
    "C": Text(en="source code that talks to it says so", zh="据公开源代码"),
    "F": Text(en="somebody who met the live API says so", zh="据真实接口的第三方记录"),
    "K": Text(en="recalled, not checked", zh="凭记忆，未核实"),
    "unverified": Text(en="not checked", zh="未核实"),
}

LABELS: Final[dict[str, Text]] = {
    "type": Text(en="type", zh="类型"),
    "kind": Text(en="kind", zh="类别"),
    "also": Text(en="also called", zh="别名"),
    "lifecycle": Text(en="lifecycle", zh="生命周期"),
    "base": Text(en="base URL", zh="基础地址"),
    "default": Text(en="default", zh="默认"),
    "yours": Text(en="your own: set spec.baseURL", zh="自有地址：请设置 spec.baseURL"),
    "other": Text(en="other URLs", zh="其他地址"),
    "variables": Text(en="base URL variables", zh="地址环境变量"),
    "chat": Text(en="chat", zh="对话"),
    "models": Text(en="models", zh="模型列表"),
    "credential": Text(en="credential", zh="凭据"),
    "or": Text(en="or", zh="或"),
    "field": Text(en="secret field", zh="密钥字段"),
    "setting": Text(en="setting", zh="设置"),
    "optional": Text(en="optional", zh="可选"),
    "required": Text(en="required", zh="必填"),
    "several": Text(en="may hold several keys", zh="可包含多个密钥"),
    "document": Text(en="a document", zh="文件内容"),
    "begins": Text(en="begins with", zh="前缀"),
    "proof": Text(en="proof", zh="验证请求"),
    "proves": Text(en="what it proves", zh="能证明什么"),
    "sure": Text(en="how sure we are", zh="可信度"),
    "caveat": Text(en="but", zh="注意"),
    "balance": Text(en="balance", zh="余额"),
    "console": Text(en="console", zh="控制台"),
    "how": Text(en="get a key", zh="获取密钥"),
    "free": Text(en="free tokens", zh="免费额度"),
    "note": Text(en="note", zh="备注"),
}
