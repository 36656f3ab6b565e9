"""What a node leaves whose owner was killed is taken away by the next one."""

import os
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.support.node_cgroups import cgroup, cgroups
from tests.support.node_cluster import PREFIX, owned_by, sweep
from tests.support.node_machine import reason_against

pytestmark = pytest.mark.skipif(reason_against() is not None, reason=str(reason_against()))


@pytest.fixture
def dead() -> str:
    """The beginning of names of a process that has ended."""
    with subprocess.Popen(["/usr/bin/sleep", "60"]) as process:
        name = owned_by(process.pid)
        process.kill()
    return name


def test_folders_and_control_groups_of_the_dead_are_removed(
    dead: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    folder = tmp_path / f"{dead}folder"
    (folder / "logs").mkdir(parents=True)
    with cgroup(f"{dead}group"):
        sweep()

        assert not cgroups(dead)
    assert not folder.exists()


def test_those_of_the_living_and_of_others_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    ours, foreign = tmp_path / f"{owned_by(os.getpid())}folder", tmp_path / f"{PREFIX}of-somebody"
    for each in (ours, foreign):
        each.mkdir()
    with cgroup(f"{owned_by(os.getpid())}group"):
        sweep()

        assert cgroups(f"{owned_by(os.getpid())}group")
    assert ours.exists()
    assert foreign.exists()
