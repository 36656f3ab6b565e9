"""What an env file cannot carry is found when the key is looked at, not by a pod that hangs."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.api.credential import Target
from llmkeys.api.env_file import problem_of
from llmkeys.api.provider import ProviderSpec
from llmkeys.api.reasons import Reason
from llmkeys.catalogue.loader import load
from llmkeys.client.errors import NotExpressibleError
from llmkeys.client.variables import env_file
from llmkeys.crypto.secret import Secret
from llmkeys.delivery.carried import carried, check_carried
from llmkeys.delivery.render import DataInvalidError, render
from llmkeys.probe.endpoint import resolve_endpoint
from llmkeys.probe.material import Candidate, Material

CATALOGUE = load()
OPENAI = CATALOGUE.find("openai")
VERTEX = CATALOGUE.find("google-vertex")
ENDPOINT = resolve_endpoint(ProviderSpec("openai"), OPENAI)
QUOTED = "sk-it's"


def candidate(text: str, field: str = "apiKey") -> Candidate:
    return Candidate("primary", "primary", Material(((field, Secret(text)),)))


def test_a_key_with_a_single_quote_is_malformed_and_the_message_says_why() -> None:
    found = carried(candidate(QUOTED), Target(), OPENAI)

    assert found.problem is Reason.MALFORMED_KEY
    assert found.values["because"] == (
        "its apiKey holds a single quote, which an env file cannot; target.format JSON or Files can"
    )


@pytest.mark.parametrize(
    "target", [Target(format="JSON"), Target(format="Files"), Target(format="Dotenv"), Target(encryption="None")]
)
def test_what_does_not_travel_in_an_env_file_may_hold_anything(target: Target) -> None:
    assert carried(candidate(QUOTED), target, OPENAI).problem is None


def test_a_document_travels_as_a_file_and_may_hold_anything() -> None:
    document = candidate('{"who": "it\'s me"}', "serviceAccountJson")

    assert carried(document, Target(), VERTEX).problem is None


def test_a_key_that_a_rename_puts_into_a_variable_is_judged_by_what_becomes_of_it() -> None:
    renamed = Target(data={"MINE": "$(apiKey)"})

    assert carried(candidate(QUOTED), renamed, OPENAI).values["because"].startswith("its MINE holds a single quote")


def test_a_rename_of_a_field_that_the_key_lacks_is_empty_and_refused() -> None:
    renamed = Target(data={"TOKEN": "$(sessionToken)"})

    found = carried(candidate("AKIA1", "accessKeyId"), renamed, CATALOGUE.find("aws-bedrock"))

    assert found.values["because"].startswith("its TOKEN is empty")


@given(
    st.text(st.characters(min_codepoint=1, exclude_categories=["Cs"]), min_size=1)
    | st.text(st.sampled_from("ab'\r\n")).filter(bool)
)
def test_a_key_that_is_let_through_can_be_written_and_one_that_is_not_cannot(text: str) -> None:
    content = render(Target(), OPENAI, ENDPOINT, {"apiKey": text})

    if carried(candidate(text), Target(), OPENAI).problem is None:
        assert text.encode() in env_file(content)
    else:
        with pytest.raises(NotExpressibleError):
            env_file(content)


def test_a_problem_found_before_stays() -> None:
    expired = Candidate("primary", "primary", Material((("apiKey", Secret(QUOTED)),)), Reason.EXPIRED)

    assert carried(expired, Target(), OPENAI) is expired


@pytest.mark.parametrize("template", ["it's $(apiKey)", "a\r\nb$(apiKey)"])
def test_a_rename_that_cannot_be_a_variable_is_refused_by_its_name(template: str) -> None:
    target = Target(data={"MINE": template})

    with pytest.raises(DataInvalidError, match="MINE holds a"):
        check_carried(target, OPENAI, ENDPOINT)
    check_carried(msgspec.structs.replace(target, format="Files"), OPENAI, ENDPOINT)


def test_a_base_url_that_cannot_be_a_variable_is_refused() -> None:
    spec = ProviderSpec("openai", base_url="https://gw.example/it's")

    with pytest.raises(DataInvalidError, match="OPENAI_BASE_URL holds a single quote"):
        check_carried(Target(), OPENAI, resolve_endpoint(spec, OPENAI))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (b"", "is empty"),
        (b"'", "single quote"),
        (b"a\r\nb", "carriage return"),
        (b"\xff", "no UTF-8"),
        (b"a" * 65536, "over 64 KiB"),
        (b"a" * 65530, ""),
        (b"\n".join([b"a" * 60000] * 3), ""),
    ],
)
def test_what_an_env_file_cannot_carry(value: bytes, words: str) -> None:
    assert (words in problem_of("A", value)) if words else not problem_of("A", value)
