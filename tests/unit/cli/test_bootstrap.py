import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from llmkeys.cli.bootstrap_template import VariablesMalformedError, variables_of
from llmkeys.cli.main import main
from llmkeys.crypto.keypair import PrivateKey

CANARY = "sk-proj-canary0123456789"
KEYS = PrivateKey(bytes(32))
RAGFLOW = """\
mysql:
  password: ${SOMEBODYS}
user_default_llm:
  factory: OpenAI
  api_key: ${OPENAI_API_KEY}
  default_models:
    chat_model: gpt-5
"""
STRANGER = """\
model_list:
  - model_name: chat
    litellm_params: {model: openai/gpt-5, api_key: sk-proj-canary0123456789}
  - model_name: other
    litellm_params: {model: opennai/gpt-5, api_key: sk-proj-canary0123456789}
"""
FOREIGN = """\
apiVersion: llmkeys.dev/v1alpha1
kind: LLMCredential
metadata: {name: mine, namespace: team-a}
spec:
  providerRef: {name: theirs}
  keys: [{name: primary, value: sk-proj-canary0123456789}]
"""


@pytest.fixture(autouse=True)
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A person without a cluster."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "no-kubeconfig"))


@pytest.fixture
def public(tmp_path: Path) -> Path:
    file = tmp_path / "operator.pub"
    file.write_text(KEYS.public.text(), encoding="utf-8")
    return file


def template(folder: Path, text: str, name: str = "template.yaml") -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def bootstrap(*args: str | Path, **environment: str) -> Result:
    named = {f"LLMKEYS_VAR_{name}": value for name, value in environment.items()}
    return CliRunner().invoke(main, ["bootstrap", *map(str, args)], env=named)


def planned(*args: str | Path, **environment: str) -> Any:
    done = bootstrap(*args, "--dry-run", "-o", "json", **environment)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_a_dry_run_needs_no_cluster_and_shows_no_key(tmp_path: Path) -> None:
    file = template(tmp_path, RAGFLOW)

    done = bootstrap(file, "--dry-run", OPENAI_API_KEY=CANARY)

    assert done.exit_code == 0, done.output
    assert "#1" in done.stdout
    assert "api.openai.com" in done.stdout
    assert "canary" not in done.output


def test_the_word_run_may_be_said(tmp_path: Path) -> None:
    file = template(tmp_path, RAGFLOW)
    assert bootstrap("run", file, "--dry-run", OPENAI_API_KEY=CANARY).exit_code == 0
    assert bootstrap("--dry-run", file, OPENAI_API_KEY=CANARY).exit_code == 0


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_without_a_file_it_helps(arguments: list[str]) -> None:
    done = bootstrap(*arguments)
    assert "llmkeys bootstrap service_conf.yaml.template --dry-run" in done.output
    assert "forget" in done.output


def test_what_is_neither_file_nor_command_is_wrong_use() -> None:
    done = bootstrap("stauts")
    assert done.exit_code == 2
    assert "status, forget" in done.stderr


def test_variables_of_a_file_go_before_those_of_the_environment(tmp_path: Path) -> None:
    file = template(tmp_path, "# mine\n\nA=x = y \nB='quoted'\r\n", "vars")

    found = variables_of(file, {"LLMKEYS_VAR_A": "environment", "LLMKEYS_VAR_C": "c", "OTHER": "o"})

    assert found == {"A": "x = y ", "B": "'quoted'", "C": "c"}


@pytest.mark.parametrize(
    ("text", "words"),
    [("A=1\nnot a pair " + CANARY, "line 2 is not NAME=value"), ("A=1\nA=" + CANARY, "line 2 sets A again")],
)
def test_a_bad_file_of_variables_is_refused_by_line_and_not_repeated(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(VariablesMalformedError, match=words) as caught:
        variables_of(template(tmp_path, text, "vars"), {})
    assert "canary" not in str(caught.value)


def test_an_unset_variable_is_named_with_its_line(tmp_path: Path) -> None:
    done = bootstrap(template(tmp_path, RAGFLOW), "--dry-run")
    assert done.exit_code == 1
    assert "OPENAI_API_KEY" in done.stderr
    assert "line 5" in done.stderr
    assert "a line OPENAI_API_KEY=... into a file and name it with --vars FILE" in done.stderr
    assert "LLMKEYS_VAR_OPENAI_API_KEY" in done.stderr
    assert "Secret" not in done.stderr
    assert "template.yaml: " in done.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("user_default_llm:\n\tfactory: OpenAI\n", "line 2"),
        ("user_default_llm:\n  factory: a\n  factory: b\n", "line 3"),
        ("user_default_llm: [1]\n", "line 1"),
        ("nothing: known\n", "llmkeys"),
        ("", "template"),
        ("x: " + "y" * 900_000, "900003 bytes"),
    ],
    ids=["tab", "duplicate", "type", "shape", "empty", "size"],
)
def test_a_bad_template_is_refused_with_its_place(text: str, words: str, tmp_path: Path) -> None:
    done = bootstrap(template(tmp_path, text), "--dry-run")
    assert done.exit_code == 1
    assert words in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.output


def test_an_unknown_factory_is_told_with_the_nearest_and_the_rest_goes_on(tmp_path: Path) -> None:
    plan = planned(template(tmp_path, STRANGER))
    assert [one["name"] for one in plan["create"] if one["kind"] == "LLMCredential"] == ["openai"]
    assert plan["leftOut"][0]["line"] in {4, 5}
    assert "openai" in plan["leftOut"][0]["why"]


def test_with_strict_what_is_left_out_has_a_code_of_its_own_and_nothing_is_handed_over(
    tmp_path: Path, public: Path
) -> None:
    file = template(tmp_path, STRANGER)
    assert bootstrap(file, "--dry-run").exit_code == 0
    assert bootstrap(file, "--dry-run", "--strict").exit_code == 3
    strict = bootstrap(file, "--print", "--public-key", public, "--strict")
    assert (strict.exit_code, strict.stdout) == (3, "")
    assert "Not taken over" in strict.stderr


def test_the_printed_secret_holds_sealed_keys_alone(tmp_path: Path, public: Path) -> None:
    file = template(tmp_path, RAGFLOW)

    done = bootstrap(file, "--print", "--public-key", public, OPENAI_API_KEY=CANARY)

    assert done.exit_code == 0, done.output
    made = yaml.safe_load(done.stdout)
    assert (made["kind"], made["metadata"]["name"]) == ("Secret", "llmkeys-bootstrap")
    assert [one["kind"] for one in json.loads(made["stringData"]["sealed"])] == ["LLMProvider", "LLMCredential"]
    assert "canary" not in done.output


def test_what_was_printed_is_a_template_itself(tmp_path: Path, public: Path) -> None:
    done = bootstrap(template(tmp_path, RAGFLOW), "--print", "--public-key", public, OPENAI_API_KEY=CANARY)
    sealed = template(tmp_path, yaml.safe_load(done.stdout)["stringData"]["sealed"], "sealed.json")

    plan = planned(sealed)

    assert [one["kind"] for one in plan["create"]] == ["Namespace", "LLMProvider", "LLMCredential"]
    assert plan["create"][-1]["keys"] == [{"name": "primary", "key": "sealed"}]


def test_with_neither_key_nor_cluster_the_plain_secret_is_named(tmp_path: Path) -> None:
    done = bootstrap(template(tmp_path, RAGFLOW), OPENAI_API_KEY=CANARY)
    assert done.exit_code == 1
    assert "kubectl create secret generic llmkeys-bootstrap --from-file=bootstrap.yaml=" in done.stderr
    assert "--public-key" in done.stderr
    assert "--from-file=NAME=" in done.stderr
    assert "--from-literal" not in done.stderr


def test_nothing_to_create_is_told_before_a_public_key_is_asked_for(tmp_path: Path) -> None:
    done = bootstrap(template(tmp_path, RAGFLOW), OPENAI_API_KEY="xxx")
    assert done.exit_code == 1
    assert "there is nothing in it to be created" in done.stderr
    assert "public key" not in done.stderr


def test_with_strict_what_is_left_out_is_told_before_a_public_key_is_asked_for(tmp_path: Path) -> None:
    done = bootstrap(template(tmp_path, STRANGER), "--strict")
    assert done.exit_code == 3
    assert "Not taken over" in done.stderr
    assert "public key" not in done.stderr


def test_what_is_left_out_is_told_once(tmp_path: Path, public: Path) -> None:
    done = bootstrap(template(tmp_path, STRANGER), "--print", "--public-key", public)
    assert done.exit_code == 0
    assert done.stderr.count("Not taken over") == 1


def test_where_the_cluster_decides_the_public_key_comes_first(tmp_path: Path, public: Path) -> None:
    file = template(tmp_path, FOREIGN)
    done = bootstrap(file)
    assert done.exit_code == 1
    assert "There is no public key to seal to." in done.stderr
    assert bootstrap(file, "--print", "--public-key", public, "--strict").exit_code == 1


def test_nothing_to_create_is_handed_over_as_nothing(tmp_path: Path, public: Path) -> None:
    file = template(tmp_path, RAGFLOW)
    done = bootstrap(file, "--print", "--public-key", public, OPENAI_API_KEY="xxx")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "--dry-run" in done.stderr


@pytest.mark.parametrize(
    "arguments", [["--dry-run", "--print"], ["--dry-run", "--again"], ["--print", "--again"], ["--strict"]]
)
def test_what_excludes_each_other_is_wrong_use(arguments: list[str], tmp_path: Path) -> None:
    file = [template(tmp_path, RAGFLOW)] if arguments != ["--strict"] else []
    assert bootstrap(*file, *arguments).exit_code == 2


def test_a_key_on_the_command_line_is_refused_and_not_repeated() -> None:
    done = bootstrap(CANARY)
    assert done.exit_code == 2
    assert "canary" not in done.output


@pytest.mark.parametrize("command", ["status", "forget"])
def test_without_a_cluster_the_others_say_so(command: str) -> None:
    done = bootstrap(command)
    assert done.exit_code == 1
    assert "kubeconfig" in done.stderr.lower()
    assert "Traceback" not in done.output


def test_planning_and_sealing_take_nothing_of_kubernetes(tmp_path: Path, public: Path) -> None:
    text = (
        "import sys\n"
        "for name in ('aiohttp', 'kopf', 'structlog', 'kubernetes'): sys.modules[name] = None\n"
        "from llmkeys.cli.main import main\n"
        "main(sys.argv[1:])\n"
    )
    file = template(tmp_path, RAGFLOW)

    def run(*args: str | Path) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", text, "bootstrap", str(file), *map(str, args)]
        environment = {**os.environ, "LLMKEYS_VAR_OPENAI_API_KEY": CANARY}
        return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)  # noqa: S603

    for arguments in (["--dry-run"], ["--print", "--public-key", public]):
        done = run(*arguments)
        assert done.returncode == 0, done.stderr
    refused = run()
    assert refused.returncode == 1
    assert "pip install 'llmkeys[controller]'" in refused.stderr
