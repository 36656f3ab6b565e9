"""Leaving the demo running: a process of its own holds it, and a note says which, so that it can be ended later."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from tests.support.cluster_install import ROOT
from tests.support.cluster_process import start_time
from tests.support.demo_print import say, shown

_DOWN_TIMEOUT = 60.0  # seconds


@dataclass(frozen=True, kw_only=True)
class Held:
    """What is written down about a demo that was left running; `status` is how its checks ended (0: all well)."""

    pid: int
    started: int | None
    kubeconfig: str
    status: int

    @property
    def alive(self) -> bool:
        return self.started is not None and start_time(self.pid) == self.started


def note(file: Path, kubeconfig: Path, status: int) -> None:
    """Write down that this process holds the demo."""
    held = Held(pid=os.getpid(), started=start_time(os.getpid()), kubeconfig=str(kubeconfig), status=status)
    whole = file.with_suffix(".new")
    whole.write_text(json.dumps(asdict(held)), encoding="utf-8")
    whole.replace(file)


def read(file: Path) -> Held | None:
    """Return the demo that was left running, or None."""
    try:
        held = Held(**json.loads(file.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return held if held.alive else None


def start_detached(log: Path, note_file: Path, key: str | None) -> int:
    """Run the demo in a session of its own, pass on what it prints until it is done, and return its exit status.

    Args:
        log: gets its output.
        note_file: where it notes itself once it is done.
        key: a real key to hand on, by its standard input.

    """
    with log.open("wb") as output:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.support.demo", "hold"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    assert keeper.stdin is not None
    with keeper.stdin:
        keeper.stdin.write((key or "").encode())
    try:
        with log.open(encoding="utf-8", errors="replace") as reading:
            return _follow(keeper, reading, note_file)
    except BaseException:
        keeper.terminate()
        keeper.wait()
        raise


def _follow(keeper: subprocess.Popen[bytes], reading: TextIO, note_file: Path) -> int:
    while True:
        ended, held = keeper.poll(), read(note_file)
        # In this order: what it printed before it ended or noted itself is in the file by now.
        print(reading.read(), end="", flush=True)
        if ended is not None:
            return ended
        if held is not None and held.pid == keeper.pid:
            return held.status
        time.sleep(0.1)


def down(note_file: Path) -> int:
    """End a demo that was left running."""
    held = read(note_file)
    if held is None:
        say("No demo is running.")
        return 0
    os.kill(held.pid, signal.SIGTERM)
    deadline = time.monotonic() + _DOWN_TIMEOUT
    while held.alive:
        if time.monotonic() > deadline:
            say(f"Process {held.pid} does not end; its log is {shown(note_file.parent / 'demo.log')}")
            return 1
        time.sleep(0.1)
    note_file.unlink(missing_ok=True)
    say("The demo is stopped, and nothing of it is left running.")
    return 0
