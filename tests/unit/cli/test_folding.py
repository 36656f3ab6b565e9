import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.cli.folding import folded, width_of
from llmkeys.cli.output import table_lines

LETTERS = st.sampled_from("ab 智谱é")


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", [""]),
        ("one two three", ["one two", "three"]),
        ("智谱智谱智谱", ["智谱智谱", "智谱"]),
        ("https://example.com/a b", ["https://example.com/a", "b"]),
    ],
)
def test_text_is_folded_at_blanks_and_between_chinese_characters(text: str, lines: list[str]) -> None:
    assert folded(text, 8) == lines


@given(text=st.text(LETTERS, max_size=60), width=st.integers(2, 20))
def test_nothing_is_lost_by_folding(text: str, width: int) -> None:
    lines = folded(text, width)
    assert "".join(lines).replace(" ", "") == text.replace(" ", "")
    assert all(width_of(line) <= width or " " not in line for line in lines)


def test_only_the_last_column_of_a_table_is_folded() -> None:
    row = ("key-1", "Verified", "Nothing at all is to be done about it.")
    lines = table_lines(("KEY", "VERDICT", "NEXT"), [row], room=44)
    assert lines == [
        "KEY     VERDICT    NEXT",
        "key-1   Verified   Nothing at all is to be",
        "                   done about it.",
    ]


def test_what_has_no_room_beside_the_other_columns_stands_below_them() -> None:
    rows = [("a" * 50, "words that are long enough to be folded, and more of them"), ("b", "short")]
    assert table_lines(("NAME", "NEXT"), rows, room=60) == [
        "NAME",
        "    NEXT",
        "a" * 50,
        "    words that are long enough to be folded, and more of",
        "    them",
        "b",
        "    short",
    ]


def test_a_table_whose_other_columns_are_too_wide_already_is_left_alone() -> None:
    rows = [("a" * 70, "b")]
    assert table_lines((), rows, room=60) == ["a" * 70 + "   b"]
