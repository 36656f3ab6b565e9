import pytest
from click.testing import CliRunner

from llmkeys.cli.main import main

KEYS = ["sk-proj-canary0123456789abcdef", "AIzaCANARY0123456789abcdefgh", "0123456789abcdef0123456789abcdef"]
COMMANDS = [("check", "openai"), ("explain", "openai", "--status", "401"), ("providers",), ("status",), ("manifest",)]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("form", ["{}", "--key={}"])
def test_a_key_among_the_arguments_is_refused_and_not_repeated(command: tuple[str, ...], key: str, form: str) -> None:
    done = CliRunner().invoke(main, [*command, form.format(key)], input="")
    assert done.exit_code == 2
    assert key not in done.output
    assert command[0] == "manifest" or "Keys never stand on a command line" in done.output


@pytest.mark.parametrize(
    "option",
    [
        ("check", "openai", "--base-url", "https://user:sk-canary0123456789@example.com/v1"),
        ("check", "openai", "--base-url=https://example.com/v1?key=canary0123456789"),
        ("check", "openai", "--config", "project=sk-proj-canary0123456789abcdef"),
        ("explain", "openai", "--status", "401", "--header", "Authorization: Bearer sk-canary0123456789"),
    ],
)
def test_a_key_in_an_options_value_is_refused_and_not_repeated(option: tuple[str, ...]) -> None:
    done = CliRunner().invoke(main, option, input="")
    assert done.exit_code == 2
    assert "canary" not in done.output


@pytest.mark.parametrize(
    "given",
    [
        ("--header", "x-request-id: req_011CSabcdEF1234567890"),
        ("--header", "Retry-After: 20"),
        ("--path", "/v1/0123456789abcdef0123456789abcdef/models"),
    ],
)
def test_what_only_looks_random_is_no_key(given: tuple[str, ...]) -> None:
    done = CliRunner().invoke(main, ["explain", "openai", "--status", "429", *given])
    assert done.exit_code == 0, done.output
