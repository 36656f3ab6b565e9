"""From bytes to a tree with places."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.bootstrap.document import MAX_DEPTH, decoded, documents_in
from llmkeys.bootstrap.template import MAX_BYTES, Place, TemplateInvalidError
from llmkeys.bootstrap.tree import ListNode, MappingNode, Node, ScalarNode, list_of, mapping_of, scalar_of

BOMB = "a: &a [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{name}: &{name} [{','.join([f'*{before}'] * 10)}]\n" for before, name in zip("abcdefg", "bcdefgh", strict=True)
)


def one(text: str) -> MappingNode:
    (found,) = documents_in(text)
    return mapping_of(found, "it")


def refused(content: bytes | str) -> str:
    raw = content.encode() if isinstance(content, str) else content
    with pytest.raises(TemplateInvalidError) as caught:
        documents_in(decoded(raw))
    return str(caught.value)


def plain(node: Node) -> object:
    match node:
        case ScalarNode():
            return node.text
        case ListNode():
            return [plain(item) for item in node.items]
        case MappingNode():
            return {name: plain(value) for name, value in node.values.items()}


def test_numbers_dates_and_truth_values_keep_their_text() -> None:
    assert plain(one("a: 0123\nb: 2027-01-01\nc: yes\nd: 1_000\ne: 1e3")) == {
        "a": "0123",
        "b": "2027-01-01",
        "c": "yes",
        "d": "1_000",
        "e": "1e3",
    }


def test_every_value_knows_its_line_and_column() -> None:
    root = one("a:\n  b: [x,\n    y]\n")
    inner = mapping_of(root.values["a"], "a")
    assert root.keys["a"] == Place(1, 1)
    assert inner.keys["b"] == Place(2, 3)
    assert [item.place for item in list_of(inner.values["b"], "b").items] == [Place(2, 7), Place(3, 5)]


def test_a_byte_order_mark_moves_no_column() -> None:
    assert one(decoded(b"\xef\xbb\xbfa: 1")).keys["a"] == Place(1, 1)


@pytest.mark.parametrize("text", ['{\n\t"a": [1,\t2],\n\t"b": {"c": null}\n}', '{"a":"x\\/y","b":"\\t"}'])
def test_json_is_read_with_its_tabs_and_escapes(text: str) -> None:
    assert list(one(text).values) == ["a", "b"]


CHARACTERS = st.characters(codec="utf-8")
# YAML lets a name have 1,024 characters, escapes counted as they are written.
NAMES = st.text(CHARACTERS, max_size=80)


@given(st.dictionaries(NAMES, st.text(CHARACTERS), max_size=4))
def test_what_json_writes_with_escapes_is_read_back(content: dict[str, str]) -> None:
    assert plain(one(json.dumps(content))) == content


def test_a_backslash_before_an_escape_is_no_escape() -> None:
    text = '{"a": "\\\\ud83d\\\\ude00 \\ud83d\\ude00"}'
    assert plain(one(text)) == {"a": "\\ud83d\\ude00 \U0001f600"}


def test_aliases_and_merged_names_work() -> None:
    root = one("base: &b {x: 1, y: 2}\nuse: {<<: *b, y: 3}\nboth: {<<: [{x: 5}, *b]}\nagain: *b")
    assert plain(root) == {
        "base": {"x": "1", "y": "2"},
        "use": {"y": "3", "x": "1"},
        "both": {"x": "5", "y": "2"},
        "again": {"x": "1", "y": "2"},
    }


def test_empty_documents_are_left_out() -> None:
    assert len(documents_in("---\n# nothing\n---\na: 1\n---\n")) == 1
    assert documents_in("# all of it is a comment\n") == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a:\n\tb: 1", "line 2, column 1: the line is indented with a tab. Use spaces."),
        ("a: x\n \tb: 1", "line 2, column 4: the line is indented with a tab. Use spaces."),
        ("a: 1\nb: 2\na: 3", "line 3, column 1: the same name stands on line 1 already. Keep one of the two."),
        ("a: b: c", "line 1, column 5: this is no YAML: mapping values are not allowed in this context; a text that"),
        ("a: @x", "line 1, column 4: this is no YAML: found character that cannot start any token; a text that begins"),
        ("a: *b", "line 1, column 4: this is no YAML: found undefined alias; there is no such anchor"),
        ('a: "x', "a quote is opened and never closed"),
        ("a: &x [*x]", "line 1, column 4: an alias (*) here is of something that it stands in. Remove it."),
        ("a: &x {b: *x}", "an alias (*) here is of something that it stands in"),
        ("a: {<<: x}", "line 1, column 5: '<<' merges names with values"),
        ("? [a]\n: b", "line 1, column 3: a name must be one text"),
        ("a: \x01", "line 1, column 4: the character U+0001 cannot stand in YAML"),
        ("a: 1\nb: x\x00", "line 2, column 5: the character U+0000 cannot stand in YAML"),
        (BOMB, "with aliases (*) expanded there are more than 50000 values here"),
        ("x: " + "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), f"this is more than {MAX_DEPTH} levels deep"),
        ("[" * 100_000, "exceeded maximum nesting depth"),
    ],
)
def test_what_cannot_be_read_is_told_with_its_place_and_what_to_do(text: str, message: str) -> None:
    assert message in refused(text)


def test_a_bomb_is_told_at_the_line_that_overflows() -> None:
    assert int(refused(BOMB).split(",")[0].removeprefix("line ")) >= 4


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfea\x00", "line 1, column 1: it is written in UTF-16 or UTF-32. Save it as UTF-8."),
        ("a: 1".encode("utf-16-le"), "it is written in UTF-16 or UTF-32"),
        (b"a: 1\nb: x\xff", "line 2, column 5: this is no UTF-8"),
        (b"#" * (MAX_BYTES + 1), "the template: it has 716801 bytes, and at most 716800 are read"),
    ],
)
def test_other_encodings_and_too_large_files_are_refused(content: bytes, message: str) -> None:
    assert message in refused(content)


def test_a_file_of_the_largest_size_is_read() -> None:
    assert plain(one(decoded(b"a: 1\n".ljust(MAX_BYTES, b"#")).replace("a: 1\n#", "a: 1\n #"))) == {"a": "1"}


def test_a_text_inside_a_text_has_the_places_of_the_outer_one() -> None:
    (found,) = documents_in('{"a": {"b": 1}}', Place(7, 3))
    assert mapping_of(mapping_of(found, "it").values["a"], "a").values["b"].place == Place(7, 3)


def test_no_node_shows_what_it_holds() -> None:
    assert "canary" not in repr(documents_in("a: canary\nb: [canary]\ncanary: {canary: canary}"))


@given(st.text(alphabet="ab:-{}[]&*<>|\"'\t\n #!%@`$?,\\xu0", max_size=60))
def test_any_text_gives_a_tree_or_the_one_error(text: str) -> None:
    try:
        documents_in(decoded(text.encode()))
    except TemplateInvalidError:
        return


@given(st.binary(max_size=60))
def test_any_bytes_give_a_tree_or_the_one_error(content: bytes) -> None:
    try:
        documents_in(decoded(content))
    except TemplateInvalidError:
        return


@pytest.mark.parametrize(
    ("convert", "message"),
    [
        (mapping_of, "x must hold names with values (name: value), not a list."),
        (scalar_of, "x must be one text, not a list."),
    ],
)
def test_a_wrong_type_says_what_stands_there_instead(convert: object, message: str) -> None:
    node = documents_in("- 1")[0]
    assert callable(convert)
    with pytest.raises(TemplateInvalidError) as caught:
        convert(node, "x")
    assert str(caught.value) == f"line 1, column 1: {message}"
