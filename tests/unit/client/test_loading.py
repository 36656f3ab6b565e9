from pathlib import Path

import pytest

from llmkeys.client import UnsealError, load
from llmkeys.client.errors import EnvelopeMissingError
from llmkeys.client.folder import FolderOfFiles
from tests.unit.client.unsealing import CANARY, Pod


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """What an injected container has mounted: files of `openai`, and none of `anthropic` any more."""
    folder = tmp_path / "files"
    FolderOfFiles(folder / "openai", 0o444).write({"OPENAI_API_KEY": CANARY.encode(), "key.bin": b"\xff"})
    FolderOfFiles(folder / "anthropic", 0o444).write({"ANTHROPIC_API_KEY": b"a1"})
    FolderOfFiles(folder / "anthropic", 0o444).remove()
    return folder


def test_files_are_read_where_they_are_mounted(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load("openai", folder=files) == {"OPENAI_API_KEY": CANARY, "key.bin": b"\xff"}
    monkeypatch.setenv("LLMKEYS_FILES", str(files))
    assert load("openai") == {"OPENAI_API_KEY": CANARY, "key.bin": b"\xff"}


def test_files_are_read_as_they_are_now(files: Path) -> None:
    FolderOfFiles(files / "openai", 0o444).write({"OPENAI_API_KEY": b"new"})
    assert load("openai", folder=str(files)) == {"OPENAI_API_KEY": "new"}


@pytest.mark.parametrize("credential", ["anthropic", "nobody"])
def test_a_credential_without_files_is_an_error_that_names_it_and_waits_for_nothing(
    files: Path, credential: str
) -> None:
    with pytest.raises(EnvelopeMissingError, match=f"kubectl describe llmcredential {credential}"):
        load(credential, folder=files)


def test_a_folder_without_a_name_of_a_credential_is_an_error(files: Path) -> None:
    with pytest.raises(UnsealError, match="load"):
        load(folder=files)


def test_an_envelope_that_is_named_goes_before_files_that_nobody_named(
    pod: Pod, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMKEYS_FILES", str(files))
    settings = pod.settings
    found = load(
        "openai",
        envelope=settings.envelope,
        token=settings.token,
        unsealer=settings.unsealer,
        ca_file=pod.authorities,
    )
    assert found == {"OPENAI_API_KEY": CANARY}
    assert len(pod.service.questions) == 1


def test_without_files_of_it_the_envelope_is_opened(pod: Pod, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMKEYS_FILES", str(files))
    monkeypatch.setattr("llmkeys.client.settings.ENVELOPE_FILE", pod.settings.envelope)
    found = load("other", token=pod.settings.token, unsealer=pod.settings.unsealer, ca_file=pod.authorities)
    assert found == {"OPENAI_API_KEY": CANARY}
