"""`llmkeys check` with a person before it: a prompt that shows nothing, and a watch that is interrupted."""

import json
import os
import pty
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.simulator.behaviour import Behaviour
from tests.support.simulator.simulator import Simulator

KEY = "sk-CANARY-0123456789"
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def command(simulator: Simulator, ca: Path) -> list[str]:
    simulator.set(KEY, Behaviour.GOOD)
    where = ["--base-url", simulator.url("openai"), "--ca", str(ca), "--allow-private-addresses"]
    return [sys.executable, "-m", "llmkeys", "check", "openai", *where]


def test_a_terminal_is_asked_and_shows_nothing(command: list[str]) -> None:
    terminal, its_side = pty.openpty()
    program = subprocess.Popen(  # noqa: S603  ourselves
        command, stdin=its_side, stdout=its_side, stderr=its_side, env=ENVIRONMENT, start_new_session=True
    )
    os.close(its_side)
    shown = b""
    while b"not shown" not in shown:
        shown += os.read(terminal, 4096)
    os.write(terminal, KEY.encode() + b"\n")
    with suppress(OSError):  # Linux says EIO when the other side has ended
        while chunk := os.read(terminal, 4096):
            shown += chunk
    os.close(terminal)
    assert program.wait(timeout=30) == 0, shown
    assert b"Verified" in shown
    assert b"CANARY" not in shown


def test_a_watch_ends_with_the_code_of_what_it_saw_last(command: list[str], tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY)
    arguments = [*command, "--watch", "-o", "json", "--from-file", str(tmp_path / "key")]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, env=ENVIRONMENT) as program:  # noqa: S603
        assert program.stdout is not None
        assert json.loads(program.stdout.readline())["verdict"] == "Verified"
        program.send_signal(signal.SIGINT)
        assert program.wait(timeout=30) == 0
