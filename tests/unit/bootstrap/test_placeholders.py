"""What counts as not set."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.bootstrap.placeholders import is_masked, is_placeholder


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        "xxx",
        "xxxx",
        "XXXXXXXX",
        "xxxx-xxxx",
        "sk-xxxxxxxxxxxxx",
        "sk-ant-xxxx",
        "sk-...",
        "***",
        "backup",
        "Backup",
        "your-api-key",
        "YOUR_API_KEY",
        "your api key",
        "sk-your-key-here",
        "<your key>",
        "<api_key>",
        "{{ api_key }}",
        "changeme",
        "EMPTY",
        "none",
        "not-needed",
        "enter your token here",
        "你的密钥",
    ],
)
def test_what_nobody_has_filled_in_is_not_set(text: str) -> None:
    assert is_placeholder(text)


@pytest.mark.parametrize(
    "text",
    ["sk-abc", "my-secret-token", "token-abc123", "xy", "x", "qwen-plus", "AKIAXXXXXXXXXXXXXXX1", "x" * 5000 + "!"],
)
def test_what_could_be_a_key_is_set(text: str) -> None:
    assert not is_placeholder(text)


@given(
    st.sampled_from(["", "sk-", "sk-ant-api03-", "AIza", "gsk_", "AKIA"]),
    st.text(string.ascii_letters + string.digits, min_size=20, max_size=60).filter(lambda text: len(set(text)) > 8),
)
def test_no_key_of_a_usual_form_is_a_placeholder(prefix: str, rest: str) -> None:
    assert not is_placeholder(prefix + rest)
    assert not is_masked(prefix + rest)


@pytest.mark.parametrize("text", ["sk-ab************yz", "sk-ab…yz"])
def test_a_key_as_it_is_shown_to_people_is_masked(text: str) -> None:
    assert is_masked(text)
