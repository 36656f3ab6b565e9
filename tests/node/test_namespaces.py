"""The namespaces of a node: what is started in them stays in them, and ends with them, whatever happens to us."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cluster_install import ROOT
from tests.support.cluster_process import start_time
from tests.support.node_cgroups import Hierarchies
from tests.support.node_machine import PACKAGES, reason_against
from tests.support.node_namespace import Namespaces, namespaces
from tests.support.wait import eventually

needs_node = pytest.mark.skipif(reason_against() is not None, reason=str(reason_against()))

# A process that nobody waits for, as the shims of a container runtime are; its pid as we see it.
LINGERING = """
import sys
from pathlib import Path
from tests.support.node_namespace import namespaces
with namespaces(Path(sys.argv[1])) as inside:
    inside.run("/bin/sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 &")
    print("started", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def inside(tmp_path: Path) -> Iterator[Namespaces]:
    with namespaces(tmp_path) as made:
        yield made


def processes_in(folder: Path) -> list[int]:
    """Those whose mounts lie in this folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder) in (process / "mountinfo").read_text(encoding="utf-8", errors="replace"):
                found.append(int(process.name))
        except OSError:
            continue
    return [pid for pid in found if start_time(pid) is not None]


@needs_node
def test_the_machine_reaches_the_node_at_its_address_and_nowhere_else(inside: Namespaces) -> None:
    addresses = inside.run("/bin/sh", "-c", "ip -brief -4 address")

    assert inside.address in addresses
    assert addresses.count("/30") == 1
    assert len(addresses.splitlines()) == 2


@needs_node
def test_what_is_written_to_run_is_not_seen_on_the_machine(inside: Namespaces) -> None:
    inside.run("/usr/bin/touch", "/run/llmkeys-test-of-namespaces")

    assert not Path("/run/llmkeys-test-of-namespaces").exists()


@needs_node
def test_processes_that_nobody_waits_for_end_with_the_block(tmp_path: Path) -> None:
    with namespaces(tmp_path) as inside:
        inside.run("/bin/sh", "-c", "setsid sleep 1000 >/dev/null 2>&1 &")
        assert len(processes_in(tmp_path)) >= 2

    eventually(lambda: not processes_in(tmp_path), message="the end of all processes in there")


@needs_node
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_they_end_when_we_are_killed(tmp_path: Path, number: signal.Signals) -> None:
    environ = {**os.environ, "PYTHONPATH": f"{ROOT / 'operator'}:{ROOT}"}
    owner = subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", LINGERING, tmp_path],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with owner:
        assert owner.stdout is not None
        assert owner.stdout.readline() == "started\n"
        assert processes_in(tmp_path)

        owner.send_signal(number)
        owner.wait(20)

    eventually(lambda: not processes_in(tmp_path), message="the end of all processes in there")


def test_a_machine_without_the_programs_is_told_which_packages_to_install() -> None:
    reason = reason_against({"PATH": "/nowhere"})

    assert reason is not None
    if os.geteuid() == 0:
        assert all(package in reason for package in PACKAGES.values())
    else:
        assert "root" in reason


@pytest.mark.parametrize(
    ("mounts", "used"),
    [
        ("cgroup2 /sys/fs/cgroup cgroup2 rw 0 0", ["/sys/fs/cgroup"]),
        ("none /c/cpu cgroup rw,cpu 0 0\nnone /c/systemd cgroup rw,name=systemd 0 0", ["/c/cpu", "/c/systemd"]),
        ("none /c/cpu cgroup rw,cpu 0 0\nnone /c/unified cgroup2 rw 0 0", ["/c/cpu"]),
        ("/dev/vda / ext4 rw 0 0", []),
    ],
)
def test_the_hierarchies_of_control_groups_are_those_that_kubelets_use(mounts: str, used: list[str]) -> None:
    assert Hierarchies.read(mounts).used == [Path(one) for one in used]
