import json
import os
import resource
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmkeys.client.errors import NotExpressibleError, OutputFailedError, OutputFullError
from llmkeys.client.files import write_new
from llmkeys.client.output import Form, Output, output
from tests.unit.client.unsealing import CANARY, memory_volume

NAMES = st.from_regex(r"[-._A-Za-z0-9]{1,12}", fullmatch=True).filter(
    lambda name: name != "." and not name.startswith("..")
)
FORMS = pytest.mark.parametrize("form", list(Form))


def shown(folder: Path) -> dict[str, bytes]:
    """What a reader sees who lists the folder, as readers of Secrets do: names that begin with two dots are not his."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if not path.name.startswith("..")}


def everything(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


@contextmanager
def opened_folder(path: Path) -> Iterator[Path]:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield Path(f"/proc/self/fd/{descriptor}")
    finally:
        os.close(descriptor)


@contextmanager
def files_limited_to(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def target(form: Form, folder: Path, mode: int = 0o440) -> Output:
    return output(form, folder if form == Form.FILES else folder / "out", mode)


def test_the_env_file_is_as_the_kubelet_reads_it(tmp_path: Path) -> None:
    output(Form.ENV, tmp_path / "deep" / "openai.env", 0o440).write({"B": b"2", "A": b"$x \\ # \n"})
    assert shown(tmp_path / "deep") == {"openai.env": b"A='$x \\ # \n'\nB='2'\n"}


def test_the_json_file_is_one_object(tmp_path: Path) -> None:
    output(Form.JSON, tmp_path / "out", 0o440).write({"b": b"\xff", "a": "ü'".encode()})
    assert json.loads((tmp_path / "out").read_bytes()) == {"a": "ü'", "b": {"base64": "/w=="}}


def test_files_are_one_for_each_value(tmp_path: Path) -> None:
    content = {"credentials.json": b'{"a": 1}', ".env": b"A=1", "apiKey": b"\xff\0"}
    output(Form.FILES, tmp_path / "folder", 0o440).write(content)
    assert shown(tmp_path / "folder") == content


@FORMS
@pytest.mark.parametrize("mode", [0o400, 0o440, 0o444])
def test_permissions_are_what_was_asked_for_whatever_the_umask(tmp_path: Path, form: Form, mode: int) -> None:
    before = os.umask(0o277)
    try:
        target(form, tmp_path, mode).write({"A": b"1"})
    finally:
        os.umask(before)
    (path,) = (path for path in tmp_path.iterdir() if not path.name.startswith(".."))
    assert path.stat().st_mode & 0o777 == mode
    if form == Form.FILES:
        assert (tmp_path / "..data").resolve().stat().st_mode & 0o777 == {0o400: 0o700, 0o440: 0o750, 0o444: 0o755}[
            mode
        ]


@FORMS
def test_a_second_write_replaces_the_first_and_leaves_nothing_of_it(tmp_path: Path, form: Form) -> None:
    written = target(form, tmp_path)
    written.write({"A": b"first", "GONE": b"first"})
    written.write({"A": b"second", "NEW": b"second"})
    assert not any(b"first" in content for content in everything(tmp_path).values())
    assert b"GONE" not in b"".join(everything(tmp_path).values())
    assert not (tmp_path / "GONE").is_symlink()
    assert written.exists()


@settings(deadline=None)
@given(contents=st.lists(st.dictionaries(NAMES, st.binary(max_size=8), max_size=4), min_size=1, max_size=4))
def test_a_folder_shows_exactly_what_was_written_last(contents: list[dict[str, bytes]]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for content in contents:
            output(Form.FILES, folder, 0o440).write(content)
            assert shown(folder) == content
            assert len(everything(folder)) == len(content)
        output(Form.FILES, folder, 0o440).remove()
        assert list(folder.iterdir()) == []


@FORMS
def test_what_is_removed_is_gone_and_removing_again_is_no_error(tmp_path: Path, form: Form) -> None:
    written = target(form, tmp_path)
    written.write({"A": b"1"})
    for _ in range(2):
        written.remove()
        assert list(tmp_path.iterdir()) == []
        assert not written.exists()
    target(form, tmp_path / "never" / "there").remove()


def test_a_reader_never_sees_half(tmp_path: Path) -> None:
    """Whoever opens `..data` has one delivery before him, whole, until it is taken away."""
    written, done, mixed = output(Form.FILES, tmp_path, 0o440), threading.Event(), []
    written.write({"A": b"0", "B": b"0"})

    def read() -> None:
        while not done.is_set():
            with suppress(FileNotFoundError), opened_folder(tmp_path / "..data") as folder:
                found = [(folder / name).read_bytes() for name in "AB"]
                if found[0] != found[1]:
                    mixed.append(found)

    reader = threading.Thread(target=read)
    reader.start()
    for version in range(200):
        written.write({"A": b"%d" % version, "B": b"%d" % version})
    done.set()
    reader.join()
    assert mixed == []


def test_a_reader_of_one_file_never_finds_it_missing_or_half(tmp_path: Path) -> None:
    written, done, wrong = output(Form.JSON, tmp_path / "out", 0o440), threading.Event(), []
    written.write({"A": b"0" * 50_000})

    def read() -> None:
        while not done.is_set():
            value = json.loads((tmp_path / "out").read_bytes())["A"]
            if len(value) != 50_000 or len(set(value)) != 1:
                wrong.append(value)

    reader = threading.Thread(target=read)
    reader.start()
    for version in range(100):
        written.write({"A": b"%d" % (version % 10) * 50_000})
    done.set()
    reader.join()
    assert wrong == []


@FORMS
def test_a_file_that_cannot_be_completed_leaves_the_old_and_nothing_of_the_new(tmp_path: Path, form: Form) -> None:
    written = target(form, tmp_path)
    written.write({"A": b"old"})
    before = everything(tmp_path)
    with files_limited_to(1000), pytest.raises(OutputFullError):
        written.write({"A": b"new" * 100, "B": CANARY.encode() * 1000})
    assert everything(tmp_path) == before
    assert not (tmp_path / "B").is_symlink()


@FORMS
def test_a_full_volume_leaves_the_old_and_nothing_of_the_new(tiny: Path, form: Form) -> None:
    written = target(form, tiny)
    written.write({"A": b"old"})
    before = everything(tiny)
    with pytest.raises(OutputFullError, match="sizeLimit"):
        written.write({"A": b"new" * 100, "B": b"b" * 40_000, "C": b"c" * 40_000})
    assert everything(tiny) == before
    written.write({"A": b"newer"})
    assert len(everything(tiny)) == 1


@FORMS
def test_a_full_volume_on_the_first_write_leaves_nothing(tiny: Path, form: Form) -> None:
    (tiny / "ballast").write_bytes(b"x" * 61_440)
    with pytest.raises(OutputFullError):
        target(form, tiny).write({"A": b"new", "B": b"b" * 8192})
    assert {path.name for path in tiny.iterdir()} == {"ballast"}


@pytest.mark.parametrize("inodes", range(6, 13))
def test_a_volume_without_room_for_names_shows_the_old_or_the_new(tmp_path: Path, inodes: int) -> None:
    """The first write takes 5 of them: the volume, a generation, its file, and two links; the second 7 more."""
    old, new = {"A": b"old"}, {"A": b"new", "B": b"new", "C": b"new"}
    with memory_volume(tmp_path / "tiny", f"nr_inodes={inodes}") as volume:
        written = output(Form.FILES, volume, 0o440)
        written.write(old)
        if inodes == 12:
            written.write(new)
        else:
            with pytest.raises(OutputFullError):
                written.write(new)
        assert shown(volume) == (new if inodes == 12 else old)
        assert len(everything(volume)) == len(shown(volume))


def test_a_new_file_is_never_one_that_is_there_already(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (tmp_path / "link").symlink_to(elsewhere)
    elsewhere.touch()
    for path in (tmp_path / "link", elsewhere):
        with pytest.raises(FileExistsError):
            write_new(path, b"secret", 0o400)
    assert elsewhere.read_bytes() == b""


@FORMS
def test_what_a_killed_writer_left_is_swept(tmp_path: Path, form: Form) -> None:
    left = tmp_path / "..llmkeys-0123"
    left.mkdir()
    (left / "A").write_bytes(CANARY.encode())
    (tmp_path / "..data_new").symlink_to("..llmkeys-0123")
    (tmp_path / "..out.new").write_bytes(CANARY.encode())
    output(Form.FILES, tmp_path, 0o440).write({"A": b"1"})
    target(form, tmp_path).write({"A": b"1"})
    target(Form.ENV, tmp_path).write({"A": b"1"})
    assert not any(CANARY.encode() in content for content in everything(tmp_path).values())


def test_what_belongs_to_others_stays(tmp_path: Path) -> None:
    (tmp_path / "theirs").write_bytes(b"theirs")
    written = output(Form.FILES, tmp_path, 0o440)
    written.write({"A": b"1"})
    with pytest.raises(OutputFailedError):
        written.write({"theirs": b"ours"})
    written.remove()
    assert shown(tmp_path) == {"theirs": b"theirs"}


def test_a_folder_of_the_kubelet_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "..2026").mkdir()
    (tmp_path / "..2026" / "A").write_bytes(b"theirs")
    (tmp_path / "..data").symlink_to("..2026")
    (tmp_path / "A").symlink_to("..data/A")
    with pytest.raises(OutputFailedError):
        output(Form.FILES, tmp_path, 0o440).write({"A": b"ours"})
    assert shown(tmp_path) == {"A": b"theirs"}


def test_a_file_that_somebody_prepared_is_not_written_through(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    (tmp_path / "..out.new").symlink_to(elsewhere)
    (tmp_path / "out").symlink_to(elsewhere)
    target(Form.ENV, tmp_path).write({"A": b"1"})
    assert not elsewhere.exists()


@pytest.mark.parametrize("name", ["", ".", "..", "..data", "../A", "a/b", "a\0", "a\n", "ü", "x" * 254])
def test_a_name_that_is_no_files_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotExpressibleError):
        output(Form.FILES, tmp_path / "folder", 0o440).write({"A": b"1", name: b"2"})
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for form in Form:
        with pytest.raises(OutputFailedError):
            output(form, tmp_path / "file" / "out", 0o440).write({"A": b"1"})
