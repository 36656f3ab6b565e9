"""The values that a person hands over."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.catalogue.credential import SecretField
from llmkeys.catalogue.loader import load
from llmkeys.crypto.secret import Secret
from llmkeys.sealing.errors import ValueUnsuitableError
from llmkeys.sealing.values import require_suitable, text_of, values_in

OPENAI = load().find("openai")
FIELDS = ["appId", "apiKey"]


def revealed(values: dict[str, Secret]) -> dict[str, str]:
    return {name: value.reveal() for name, value in values.items()}


@pytest.mark.parametrize(
    "text",
    ['{"appId": "1", "apiKey": " a=b "}', "appId=1\napiKey=a=b", "# mine\r\n apiKey = a=b \r\n\r\nappId=1\r\n"],
)
def test_several_fields_come_as_json_or_as_lines(text: str) -> None:
    assert revealed(values_in(text, FIELDS)) == {"appId": "1", "apiKey": "a=b"}


@pytest.mark.parametrize(
    "text",
    [
        "canary",
        "appId=1\ncanary",
        "canary=1",
        '{"canary": "1"}',
        '{"appId": ["canary"]}',
        '{"canary',
        "appId=1\nappId=canary",
    ],
)
def test_what_is_neither_is_refused_and_never_repeated(text: str) -> None:
    with pytest.raises(ValueUnsuitableError) as caught:
        values_in(text, FIELDS)
    assert "canary" not in str(caught.value)


@given(st.text(max_size=80))
def test_any_text_gives_values_or_an_error(text: str) -> None:
    try:
        assert set(values_in(text, FIELDS)) <= set(FIELDS)
    except ValueUnsuitableError:
        return


def test_white_space_around_a_value_is_taken_off() -> None:
    assert text_of(b"\xef\xbb\xbf sk-1\r\n\n", "It") == "sk-1"


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x" * (64 * 1024 + 1)])
def test_what_is_no_text_of_a_keys_size_is_refused(content: bytes) -> None:
    with pytest.raises(ValueUnsuitableError):
        text_of(content, "It")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "empty"),
        ("sk-proj-canary with blanks", "characters"),
        ("sk-proj-canary\u3000", "characters"),
        ("k" * 9000, "too long"),
        ("sk-ant-api03-canary", "another kind of credential"),
    ],
)
def test_what_the_operator_would_not_send_is_not_sealed(value: str, words: str) -> None:
    with pytest.raises(ValueUnsuitableError, match=words) as caught:
        require_suitable({"apiKey": Secret(value)}, OPENAI, "api.openai.com")
    assert "canary" not in str(caught.value)


def test_a_good_value_and_a_list_of_them_pass() -> None:
    require_suitable({"apiKey": Secret("sk-proj-a,sk-proj-b")}, OPENAI, "api.openai.com")
    require_suitable({"apiKey": Secret("anything at all")}, None, "")


def test_one_field_of_several_is_looked_at_alone() -> None:
    two = msgspec.structs.replace(OPENAI, secret_fields=(SecretField(name="appId"), SecretField(name="apiKey")))
    require_suitable({"apiKey": Secret("abc")}, two, "api.openai.com")
    with pytest.raises(ValueUnsuitableError, match="apiKey"):
        require_suitable({"apiKey": Secret("a b")}, two, "api.openai.com")
