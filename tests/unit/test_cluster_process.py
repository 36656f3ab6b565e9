import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from tests.support.cluster_build import locked, run_visibly
from tests.support.cluster_process import Component, ComponentEndedError, free_ports, start_time, tail
from tests.support.cluster_source import ClusterUnavailableError
from tests.support.wait import eventually

SLEEPER = ["/bin/sh", "-c", "exec sleep 600"]


def test_a_child_does_not_outlive_a_killed_parent() -> None:
    program = (
        "import subprocess, time\n"
        "from tests.support.cluster_process import tethered\n"
        f"child = subprocess.Popen(tethered({SLEEPER!r}), start_new_session=True)\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    command = [sys.executable, "-c", program]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, env=environ, text=True)  # noqa: S603 (our own program)
    assert parent.stdout is not None
    with parent, parent.stdout:
        child = int(parent.stdout.readline())
        eventually(lambda: Path(f"/proc/{child}/comm").read_text(encoding="ascii") == "sleep\n", message="the child")

        parent.kill()
        parent.wait()

    eventually(lambda: start_time(child) is None, message="the child's end")


def test_a_component_ignoring_the_request_to_end_is_killed(tmp_path: Path) -> None:
    stubborn = ["/bin/sh", "-c", "trap '' TERM; echo ready; while :; do sleep 0.05; done"]
    component = Component("stubborn", stubborn, folder=tmp_path, log=tmp_path / "log")
    eventually(lambda: "ready" in tail(tmp_path / "log"), message="the component")

    component.stop(grace=0.1)

    assert not component.running
    with pytest.raises(ComponentEndedError, match=f"stubborn ended with status -{signal.SIGKILL}"):
        component.check()


def test_a_component_that_ends_when_asked_is_not_killed(tmp_path: Path) -> None:
    willing = ["/bin/sh", "-c", "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.05; done"]
    component = Component("willing", willing, folder=tmp_path, log=tmp_path / "log")
    eventually(lambda: "ready" in tail(tmp_path / "log"), message="the component")

    component.stop(grace=10)

    assert "bye" in tail(tmp_path / "log")


def test_ports_are_distinct_free_and_below_those_that_clients_are_given() -> None:
    ports = free_ports(5)
    first_ephemeral = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])

    assert len(set(ports)) == 5
    assert max(ports) < first_ephemeral
    for port in ports:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", port))


def test_a_process_that_is_gone_or_a_zombie_has_no_start_time() -> None:
    process = subprocess.Popen(["/bin/sh", "-c", "read wait"], stdin=subprocess.PIPE)
    with process:
        assert start_time(process.pid) is not None
        process.kill()
        eventually(lambda: start_time(process.pid) is None, message="the zombie's being told apart")
    assert start_time(process.pid) is None


def test_a_long_command_says_how_far_it_is(tmp_path: Path) -> None:
    told: list[str] = []
    go_on = tmp_path / "go-on"

    def log(line: str) -> None:
        told.append(line)
        go_on.touch()

    run_visibly(
        ["/bin/sh", "-c", "echo compiling part 7; until test -e go-on; do sleep 0.02; done"],
        title="building",
        folder=tmp_path,
        environ=os.environ,
        output=tmp_path / "log",
        log=log,
        tick=0.1,
    )

    assert told[0].startswith("  building: 0 s")
    assert told[-1].startswith("  building: done in ")


def test_a_failed_command_names_its_output(tmp_path: Path) -> None:
    with pytest.raises(ClusterUnavailableError, match=r"building failed with status 4(?s:.*)log:\n.*no such module"):
        run_visibly(
            ["/bin/sh", "-c", "echo no such module; exit 4"],
            title="building",
            folder=tmp_path,
            environ=os.environ,
            output=tmp_path / "log",
            log=print,
        )


def test_a_lock_held_elsewhere_is_waited_for_and_said(tmp_path: Path) -> None:
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with locked(tmp_path / "lock", log=print, waiting_for="nobody"):
            held.set()
            release.wait(10)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait(10)
    told: list[str] = []

    def log(line: str) -> None:
        told.append(line)
        release.set()

    with locked(tmp_path / "lock", log=log, waiting_for="the holder"):
        assert told == ["Waiting for the holder (0 s)"]
    holder.join()
