"""The compiled files: in step with what they were made from, and never used for anything else."""

from importlib.resources import files
from pathlib import Path
from shutil import copy, copytree

import msgspec
import pytest

from llmkeys.catalogue.compiled import NAME, Entry, compiled
from llmkeys.catalogue.loader import load

OWN = Path(str(files("llmkeys.catalogue")))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small catalogue, compiled."""
    small = tmp_path / "catalogue"
    (small / "providers").mkdir(parents=True)
    for name in ("default_rules.yaml", "redaction.yaml", "providers/anthropic.yaml", "providers/openai.yaml"):
        copy(OWN / name, small / name)
    (small / NAME).write_text(compiled(small), encoding="utf-8")
    return small


def with_entry(folder: Path, file: str, content: object) -> None:
    """Have the compiled files say something else of a file than the file does, under the right digest."""
    lines = (folder / NAME).read_bytes().splitlines()
    entries = [msgspec.json.decode(line, type=Entry) for line in lines]
    raw = msgspec.Raw(msgspec.json.encode(content))
    changed = [Entry(one.file, one.sha256, raw) if one.file == file else one for one in entries]
    assert changed != entries
    (folder / NAME).write_bytes(b"\n".join(map(msgspec.json.encode, changed)))


def content_of(folder: Path, file: str) -> dict[str, object]:
    for line in (folder / NAME).read_bytes().splitlines():
        entry = msgspec.json.decode(line, type=Entry)
        if entry.file == file:
            return msgspec.json.decode(entry.content, type=dict[str, object])
    raise AssertionError(file)


def renamed(folder: Path, name: str) -> dict[str, object]:
    return content_of(folder, "openai.yaml") | {"names": {"en": name}}


def test_the_compiled_files_are_in_step() -> None:
    assert (OWN / NAME).read_text(encoding="utf-8") == compiled(OWN), "make docs"


def test_the_catalogue_is_the_same_with_and_without_them(tmp_path: Path) -> None:
    whole = tmp_path / "catalogue"
    copytree(OWN, whole, ignore=lambda *_: ["__pycache__"])
    (whole / NAME).write_text(compiled(whole), encoding="utf-8")
    fast = load(whole)
    (whole / NAME).unlink()
    slow = load(whole)
    assert fast.providers == slow.providers
    assert (fast.index, fast.defaults, fast.redaction, fast.faults) == (
        slow.index,
        slow.defaults,
        slow.redaction,
        slow.faults,
    )


def test_they_are_used_where_the_digest_is_that_of_the_file(folder: Path) -> None:
    with_entry(folder, "openai.yaml", renamed(folder, "Compiled"))
    assert load(folder).find("openai").names.en == "Compiled"


def test_a_file_that_was_edited_is_read_itself(folder: Path) -> None:
    with_entry(folder, "openai.yaml", renamed(folder, "Compiled"))
    path = folder / "providers" / "openai.yaml"
    path.write_bytes(path.read_bytes() + b"\n")
    assert load(folder).find("openai").names.en == "OpenAI"


@pytest.mark.parametrize("file", ["default_rules.yaml", "redaction.yaml"])
def test_so_are_the_files_for_all(folder: Path, file: str) -> None:
    before = load(folder)
    with_entry(folder, file, {"errors": [], "prefixes": []})
    path = folder / file
    path.write_bytes(path.read_bytes() + b"\n")
    after = load(folder)
    assert (after.redaction, after.defaults) == (before.redaction, before.defaults)


@pytest.mark.parametrize("content", [{}, [], None, "text", {"id": "openai", "unknown": 1}])
def test_an_entry_of_another_shape_is_not_used(folder: Path, content: object) -> None:
    with_entry(folder, "openai.yaml", content)
    catalogue = load(folder)
    assert catalogue.faults == ()
    assert catalogue.find("openai").names.en == "OpenAI"


def test_an_entry_is_checked_like_its_file(folder: Path) -> None:
    path = folder / "providers" / "openai.yaml"
    path.write_text(path.read_text(encoding="utf-8").replace("id: openai\n", "id: opena1\n"), encoding="utf-8")
    (folder / NAME).write_text(compiled(folder), encoding="utf-8")
    catalogue = load(folder)
    assert [str(fault) for fault in catalogue.faults] == ["openai.yaml:1: id: must be openai, as the file is called"]
    assert "anthropic" in catalogue.providers


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"\xff\xfe", b'{"file": 1}'])
def test_compiled_files_that_cannot_be_read_are_as_none(folder: Path, text: bytes) -> None:
    (folder / NAME).write_bytes(text)
    catalogue = load(folder)
    assert catalogue.faults == ()
    assert "openai" in catalogue.providers
