"""An id comes back as it was written, whatever stands beside it; and no line at all makes an exception."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from llmkeys.catalogue.loader import load
from llmkeys.explain.fields import fields_in
from llmkeys.explain.replies import answer_to

CATALOGUE = load()
JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(allow_nan=False, allow_infinity=False),
        st.text(max_size=9),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=9,
)
IDS = st.one_of(
    st.builds(json.dumps, JSON, ensure_ascii=st.booleans()),
    st.sampled_from(
        ["1.50", "-0", "1e400", "12345678901234567890123", '"\\u00e9"', '"\\ud800"', "[1, 2 ]", '{"a":1,"a":2}']
    ),
)
# By the book, not by the book, no reply at all, of nobody.
RESTS = [
    '"provider": "openai", "status": 401',
    '"provider": "openai", "status": 200, "body": NaN',
    '"provider": "openai", "status": 401, "body": "\\ud800", "headers": {"a": "\\udfff"}',
    '"provider": "openai", "status": "many"',
    '"provider": "nobody\'s"',
    '"status": 1',
]


def printed(line: bytes, provider: str = "") -> bytes:
    return msgspec.json.encode(answer_to(line, CATALOGUE, now=0, provider=provider))


@given(given=IDS, rest=st.sampled_from(RESTS), first=st.booleans(), blank=st.sampled_from(["", " ", "\t"]))
@example(given="1.50", rest=RESTS[1], first=True, blank=" ")
def test_an_id_comes_back_letter_by_letter(given: str, rest: str, first: bool, blank: str) -> None:
    field = f'"id"{blank}:{blank}{given}{blank}'
    line = f"{{{field}, {rest}}}" if first else f"{{{rest}, {field}}}"
    answer = printed(line.encode())
    assert fields_in(answer.decode())["id"] == given
    assert json.loads(answer)


@pytest.mark.parametrize("given", ["NaN", "-Infinity", '"\\x"', "[" * 5_000])
def test_an_id_that_is_no_json_is_none(given: str) -> None:
    assert json.loads(printed(f'{{"provider": "openai", "status": 401, "id": {given}}}'.encode()))["id"] is None


def test_an_id_that_is_no_text_in_utf8_is_none() -> None:
    for rest in RESTS:
        assert json.loads(printed(b'{"id": "\xff", ' + rest.encode() + b"}"))["id"] is None


def test_a_mark_of_the_byte_order_is_no_part_of_a_line() -> None:
    assert json.loads(printed(b'\xef\xbb\xbf{"id": 1, "provider": "openai", "status": 401}'))["verdict"] == "Rejected"


def test_a_line_that_names_no_provider_is_of_the_one_that_was_named_for_all() -> None:
    line = b'{"id": 1, "status": 401}'
    assert json.loads(printed(line, "openai"))["verdict"] == "Rejected"
    assert "provider" in json.loads(printed(line))["error"]


PIECES = st.sampled_from(
    [
        b"{",
        b"}",
        b"[",
        b"]",
        b":",
        b",",
        b'"id"',
        b'"body"',
        b'"provider"',
        b'"openai"',
        b"NaN",
        b"1e999",
        b'"\\ud800"',
        b"\xff",
        b" ",
    ]
)


@given(line=st.one_of(st.binary(max_size=60), st.lists(PIECES, max_size=30).map(b"".join)))
def test_any_line_gives_a_line_of_json(line: bytes) -> None:
    answer: dict[str, Any] = json.loads(printed(line, "openai"))
    assert "id" in answer
    assert answer.get("key") != "invalid"
