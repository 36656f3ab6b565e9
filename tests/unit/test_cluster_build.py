import os
from pathlib import Path

import pytest

from tests.support.cluster_build import ensure_built
from tests.support.cluster_cli import Notes, Running
from tests.support.cluster_process import start_time
from tests.support.cluster_source import Built, ClusterUnavailableError

BUILDS = 'while test "$1" != -o; do shift; done; echo "echo built" > "$2"; echo once >> "$(dirname "$2")/../calls"'
FAILS = "echo no space left; exit 1"


def stand_in_for_go(folder: Path, build: str) -> dict[str, str]:
    """Put a program named go on a PATH, as new as can be, that does `build` for a build."""
    folder.mkdir()
    go = folder / "go"
    go.write_text(f'#!/bin/sh\ntest "$1" = version && echo go version go9.9.9 && exit\n{build}\n', encoding="utf-8")
    go.chmod(0o755)
    return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}


def running(started: int | None) -> Running:
    return Running(pid=os.getpid(), started=started, kubeconfig="k", server="s", logs="l")


def test_it_is_built_once_and_found_again(tmp_path: Path) -> None:
    environ = stand_in_for_go(tmp_path / "bin", BUILDS)
    source = Built(folder=tmp_path / "cache" / "controlplane", kubernetes="1.36.3")
    told: list[str] = []

    first = ensure_built(source, environ=environ, log=told.append)
    said = "\n".join(told)
    second = ensure_built(source, environ=environ, log=told.append)

    assert first == second == source.folder
    assert "4 to 7 minutes" in said
    assert (tmp_path / "cache" / "calls").read_text(encoding="utf-8") == "once\n"
    for name in ("kube-apiserver", "kube-controller-manager"):
        assert (source.folder / name).read_text(encoding="utf-8") == "echo built\n"


def test_a_failed_build_leaves_nothing_that_a_later_run_takes_for_one(tmp_path: Path) -> None:
    source = Built(folder=tmp_path / "cache" / "controlplane", kubernetes="1.36.3")

    with pytest.raises(ClusterUnavailableError, match=r"go build failed (?s:.*)no space left"):
        ensure_built(source, environ=stand_in_for_go(tmp_path / "bin", FAILS), log=print)

    assert sorted(file.name for file in source.folder.parent.iterdir()) == ["build.lock", "build.log"]


def test_what_a_killed_build_left_is_cleared_away(tmp_path: Path) -> None:
    left_over = tmp_path / "cache" / ".staging-killed"
    left_over.mkdir(parents=True)
    source = Built(folder=tmp_path / "cache" / "controlplane", kubernetes="1.36.3")

    ensure_built(source, environ=stand_in_for_go(tmp_path / "bin", BUILDS), log=print)

    assert not left_over.exists()


def test_a_note_of_a_process_that_runs_is_read_back_and_private(tmp_path: Path) -> None:
    notes = Notes(tmp_path)

    notes.write(running(start_time(os.getpid())))

    assert notes.read() == running(start_time(os.getpid()))
    assert notes.file.stat().st_mode & 0o777 == 0o600


def test_a_note_whose_process_id_was_given_to_another_process_counts_as_none(tmp_path: Path) -> None:
    notes = Notes(tmp_path)

    notes.write(running(started=1))

    assert notes.read() is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}'])
def test_a_broken_note_counts_as_none(tmp_path: Path, content: str) -> None:
    notes = Notes(tmp_path)
    notes.file.write_text(content, encoding="utf-8")

    assert notes.read() is None
