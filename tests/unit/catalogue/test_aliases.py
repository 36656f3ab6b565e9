"""Every name that other products have for a provider finds its type."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from llmkeys.catalogue.errors import UnknownProviderTypeError
from llmkeys.catalogue.loader import load

CATALOGUE = load()
FILE = Path(__file__).parents[2] / "fixtures" / "aliases.yaml"
PRODUCTS: dict[str, dict[str, list[str]]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
LEAST = {"ragflow": 65, "dify": 65, "cherry_studio": 60, "litellm": 30, "xedu": 6}
EVERYDAY = {
    "Tongyi-Qianwen": "dashscope",
    "通义千问": "dashscope",
    "文心一言": "baidu-qianfan",
    "wenxin": "baidu-qianfan",
    "幻方": "deepseek",
    "深度求索": "deepseek",
    "Kimi": "moonshot",
    "ChatGPT": "openai",
    "Claude": "anthropic",
}


def names() -> Iterator[object]:
    for product, types in PRODUCTS.items():
        for known, theirs in types.items():
            for name in theirs:
                yield pytest.param(name, known, id=f"{product}-{known}-{name}")
    for name, known in EVERYDAY.items():
        yield pytest.param(name, known, id=name)


@pytest.mark.parametrize(("name", "known"), list(names()))
def test_a_name_of_another_product_finds_its_type_however_it_is_written(name: str, known: str) -> None:
    spaced = name.replace("-", "_")
    found = {CATALOGUE.find(one).id for one in (name, name.lower(), name.upper(), f" {name} ", spaced)}
    assert found == {known}


def test_the_list_holds_the_five_products() -> None:
    counts = {product: sum(map(len, types.values())) for product, types in PRODUCTS.items()}
    assert counts.keys() == LEAST.keys()
    assert all(counts[product] >= least for product, least in LEAST.items()), counts


@pytest.mark.parametrize("known", sorted(CATALOGUE.providers))
def test_an_id_finds_itself(known: str) -> None:
    assert CATALOGUE.find(known).id == known


@pytest.mark.parametrize("name", ["opena1", "通义", "klaude", "", "x" * 10_000])
def test_an_unknown_name_is_refused_with_the_three_nearest(name: str) -> None:
    with pytest.raises(UnknownProviderTypeError) as refused:
        CATALOGUE.find(name)
    assert len(set(refused.value.nearest)) == 3
    assert set(refused.value.nearest) <= set(CATALOGUE.providers)
    assert len(str(refused.value)) < 250
