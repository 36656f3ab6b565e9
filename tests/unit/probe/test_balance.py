import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.api.provider import ProviderSpec
from llmkeys.catalogue.loader import load
from llmkeys.crypto.secret import Secret
from llmkeys.probe.balance import Figure, balance_request, balance_url, figures_in, is_the_probe
from llmkeys.probe.endpoint import resolve_endpoint
from llmkeys.probe.kind import Kind, kind_of
from llmkeys.probe.material import Material
from llmkeys.probe.reply import Failure, Reply

CATALOGUE = load()
TOLD = {name: entry for name, entry in CATALOGUE.providers.items() if entry.balance}
KEY = Material((("apiKey", Secret("sk-canary")),))


def spec(kind: str, **given: Any) -> ProviderSpec:
    return ProviderSpec(kind, **given)


def kind(written: ProviderSpec, material: Material = KEY) -> Kind:
    entry = CATALOGUE.find(written.type)
    return kind_of(resolve_endpoint(written, entry), entry, material)


def url(name: str, **given: Any) -> str:
    written = spec(name, **given)
    return balance_url(written, kind(written))


def figures(name: str, body: Any, **given: Any) -> tuple[Figure, ...] | None:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    return figures_in(Reply(200, {}, text), kind(spec(name, **given)))


@pytest.mark.parametrize(
    ("name", "given", "expected"),
    [
        ("moonshot", {}, "https://api.moonshot.cn/v1/users/me/balance"),
        ("moonshot", {"region": "intl"}, "https://api.moonshot.ai/v1/users/me/balance"),
        ("moonshot", {"region": "coding"}, ""),
        ("moonshot", {"base_url": "https://gw.example.com/kimi"}, "https://gw.example.com/kimi/v1/users/me/balance"),
        ("moonshot", {"base_url": "https://gw.example.com/chat#"}, ""),
        ("deepseek", {}, "https://api.deepseek.com/user/balance"),
        ("deepseek", {"base_url": "https://api.deepseek.com"}, "https://api.deepseek.com/user/balance"),
        ("zhipu", {}, ""),
        ("zhipu", {"region": "coding-cn"}, "https://open.bigmodel.cn/api/monitor/usage/quota/limit"),
        ("modelscope", {}, "https://modelscope.cn/openapi/v1/magicubes/balance"),
        ("minimax", {}, "https://www.minimaxi.com/v1/token_plan/remains"),
        ("openai", {}, ""),
    ],
)
def test_the_balance_is_asked_for_where_the_base_url_says(name: str, given: dict[str, Any], expected: str) -> None:
    assert url(name, **given) == expected


def test_a_gateways_key_does_not_go_to_the_vendors_own_host() -> None:
    gateway = {"base_url": "https://gw.example.com/v1"}
    assert url("deepseek", **gateway) == ""
    override = {"balance": "https://gw.example.com/"}
    assert url("deepseek", **gateway, endpoints=override) == "https://gw.example.com/user/balance"


@pytest.mark.parametrize("name", sorted(TOLD))
def test_a_key_for_the_vendor_goes_to_hosts_of_the_vendor_only(name: str) -> None:
    for region in [one.region for one in TOLD[name].endpoints]:
        asked = url(name, region=region)
        assert not asked or asked.removeprefix("https://").partition("/")[0] in TOLD[name].hosts


def test_the_probe_is_not_sent_twice() -> None:
    for name, same in (("openrouter", True), ("novita", True), ("deepseek", False), ("moonshot", False)):
        written = spec(name)
        assert is_the_probe(kind(written), balance_url(written, kind(written))) is same


def test_the_key_is_shown_as_the_probe_shows_it_or_bare_where_that_is_wanted() -> None:
    for written, shown in ((spec("deepseek"), "Bearer sk-canary"), (spec("zhipu", region="coding-cn"), "sk-canary")):
        request = balance_request(kind(written), KEY, balance_url(written, kind(written)), now=0)
        ((header, value),) = request.secret_headers
        assert (request.method, header, value.reveal()) == ("GET", "Authorization", shown)
        assert "canary" not in repr(request)


def test_another_kind_of_credential_is_told_no_balance() -> None:
    signing = Material((("signingKey", Secret("id.secret")),))
    written = spec("zhipu", region="coding-cn")
    assert balance_url(written, kind(written, signing)) == ""


@pytest.mark.parametrize(
    ("name", "given", "body", "expected"),
    [
        (
            "moonshot",
            {"region": "intl"},
            {"data": {"available_balance": 1.5, "voucher_balance": 0, "cash_balance": "1.50"}},
            (Figure("left", 1.5, "USD"), Figure("granted", 0, "USD"), Figure("paid", 1.5, "USD")),
        ),
        (
            "moonshot",
            {"base_url": "https://gw.example.com/v1"},
            {"data": {"available_balance": -2}},
            (Figure("left", -2),),
        ),
        (
            "deepseek",
            {},
            {
                "balance_infos": [
                    {"currency": "CNY", "total_balance": "0.00"},
                    {"currency": "USD", "total_balance": "7"},
                ]
            },
            (Figure("left", 0, "CNY"), Figure("left", 7, "USD")),
        ),
        ("novita", {}, {"availableBalance": "123456"}, (Figure("left", 12.3456, "USD"),)),
        ("deepinfra", {}, {"stripe_balance": -5}, (Figure("left", 5, "USD"),)),
        ("openrouter", {}, {"data": {"limit_remaining": None, "usage": 2.5}}, (Figure("used", 2.5, "USD"),)),
        (
            "zhipu",
            {"region": "coding-cn"},
            {"data": {"limits": [{"unit": 3, "percentage": 12}, {"unit": "canary", "percentage": 1}]}},
            (Figure("used", 12, "%", "session"), Figure("used", 1, "%")),
        ),
        (
            "minimax",
            {},
            {"model_remains": [{"current_interval_remaining_percent": 75}] * 40},
            (Figure("left", 75, "%", "session"),),
        ),
    ],
)
def test_the_figures_of_the_evidence_are_read(
    name: str, given: dict[str, Any], body: Any, expected: tuple[Figure, ...]
) -> None:
    assert figures(name, body, **given) == expected


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"balance_infos": {}}',
        {"balance_infos": [{"total_balance": "a lot"}]},
        {"balance_infos": [{"total_balance": True}]},
        {"balance_infos": [{"total_balance": 10**400}]},
        {"balance_infos": [{"total_balance": "1e999"}]},
        b'{"balance_infos": [{"total_balance": NaN}]}',
    ],
)
def test_what_is_no_figure_is_none(body: Any) -> None:
    assert figures("deepseek", body) is None


def test_a_reply_that_is_no_success_tells_nothing() -> None:
    body = b'{"balance_infos": [{"total_balance": "1"}]}'
    deepseek = kind(spec("deepseek"))
    assert figures_in(Reply(403, {}, body), deepseek) is None
    assert figures_in(Reply(0, failure=Failure.TLS), deepseek) is None
    assert figures_in(Reply(200, {}, body, truncated=True), deepseek) is None


def test_the_only_text_of_a_reply_that_gets_through_is_a_currencys_code() -> None:
    row = {"total_balance": "1", "currency": "sk-canary"}
    assert figures("deepseek", {"balance_infos": [row]}) == (Figure("left", 1),)
    assert figures("deepseek", {"balance_infos": [{**row, "currency": "EUR"}]}) == (Figure("left", 1, "EUR"),)


def test_no_more_figures_are_taken_than_a_person_reads() -> None:
    rows = [{"total_balance": str(number), "currency": "CNY"} for number in range(10_000)]
    assert len(figures("deepseek", {"balance_infos": rows}) or ()) == 8


ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=9)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["data", "balance_infos", "limits", "percentage", "balance", "credit", "unit", "currency"]),
            inner,
        ),
    ),
    max_leaves=12,
)


@given(name=st.sampled_from(sorted(TOLD)), body=ANYTHING)
def test_any_reply_is_read_without_an_exception(name: str, body: Any) -> None:
    region = next(iter(TOLD[name].balance.regions), None)  # type: ignore[union-attr]
    for figure in figures(name, body, region=region) or ():
        assert abs(figure.amount) <= 1e15
        assert len(figure.unit) <= 9
