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
    "智谱清言": "zhipu",
    "豆包": "volcengine-ark",
    "混元": "tencent-hunyuan",
    "硅基流动": "siliconflow",
    "SiliconCloud": "siliconflow",
    "讯飞": "iflytek-spark",
    "Meituan": "longcat",
    "One API": "openai-compatible",
}


# The Latin letters and signs of a Chinese keyboard, and its space.
FULL_WIDTH = {**{code: code + 0xFEE0 for code in range(0x21, 0x7F)}, 0x20: 0x3000}


def spellings(name: str) -> Iterator[str]:
    """A name as people write it."""
    yield from (name, name.lower(), name.upper(), name.swapcase(), name.replace("-", "_"), name.translate(FULL_WIDTH))
    yield from (f" {name} ", f"\t{name}\n", f"\u3000{name}\u3000")


@pytest.mark.parametrize("product", [*PRODUCTS, "everyday"])
def test_a_name_of_another_product_finds_its_type_however_it_is_written(product: str) -> None:
    listed = PRODUCTS.get(product, {})
    pairs = [(name, known) for known, theirs in listed.items() for name in theirs] or list(EVERYDAY.items())
    for name, known in pairs:
        assert {CATALOGUE.find(one).id for one in spellings(name)} == {known}, name


def test_the_list_holds_the_five_products() -> None:
    counts = {product: sum(map(len, types.values())) for product, types in PRODUCTS.items()}
    assert counts.keys() == LEAST.keys()
    assert all(counts[product] >= least for product, least in LEAST.items()), counts


def test_an_id_finds_itself() -> None:
    assert all(CATALOGUE.find(one).id == known for known in CATALOGUE.providers for one in spellings(known))


@pytest.mark.parametrize("name", ["opena1", "通义", "klaude", "", "x" * 10_000])
def test_an_unknown_name_is_refused_with_the_three_nearest(name: str) -> None:
    with pytest.raises(UnknownProviderTypeError) as refused:
        CATALOGUE.find(name)
    assert len(set(refused.value.nearest)) == 3
    assert set(refused.value.nearest) <= set(CATALOGUE.providers)
    assert len(str(refused.value)) < 250
