"""What a file of the catalogue may say about balances."""

from typing import Any

import msgspec
import pytest

from llmkeys.catalogue.checks import mistakes
from llmkeys.catalogue.loader import load
from llmkeys.catalogue.model import ProviderFile
from tests.unit.catalogue.made_up import made_up

CATALOGUE = load()
LEFT = {"is": "left", "at": "data.left"}


def file(balance: dict[str, Any]) -> ProviderFile:
    whole = {"path": "/money", "amounts": [LEFT], "ev": "D"} | balance
    return made_up(
        "cn",
        other_endpoints={"balance": "https://money.made-up.example"},
        config_fields=[{"name": "tenant", "pattern": "[a-z]+"}],
        balance=whole,
    )


@pytest.mark.parametrize(
    ("balance", "field"),
    [
        ({"path": "money"}, "balance.path"),
        ({"path": "/money?key=1"}, "balance.path"),
        ({"path": "/{tenant}/money"}, "balance.path"),
        ({"path": "/{apiKey}/money"}, "balance.path"),
        ({"endpoint": "nowhere"}, "balance.endpoint"),
        ({"amounts": []}, "balance.amounts"),
        ({"regions": ["mars"]}, "balance.regions"),
        ({"amounts": [LEFT | {"unit": {"mars": "EUR"}}]}, "balance.amounts[0].unit"),
    ],
)
def test_a_mistake_is_told_with_its_field(balance: dict[str, Any], field: str) -> None:
    assert [found for found, _ in mistakes(file(balance), "made-up")] == [field]


@pytest.mark.parametrize(
    "balance",
    [
        {},
        {"endpoint": "balance", "bare": True, "regions": ["cn"], "rows": "data[]"},
        {"amounts": [LEFT | {"unit": {"cn": "CNY"}, "factor": 0.01, "window": {"at": "w", "words": {"1": "day"}}}]},
    ],
)
def test_what_the_schema_allows_is_no_mistake(balance: dict[str, Any]) -> None:
    assert list(mistakes(file(balance), "made-up")) == []


@pytest.mark.parametrize("balance", [{"amounts": [{"is": "rest", "at": "a"}]}, {"ev": "X"}, {"field": ["a"]}])
def test_what_no_program_reads_is_refused(balance: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        file(balance)


def test_every_balance_of_the_catalogue_says_what_is_left_or_used() -> None:
    told = [entry.balance for entry in CATALOGUE.providers.values() if entry.balance]
    assert told
    assert all({one.kind for one in balance.amounts} & {"left", "used"} for balance in told)
