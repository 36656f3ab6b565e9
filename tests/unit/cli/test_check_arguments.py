import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from llmkeys.cli.main import main

SOURCE = Path(__file__).parents[3] / "operator"
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


@pytest.mark.parametrize(
    "locale", [{"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}, {"PYTHONIOENCODING": "latin-1"}]
)
def test_whatever_the_locale_a_name_is_found_and_a_page_printed(locale: dict[str, str]) -> None:
    command = [sys.executable, "-P", "-m", "llmkeys", "providers", "智谱".encode(), "--lang", "zh", "-o", "json"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE), **locale}
    done = subprocess.run(command, capture_output=True, check=True, env=environment)  # noqa: S603  our own command
    assert json.loads(done.stdout)["type"] == "zhipu"


@pytest.mark.parametrize(
    ("shell", "code", "said"),
    [
        ("check openai <&-", 1, "No key was given"),
        ("explain openai --status 401 --body - <&-", 0, ""),
        ("explain --replies - <&-", 0, ""),
        ("providers >&-", 0, ""),
        ("providers >/dev/full", 1, "The output cannot be written: No space left on device"),
    ],
)
def test_closed_and_full_streams_are_no_faults_of_ours(shell: str, code: int, said: str) -> None:
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(SOURCE)}
    command = f"{sys.executable} -P -m llmkeys {shell}"
    done = subprocess.run(command, shell=True, capture_output=True, check=False, text=True, env=environment)  # noqa: S602  our own command
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)
    assert said in done.stderr
