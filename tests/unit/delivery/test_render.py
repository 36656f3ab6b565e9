import json
import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.api.credential import Target
from llmkeys.api.models import FIELDS, ModelType
from llmkeys.api.models import VARIABLES as VARIABLES_OF_MODELS
from llmkeys.api.provider import ProviderSpec
from llmkeys.catalogue.loader import load
from llmkeys.catalogue.model import Provider
from llmkeys.delivery.names import names_of
from llmkeys.delivery.render import DataInvalidError, check_data, render
from llmkeys.probe.endpoint import Endpoint, resolve_endpoint

CATALOGUE = load()
OPENAI = CATALOGUE.find("openai")
ENDPOINT = resolve_endpoint(ProviderSpec("openai"), OPENAI)
KEY = {"apiKey": "sk-1"}

LINE = re.compile(r'([A-Z][A-Z0-9_]*)="((?:[^"\\$]|\\["\\$n])*)"')
ESCAPED = re.compile(r'\\(["\\$n])')
NASTY = st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=30) | st.text(
    st.sampled_from(list("\"\\$\n'`#= {}ab")), max_size=12
)


def parsed(text: str) -> dict[str, str]:
    """A `.env` file, strictly: one quoted value a line, and nothing else."""
    found = {}
    assert text.endswith("\n")
    for line in text.removesuffix("\n").split("\n"):
        match = LINE.fullmatch(line)
        assert match, line
        found[match[1]] = ESCAPED.sub(lambda one: "\n" if one[1] == "n" else one[1], match[2])
    return found


def resolved(kind: str, **spec: str) -> tuple[Provider, Endpoint]:
    entry = CATALOGUE.find(kind)
    return entry, resolve_endpoint(msgspec.convert({"type": kind, **spec}, ProviderSpec), entry)


# type, base URL given, the variables a workload finds
VARIABLES = [
    ("openai", "", {"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": "https://api.openai.com/v1"}),
    ("anthropic", "", {"ANTHROPIC_API_KEY": "sk-1", "ANTHROPIC_BASE_URL": "https://api.anthropic.com"}),
    ("google-gemini", "", {"GEMINI_API_KEY": "sk-1", "GEMINI_API_BASE": "https://generativelanguage.googleapis.com"}),
    ("zhipu", "", {"ZHIPUAI_API_KEY": "sk-1", "ZHIPUAI_BASE_URL": "https://open.bigmodel.cn/api/paas/v4"}),
    (
        "azure-openai",
        "https://acme.openai.azure.com",
        {
            "AZURE_OPENAI_API_KEY": "sk-1",
            "AZURE_OPENAI_ENDPOINT": "https://acme.openai.azure.com",
            "OPENAI_API_VERSION": "2024-10-21",
        },
    ),
    (
        "openai-compatible",
        "https://gw.example/",
        {"OPENAI_API_KEY": "sk-1", "OPENAI_BASE_URL": "https://gw.example"},
    ),
]


@pytest.mark.parametrize(("kind", "base", "expected"), VARIABLES)
def test_env_holds_the_conventional_variables(kind: str, base: str, expected: dict[str, str]) -> None:
    entry, endpoint = resolved(kind, baseURL=base) if base else resolved(kind)
    assert {name: value.decode() for name, value in render(Target(), entry, endpoint, KEY).items()} == expected
    assert names_of(Target(), entry, endpoint) == tuple(sorted(expected))


def test_a_keyless_type_is_rendered_without_a_key() -> None:
    entry, endpoint = resolved("ollama", baseURL="http://ollama.example:11434")
    assert render(Target(), entry, endpoint, {}) == {"OLLAMA_API_BASE": b"http://ollama.example:11434"}


def test_files_hold_a_field_each() -> None:
    assert render(Target(format="Files"), OPENAI, ENDPOINT, KEY) == {
        "apiKey": b"sk-1",
        "baseURL": b"https://api.openai.com/v1",
    }


@pytest.mark.parametrize("form", ["JSON", "Dotenv", "Files"])
def test_only_the_format_with_variables_has_names(form: str) -> None:
    assert names_of(Target(format=form), OPENAI, ENDPOINT) == ()


@given(NASTY)
def test_json_read_back_gives_the_fields(key: str) -> None:
    (name, text), *others = render(Target(format="JSON"), OPENAI, ENDPOINT, {"apiKey": key}).items()
    assert (name, others) == ("credentials.json", [])
    assert json.loads(text) == {"apiKey": key, "baseURL": "https://api.openai.com/v1"}


@given(NASTY)
def test_dotenv_read_back_gives_the_variables(key: str) -> None:
    (name, text), *others = render(Target(format="Dotenv"), OPENAI, ENDPOINT, {"apiKey": key}).items()
    assert (name, others) == (".env", [])
    assert parsed(text.decode()) == {"OPENAI_API_KEY": key, "OPENAI_BASE_URL": "https://api.openai.com/v1"}


def test_renames_replace_the_usual_names() -> None:
    target = Target(data={"MY_KEY": "$(apiKey)", "URL": "$(baseURL)/chat", "BOTH": "$(apiKey)@$(baseURL)"})
    assert render(target, OPENAI, ENDPOINT, KEY) == {
        "MY_KEY": b"sk-1",
        "URL": b"https://api.openai.com/v1/chat",
        "BOTH": b"sk-1@https://api.openai.com/v1",
    }
    assert names_of(target, OPENAI, ENDPOINT) == ("BOTH", "MY_KEY", "URL")


@pytest.mark.parametrize("form", ["Env", "JSON", "Dotenv", "Files"])
def test_renames_hold_in_every_format(form: str) -> None:
    data = render(Target(format=form, data={"MINE": "$(apiKey)"}), OPENAI, ENDPOINT, KEY)
    text = b"".join(data.values()).decode()
    assert "sk-1" in text
    assert "OPENAI_API_KEY" not in text + str(list(data))
    assert "MINE" in text + str(list(data))


@given(NASTY)
def test_what_stands_in_a_key_is_never_expanded(key: str) -> None:
    data = render(Target(data={"MINE": "$(apiKey)"}), OPENAI, ENDPOINT, {"apiKey": f"$(baseURL){key}"})
    assert data == {"MINE": f"$(baseURL){key}".encode()}


@pytest.mark.parametrize("template", ["$(apikey)", "$(other)", "$(apiKey)$(other)"])
def test_a_rename_of_a_field_that_there_is_not_names_it_and_those_there_are(template: str) -> None:
    target = Target(data={"MINE": template})
    for check in (check_data, names_of):
        with pytest.raises(DataInvalidError, match=r"MINE uses .*apiKey, baseURL"):
            check(target, OPENAI, ENDPOINT)
    with pytest.raises(DataInvalidError):
        render(target, OPENAI, ENDPOINT, KEY)


def test_the_names_of_variables_do_not_depend_on_the_key() -> None:
    names = names_of(Target(), OPENAI, ENDPOINT)
    assert names == tuple(sorted(render(Target(), OPENAI, ENDPOINT, KEY)))


DEFAULTS = {"llm": "gpt-5", "speech-to-text": "whisper-1"}


@pytest.mark.parametrize("kind", ["Env", "Dotenv"])
def test_the_default_of_a_type_is_a_variable(kind: str) -> None:
    target = Target(format=kind)
    data = render(target, OPENAI, ENDPOINT, KEY, DEFAULTS)
    found = {name: text.decode() for name, text in data.items()} if kind == "Env" else parsed(data[".env"].decode())
    assert (found["LLM_MODEL"], found["SPEECH_TO_TEXT_MODEL"]) == ("gpt-5", "whisper-1")
    assert set(found) == set(names_of(Target(), OPENAI, ENDPOINT, DEFAULTS))


def test_every_type_has_a_variable_and_a_field_of_its_own() -> None:
    types = set(ModelType) - {ModelType.OTHER}
    assert set(FIELDS) == set(VARIABLES_OF_MODELS) == types
    assert len(set(FIELDS.values())) == len(set(VARIABLES_OF_MODELS.values())) == len(types)


def test_a_default_is_a_field_for_json_and_files() -> None:
    document = render(Target(format="JSON"), OPENAI, ENDPOINT, KEY, DEFAULTS)["credentials.json"]
    assert json.loads(document)["speechToTextModel"] == "whisper-1"
    assert render(Target(format="Files"), OPENAI, ENDPOINT, KEY, DEFAULTS)["llmModel"] == b"gpt-5"


def test_renames_may_use_a_default_that_there_is_and_no_other() -> None:
    target = Target(data={"MODEL": "$(llmModel)", "KEY": "$(apiKey)"})
    assert render(target, OPENAI, ENDPOINT, KEY, DEFAULTS) == {"MODEL": b"gpt-5", "KEY": b"sk-1"}
    with pytest.raises(DataInvalidError, match=r"MODEL uses \$\(llmModel\)"):
        check_data(target, OPENAI, ENDPOINT)
