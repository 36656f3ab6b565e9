"""The command as a person runs it, on files, folders and standard input."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import click.testing
import pytest
import yaml

from llmkeys import __version__
from llmkeys.cli.main import main
from tests.unit.inject.scene import LABELLED, body, listed

Result = click.testing.Result
CHAT = f"""\
apiVersion: v1
kind: Pod
metadata: {{name: chat, labels: {{{LABELLED}}}}} # it
spec:
  containers: [{{name: chat, image: chat}}]
"""
HELM = "{{- if .Values.chat }}\nkind: {{ .Values.kind }}\n{{- end }}\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A repository with a manifest, and the status beside it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "manifests/more").mkdir(parents=True)
    (tmp_path / "manifests/more/chat.yaml").write_text(CHAT)
    (tmp_path / "manifests/helm.yaml").write_text(HELM)
    (tmp_path / "manifests/notes.md").write_text(CHAT)
    (tmp_path / "status.yaml").write_text(listed(body("openai", "OPENAI_API_KEY"), body("other", "OTHER")))
    return tmp_path


def run(*arguments: str, text: str = CHAT, status: str = "status.yaml") -> Result:
    return click.testing.CliRunner().invoke(main, ["inject", *arguments, "--status", status], input=text)


def good(result: Result) -> str:
    assert result.exit_code == 0, result.output
    return result.stdout


def variables(text: str) -> list[str]:
    return [one["name"] for one in yaml.safe_load(text)["spec"]["containers"][0].get("env", [])]


def test_the_manifest_with_its_lines_is_printed() -> None:
    text = good(run("-f", "-"))
    assert variables(text) == ["OPENAI_API_KEY", "OTHER"]
    assert "# it" in text
    assert f'image: "llmkeys:{__version__}"' in text
    assert good(run("-f", "-", text=text)) == text


def test_options_hold_for_pods_that_do_not_say_it_themselves() -> None:
    named = good(run("-f", "-", "--credential", "other", "--follow", "--image", "r/llmkeys:1"))
    opener = yaml.safe_load(named)["spec"]["initContainers"][0]
    assert variables(named) == ["OTHER"]
    assert opener["image"] == "r/llmkeys:1"
    assert opener["restartPolicy"] == "Always"

    says = CHAT.replace("labels", 'annotations: {llmkeys.dev/credentials: openai, llmkeys.dev/follow: "false"}, labels')
    itself = good(run("-f", "-", "--credential", "other", "--follow", text=says))
    assert variables(itself) == ["OPENAI_API_KEY"]
    assert "restartPolicy" not in itself


def test_files_instead_of_variables_are_mounted() -> None:
    text = good(run("-f", "-", "--files"))
    (container,) = yaml.safe_load(text)["spec"]["containers"]
    assert container["volumeMounts"] == [{"name": "llmkeys", "mountPath": "/var/run/llmkeys/files", "readOnly": True}]
    assert "fileKeyRef" not in text
    assert variables(good(run("-f", "-", "--variables", text=text))) == ["OPENAI_API_KEY", "OTHER"]


def test_a_folder_is_written_in_place_and_what_is_not_meant_stays(folder: Path) -> None:
    file = folder / "manifests/more/chat.yaml"
    file.chmod(0o640)
    told = good(run("-f", "manifests", "--in-place"))

    assert told.startswith(f"{file.relative_to(folder)}:1: Pod chat got: ")
    assert variables(file.read_text()) == ["OPENAI_API_KEY", "OTHER"]
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    assert (folder / "manifests/helm.yaml").read_text() == HELM
    assert (folder / "manifests/notes.md").read_text() == CHAT
    assert good(run("-f", "manifests", "--in-place")) == ""


def test_a_check_says_what_would_change_and_its_exit_code_whether_anything_does(folder: Path) -> None:
    before = run("-f", "manifests", "--check")
    assert before.exit_code == 3
    assert "more/chat.yaml:1: Pod chat would get: annotation llmkeys.dev/injected; volumes +llmkeys" in before.stdout
    assert (folder / "manifests/more/chat.yaml").read_text() == CHAT

    good(run("-f", "manifests", "--in-place"))
    assert good(run("-f", "manifests", "--check")) == ""
    (folder / "status.yaml").write_text(listed(body("openai", "OPENAI_API_KEY")))
    assert run("-f", "manifests", "--check").exit_code == 3


def test_a_difference_is_one_that_patch_takes() -> None:
    result = run("-f", "manifests", "--diff", "--check")
    assert result.exit_code == 3
    assert result.stdout.startswith("--- a/manifests/more/chat.yaml\n+++ b/manifests/more/chat.yaml\n@@ ")
    assert "-  containers: [{name: chat, image: chat}]\n" in result.stdout
    last = run("-f", "-", "--diff", text=CHAT.removesuffix("\n"))
    assert "\\ No newline at end of file\n" in good(last)


def test_several_files_are_printed_as_the_documents_of_one() -> None:
    text = good(run("-f", "manifests/more", "-f", "-", text=CHAT.removesuffix("\n")))
    assert [variables(yaml.safe_dump(one)) for one in yaml.safe_load_all(text)] == [["OPENAI_API_KEY", "OTHER"]] * 2


def test_json_comes_out_as_json() -> None:
    text = good(run("-f", "-", text=json.dumps(yaml.safe_load(CHAT))))
    assert json.loads(text)["spec"]["containers"][0]["env"]


def test_what_is_wrong_is_said_with_file_and_line_and_nothing_half_done_is_printed(folder: Path) -> None:
    (folder / "manifests/wrong.yaml").write_text(CHAT.replace("name: chat, image", "name: llmkeys, image"))
    result = run("-f", "manifests")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("manifests/wrong.yaml:5: Pod chat: llmkeys adds an init container named llmkeys")

    written = run("-f", "manifests", "--in-place")
    assert written.exit_code == 1
    assert "OPENAI_API_KEY" in (folder / "manifests/more/chat.yaml").read_text()
    assert "OPENAI_API_KEY" not in (folder / "manifests/wrong.yaml").read_text()


def test_a_namespace_is_that_of_the_manifest_or_the_one_given_or_the_only_one_there_is(folder: Path) -> None:
    two = [body("openai", "OPENAI_API_KEY"), body("there", "THERE", namespace="team-b")]
    (folder / "two.yaml").write_text(listed(*two))

    assert variables(good(run("-f", "-", "-n", "team-b", status="two.yaml"))) == ["THERE"]
    own = CHAT.replace("name: chat,", "name: chat, namespace: team-a,", 1)
    assert variables(good(run("-f", "-", "-n", "team-b", text=own, status="two.yaml"))) == ["OPENAI_API_KEY"]
    neither = run("-f", "-", status="two.yaml")
    assert neither.exit_code == 1
    assert "standard input:1: Pod chat: It names no namespace" in neither.stderr


def test_a_credential_without_a_key_at_present_is_warned_of_once(folder: Path) -> None:
    gone = {"type": "SecretSynced", "status": "False", "reason": "Withdrawn", "message": "No key."}
    (folder / "status.yaml").write_text(listed(body("openai", "OPENAI_API_KEY", conditions=[gone])))
    result = run("-f", "manifests/more", "-f", "-", "--credential", "openai")
    assert good(result)
    assert result.stderr == "Warning: LLMCredential team-a/openai delivers no key at present (Withdrawn).\n"


def test_that_no_pod_asks_is_said() -> None:
    result = run("-f", "-", text="a: 1\n")
    assert good(result) == "a: 1\n"
    assert 'llmkeys.dev/inject: "true"' in result.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--filename"),
        (["-f", "-", "--in-place"], "in place"),
        (["-f", "manifests", "--in-place", "--check"], "--check writes nothing"),
        (["-f", "nowhere.yaml"], "does not exist"),
    ],
)
def test_a_wrong_command_line_is_refused(arguments: list[str], words: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr


def test_a_status_that_is_none_is_refused_with_its_file(folder: Path) -> None:
    (folder / "status.yaml").write_text("kind: Pod\n")
    result = run("-f", "-")
    assert result.exit_code == 1
    assert "status.yaml: This holds no LLMCredentials" in result.stderr
