"""The control plane for people: `python -m tests.support.cluster_cli up | down | status`."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType

from tests.support.cluster import ControlPlane
from tests.support.cluster_build import ensure_built, locked
from tests.support.cluster_credentials import write_private
from tests.support.cluster_install import ROOT, install
from tests.support.cluster_process import start_time, tail
from tests.support.cluster_source import (
    EXISTING_VARIABLE,
    Built,
    ClusterUnavailableError,
    Existing,
    cache_folder,
    resolve,
)

_UP_TIMEOUT = 90.0  # seconds, once built
_DOWN_TIMEOUT = 30.0


@dataclass(frozen=True, kw_only=True)
class Running:
    """What is written down about a control plane that runs by itself."""

    pid: int
    started: int | None
    kubeconfig: str
    server: str
    logs: str

    @property
    def alive(self) -> bool:
        """Whether that pid is still the process that wrote this, and not a later one with its number."""
        return self.started is not None and start_time(self.pid) == self.started


@dataclass(frozen=True)
class Notes:
    """The files in the cache folder by which `up`, `down` and `status` know of each other."""

    cache: Path

    @property
    def file(self) -> Path:
        return self.cache / "cluster.json"

    @property
    def log(self) -> Path:
        return self.cache / "cluster.log"

    @property
    def lock(self) -> Path:
        return self.cache / "cluster.lock"

    def read(self) -> Running | None:
        """Return the control plane that runs, or None; a note of one that is gone counts as none."""
        try:
            noted = Running(**json.loads(self.file.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):
            return None
        return noted if noted.alive else None

    def write(self, running: Running) -> None:
        whole = write_private(self.file.with_suffix(".new"), json.dumps(asdict(running)).encode())
        whole.replace(self.file)


def up(notes: Notes) -> int:
    """Start a control plane that stays, unless there is one, and say how to reach it."""
    source = resolve(os.environ)
    if isinstance(source, Existing):
        print(f"{EXISTING_VARIABLE} names a cluster already: nothing is started, nothing applied.")
        _print_export(source.kubeconfig)
        return 0
    notes.cache.mkdir(parents=True, exist_ok=True)
    with locked(notes.lock, log=print, waiting_for="another `up` or `down`"):
        running = notes.read()
        if running is not None:
            print(f"A control plane runs already at {running.server} (logs in {running.logs}).")
        else:
            if isinstance(source, Built):
                ensure_built(source, environ=os.environ, log=print)
            running = _start_detached(notes)
    with ControlPlane.start(lambda _: None, environ={**os.environ, EXISTING_VARIABLE: running.kubeconfig}) as plane:
        install(plane)
    print("The CRDs and what is in config/ are applied. Stop it with `make cluster-down`. To use it:")
    _print_export(Path(running.kubeconfig))
    return 0


def _start_detached(notes: Notes) -> Running:
    notes.file.unlink(missing_ok=True)
    with notes.log.open("wb") as output:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.support.cluster_cli", "keep"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    deadline = time.monotonic() + _UP_TIMEOUT
    while (running := notes.read()) is None:
        if keeper.poll() is not None or time.monotonic() > deadline:
            keeper.terminate()
            text = f"the control plane did not start; its log is {notes.log}:\n{tail(notes.log)}"
            raise ClusterUnavailableError(text)
        time.sleep(0.1)
    print(f"Control plane ready: {running.server} (logs in {running.logs})")
    return running


def keep(notes: Notes) -> int:
    """Hold a control plane until told to end (SIGTERM); its processes die with this one."""

    def end(_signal: int, _frame: FrameType | None) -> None:
        raise SystemExit(0)

    signal.signal(signal.SIGTERM, end)
    with ControlPlane.start(lambda line: print(line, flush=True)) as plane:
        running = Running(
            pid=os.getpid(),
            started=start_time(os.getpid()),
            kubeconfig=str(plane.kubeconfig),
            server=plane.server,
            logs=str(plane.logs),
        )
        notes.write(running)
        try:
            while True:
                signal.pause()
        finally:
            notes.file.unlink(missing_ok=True)


def down(notes: Notes) -> int:
    """Stop what `up` started."""
    notes.cache.mkdir(parents=True, exist_ok=True)
    with locked(notes.lock, log=print, waiting_for="another `up` or `down`"):
        running = notes.read()
        if running is None:
            print("No control plane of `make cluster` is running.")
            return 0
        os.kill(running.pid, signal.SIGTERM)
        deadline = time.monotonic() + _DOWN_TIMEOUT
        while running.alive:
            if time.monotonic() > deadline:
                print(f"Process {running.pid} does not end; its log is {notes.log}", file=sys.stderr)
                return 1
            time.sleep(0.1)
    print(f"Stopped the control plane at {running.server}.")
    return 0


def status(notes: Notes) -> int:
    """Say whether one is running; the exit status says it too."""
    running = notes.read()
    if running is None:
        print("No control plane of `make cluster` is running.")
        return 1
    print(f"Running: {running.server}, process {running.pid}, logs in {running.logs}")
    _print_export(Path(running.kubeconfig))
    return 0


def _print_export(kubeconfig: Path) -> None:
    print(f"export KUBECONFIG={shlex.quote(str(kubeconfig))}")


_COMMANDS = {"up": up, "down": down, "status": status, "keep": keep}


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in _COMMANDS:
        print("usage: python -m tests.support.cluster_cli up | down | status", file=sys.stderr)
        return 2
    try:
        return _COMMANDS[arguments[0]](Notes(cache_folder(os.environ)))
    except ClusterUnavailableError as error:
        print(error, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as error:
        print(f"kubectl failed: {error.stderr.strip()}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
