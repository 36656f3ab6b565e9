"""What is written is read as the same value, by a reader of YAML and by one that takes more words for numbers."""

from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.inject.spelling import Block, as_json, inline
from tests.unit.inject.scene import CA

odd = st.sampled_from(
    ["y", "on", "1e3", "0x1", "0o7", "1_0", "1:30", "12", ".5", "~", "-", "---", "a: b", "#", " x", CA]
)
texts = st.one_of(odd, st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=8))
scalars = st.one_of(texts, st.booleans(), st.integers(-5, 70_000))
names = st.one_of(odd, st.from_regex(r"[A-Za-z]{1,9}", fullmatch=True))
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4), max_leaves=15
)


@given(value=values, dashes=st.sampled_from([0, 2]), column=st.integers(0, 3))
def test_what_is_written_in_blocks_is_read_as_it_was(value: Any, dashes: int, column: int) -> None:
    block = Block(dashes)
    assert yaml.safe_load("\n".join(block.entry(value, column)) + "\n") == [value]
    assert yaml.safe_load("\n".join(block.pair("env", value, column)) + "\n") == {"env": value}


@given(value=values)
def test_what_is_written_on_one_line_is_read_as_it_was(value: Any) -> None:
    assert yaml.safe_load(f"[{inline(value)}, {as_json(value)}]") == [value, value]
    assert "\n" not in inline(value)


@pytest.mark.parametrize("word", ["y", "N", "on", "Off", "null", "1e3", "0o14", "1.5", "12", "_1:2", "2026-01-01"])
def test_a_word_that_some_reader_takes_for_something_else_is_quoted(word: str) -> None:
    assert inline(word).startswith('"')


def test_certificates_stand_there_a_line_each() -> None:
    assert Block().pair("value", CA, 2) == ["  value: |", *(f"    {line}" for line in CA.splitlines())]
