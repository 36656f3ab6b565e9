"""Child processes that cannot outlive us, free ports, and telling whether a pid is still the process we knew."""

import secrets
import socket
import subprocess
import sys
from collections.abc import Sequence
from os import getpid
from pathlib import Path

LOOPBACK = "127.0.0.1"

_TETHER = Path(__file__).with_name("cluster_tether.py")
_EPHEMERAL = Path("/proc/sys/net/ipv4/ip_local_port_range")
_LOWEST_PORT = 10_000
_LOG_TAIL_LINES = 15


class ComponentEndedError(RuntimeError):
    """A program that should be running is not; the text ends with what it logged last."""


class Component:
    """One running program, its output in a file."""

    def __init__(self, name: str, command: Sequence[str | Path], *, folder: Path, log: Path) -> None:
        """Start it.

        Args:
            name: what people call it.
            command: the program's absolute path and its arguments.
            folder: its working directory.
            log: gets its output, after what is already there.

        """
        self.name = name
        self.log = log
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                tethered(command),
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                # Ctrl-C in a terminal must reach us alone: we still need the program for cleaning up.
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    def check(self) -> None:
        """Raise ComponentEndedError if it has ended."""
        status = self._process.poll()
        if status is not None:
            text = f"{self.name} ended with status {status}; its log is {self.log}:\n{tail(self.log)}"
            raise ComponentEndedError(text)

    def stop(self, *, grace: float) -> None:
        """Ask it to end, and kill it when it has not done so in `grace` seconds."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(grace)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()


def tethered(command: Sequence[str | Path]) -> list[str]:
    """Return the command line that runs `command` so that the kernel kills it when its parent ends."""
    return [sys.executable, "-I", "-S", str(_TETHER), str(getpid()), *map(str, command)]


def tail(log: Path, lines: int = _LOG_TAIL_LINES) -> str:
    """Return the last lines of a log, indented; a missing file reads as empty."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        text = ""
    return "\n".join(f"    {line}" for line in text.splitlines()[-lines:]) or "    (empty)"


def free_ports(count: int) -> list[int]:
    """Return distinct ports that nothing on loopback listens on.

    They lie below the kernel's ephemeral range: from inside it, a client that keeps calling a stopped server can be
    given that very port as its own, connect to itself, and so keep the server from coming back.
    """
    candidates = range(_LOWEST_PORT, _first_ephemeral_port())
    found: set[int] = set()
    for _ in range(1000):
        if len(found) == count:
            return sorted(found)
        port = candidates[secrets.randbelow(len(candidates))]
        if _is_free(port):
            found.add(port)
    text = f"no {count} free ports on {LOOPBACK} between {candidates.start} and {candidates.stop}"
    raise RuntimeError(text)


def _first_ephemeral_port() -> int:
    try:
        first = int(_EPHEMERAL.read_text(encoding="ascii").split()[0])
    except OSError:
        first = 0
    return first if first > _LOWEST_PORT + 1000 else 32_768


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def start_time(pid: int) -> int | None:
    """Return when a process started (clock ticks since boot, proc(5) field 22), or None if it is not there or a zombie.

    A pid together with this number names one process; a pid alone may have been given to another one since.
    """
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The second field, the program's name, may hold blanks and parentheses: count from behind it.
    fields = text.rpartition(")")[2].split()
    return None if fields[0] in {"Z", "X"} else int(fields[19])
