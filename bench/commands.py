"""Runs a command of the product as a process of its own, as a person or a pod does, and times it."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.process import peak_rss_mib
from tests.support.operator_process import ENVIRONMENT

_LOOK_EVERY = 0.001
_LONGEST = 60.0


@dataclass(frozen=True, slots=True)
class Written:
    """A command that wrote a file.

    Args:
        seconds: from the process's start until the file was there; up to a millisecond too long.
        ended_seconds: until the process was gone.
        peak_mib: its resident memory at the most.

    """

    seconds: float
    ended_seconds: float
    peak_mib: float


def run_command(arguments: Sequence[str], given: str) -> float:
    """Seconds that a command takes that reads `given`.

    Raises:
        RuntimeError: it fails.

    """
    started = time.perf_counter()
    done = subprocess.run(
        _program(arguments),
        input=given,
        env=_environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=_LONGEST,
    )
    seconds = time.perf_counter() - started
    _require(done.returncode, arguments, done.stderr)
    return seconds


def run_until_written(
    arguments: Sequence[str], variables: Mapping[str, str], file: Path, program: Sequence[str] = ()
) -> Written:
    """Run a command that writes `file`, which must not be there yet.

    Args:
        arguments: of the command.
        variables: beside those that every process has.
        file: whose appearing is waited for.
        program: what is run with them; the module, if empty.

    Raises:
        RuntimeError: it fails.

    """
    seconds, peak = 0.0, 0.0
    started = time.perf_counter()
    command = [*program, *arguments] if program else _program(arguments)
    with subprocess.Popen(command, env=_environment() | dict(variables), stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            if not seconds and file.exists():
                seconds = time.perf_counter() - started
            peak = max(peak, _peak(process.pid))
            time.sleep(_LOOK_EVERY)
        ended = time.perf_counter() - started
        _, errors = process.communicate()
    _require(process.returncode, arguments, errors)
    return Written(seconds or ended, ended, peak)


def _peak(pid: int) -> float:
    try:
        return peak_rss_mib(pid)
    except ProcessLookupError:
        return 0.0  # it has ended and nobody has asked for its status yet


def _program(arguments: Sequence[str]) -> list[str]:
    return [sys.executable, "-P", "-m", "llmkeys", *arguments]


def _environment() -> dict[str, str]:
    return {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}


def _require(status: int, arguments: Sequence[str], errors: str) -> None:
    if status:
        raise RuntimeError(f"llmkeys {arguments[0]} ended with {status}: {errors.strip()}")
