"""A key that a provider sends back is recognised, however it is written."""

import base64
from collections.abc import Callable
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.crypto.secret import Secret
from llmkeys.probe.echo import RUN, Echo

KEY = "sk-proj-Ab3/x+Yz09qwertyuiop"
MODELS = ["gpt-5", "text-embedding-3-large", "meta/llama-3.3-70b-instruct", "ft:gpt-4o-mini:acme::AbC123xy"]


def hidden(text: str, before: int = 0) -> str:
    return base64.b64encode(b"x" * before + text.encode() + b"yy").decode()


@pytest.mark.parametrize(
    "written",
    [
        str,
        str.upper,
        quote,
        lambda key: quote(key, safe=""),
        lambda key: key.encode().hex(),
        lambda key: key.encode().hex().upper(),
        hidden,
        lambda key: hidden(key, 1),
        lambda key: hidden(key, 2),
        lambda key: base64.urlsafe_b64encode(key.encode()).decode(),
        lambda key: key[5 : 5 + RUN],
        lambda key: f"model/{key}:latest",
    ],
)
def test_a_key_is_recognised_as(written: Callable[[str], str]) -> None:
    assert Echo([Secret(KEY)]).shows(written(KEY))


@pytest.mark.parametrize("name", [*MODELS, "sk-proj-", "", KEY[: RUN - 1]])
def test_names_of_models_and_the_beginnings_of_keys_are_none(name: str) -> None:
    assert not Echo([Secret(KEY)]).shows(name)


def test_a_short_key_is_recognised_as_a_whole() -> None:
    assert Echo([Secret("hunter22")]).shows("model-hunter22")
    assert not Echo([Secret("hunter22")]).shows("hunter2")


@pytest.mark.parametrize("filler", ["EMPTY", "none", "x", "", "1234567"])
def test_what_is_filled_in_where_no_key_is_wanted_is_no_key(filler: str) -> None:
    assert not Echo([Secret(filler)]).shows(f"{filler}-model")


def test_every_field_counts() -> None:
    echo = Echo([Secret("the-first-of-two"), Secret("and-the-other-one")])
    assert echo.shows("the-first-of-two")
    assert echo.shows("and-the-other-one")


@given(st.text(min_size=RUN, max_size=60), st.text(max_size=20), st.text(max_size=20))
def test_any_key_is_recognised_in_any_text(key: str, before: str, after: str) -> None:
    assert Echo([Secret(key)]).shows(before + key + after)
