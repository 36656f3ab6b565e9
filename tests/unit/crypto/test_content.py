import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.crypto.content import decode_content, encode_content
from llmkeys.crypto.errors import EnvelopeMalformedError

DATA = st.dictionaries(st.text(max_size=20), st.binary(max_size=60) | st.text(max_size=60).map(str.encode), max_size=6)


@given(DATA)
def test_what_was_encoded_is_decoded_byte_for_byte(data: dict[str, bytes]) -> None:
    assert decode_content(encode_content(data)) == data


@given(DATA)
def test_the_order_of_names_does_not_show(data: dict[str, bytes]) -> None:
    assert encode_content(dict(reversed(data.items()))) == encode_content(data)


def test_text_is_text_and_anything_else_base64() -> None:
    content = encode_content({"b": b"\xff\x00", "a": "schlüssel".encode(), "empty": b""})
    assert content == '{"a":"schlüssel","b":{"base64":"/wA="},"empty":""}'.encode()


def test_any_reader_of_json_can_read_it() -> None:
    assert json.loads(encode_content({"A": b'say "hi"\n', "B": b"\x00"})) == {"A": 'say "hi"\n', "B": "\x00"}


@given(st.binary(max_size=100))
def test_any_bytes_are_malformed_at_worst(content: bytes) -> None:
    try:
        decode_content(content)
    except EnvelopeMalformedError:
        return


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'"sk-canary"',
        b'{"a":1}',
        b'{"a":null}',
        b'{"a":{"base64":"sk-canary"}}',
        b'{"a":{}}',
        b'{"a":{"base64":"","more":""}}',
        b'{"a":"\xff"}',
        b"[" * 5000,
    ],
)
def test_what_is_no_content_is_not_shown(content: bytes) -> None:
    with pytest.raises(EnvelopeMalformedError) as refusal:
        decode_content(content)
    assert "canary" not in str(refusal.value)
    assert refusal.value.__suppress_context__
