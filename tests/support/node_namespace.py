"""Network, mounts and processes of a node's own, joined to the machine by one cable; ending them leaves nothing."""

import ipaddress
import json
import secrets
import select
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.cluster_process import Component, tail, tethered
from tests.support.node_machine import NodeUnavailableError, program

_INIT = Path(__file__).with_name("node_init.py")
_POOL = ipaddress.IPv4Network("10.213.0.0/16")
_PATIENCE = 10.0
_ATTEMPTS = 50


@dataclass(frozen=True, kw_only=True)
class Cable:
    """The two ends of the cable between the machine and the node: names and addresses."""

    name: str
    outer: ipaddress.IPv4Interface
    inner: ipaddress.IPv4Interface


class Namespaces:
    """Where all of a node's programs run."""

    def __init__(self, pid: int, cable: Cable) -> None:
        """Take what `namespaces` has made."""
        self._pid = pid
        self.address = str(cable.inner.ip)
        # Their mounts as seen from outside, proc(5).
        self.root = Path(f"/proc/{pid}/root")

    def enter(self, command: Sequence[str | Path]) -> list[str | Path]:
        """Return the command line that runs `command` in there."""
        return [program("nsenter"), f"--target={self._pid}", "--net", "--mount", "--pid", "--", *command]

    def run(self, *command: str | Path, timeout: float = 60.0) -> str:
        """Run a program in there and return its output; CalledProcessError, with its words as a note, if it fails."""
        entered = tethered(self.enter(command))
        done = subprocess.run(
            entered, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout, check=False
        )
        if done.returncode != 0:
            error = subprocess.CalledProcessError(done.returncode, list(map(str, command)), done.stdout, done.stderr)
            error.add_note(done.stderr.strip())
            raise error
        return done.stdout

    def start(self, name: str, command: Sequence[str | Path], *, folder: Path, log: Path) -> Component:
        """Start a program in there, which ends with the namespaces at the latest."""
        return Component(name, self.enter(command), folder=folder, log=log)


@contextmanager
def namespaces(folder: Path) -> Iterator[Namespaces]:
    """Make namespaces of network, mounts and processes; behind it everything in them is killed.

    Args:
        folder: empty; gets what programs write to `/run`, `/var/lib` and `/var/log` in there.

    Raises:
        NodeUnavailableError: the kernel does not let us; the text holds its words.

    """
    log = folder / "init.log"
    with log.open("wb") as errors:
        # Killing the parent kills the child, which is process 1 in there, and the kernel then kills whatever is left.
        flags = ("--net", "--mount", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc")
        process = subprocess.Popen(
            tethered([program("unshare"), *flags, sys.executable, "-I", "-S", _INIT, folder]),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            start_new_session=True,
        )
    assert process.stdout is not None
    cable = _free_cable()
    try:
        readable, _, _ = select.select([process.stdout], [], [], _PATIENCE)
        if not readable or process.stdout.readline() != b"ready\n":
            text = f"the node's namespaces cannot be made:\n{tail(log)}"
            raise NodeUnavailableError(text)
        child = int(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()[0])
        _connect(child, cable)
        yield Namespaces(child, cable)
    finally:
        # The kernel would take it away as well, when it comes to it.
        subprocess.run(["ip", "link", "delete", cable.name], capture_output=True, check=False)
        process.kill()
        process.wait()
        process.stdout.close()


def _connect(pid: int, cable: Cable) -> None:
    try:
        _ip("link", "add", cable.name, "type", "veth", "peer", "name", "node0", "netns", str(pid))
        _ip("address", "add", str(cable.outer), "dev", cable.name)
        _ip("link", "set", cable.name, "up")
        inside = ("nsenter", f"--target={pid}", "--net", "ip")
        for command in (
            ("address", "add", str(cable.inner), "dev", "node0"),
            ("link", "set", "node0", "up"),
            # kube-proxy changes the destination of what goes to a Service, but there must be a route to begin with.
            ("route", "add", "default", "via", str(cable.outer.ip)),
        ):
            subprocess.run([*inside, *command], capture_output=True, text=True, check=True)
    except subprocess.CalledProcessError as error:
        text = f"the node cannot be connected: {error.stderr.strip()}"
        raise NodeUnavailableError(text) from error


def _free_cable() -> Cable:
    """Pick four addresses that the machine has no route for."""
    taken = [
        ipaddress.ip_network(one["dst"]) for one in json.loads(_ip("-j", "-4", "route")) if one["dst"] != "default"
    ]
    for _ in range(_ATTEMPTS):
        four = ipaddress.IPv4Network((int(_POOL[0]) + 4 * secrets.randbelow(_POOL.num_addresses // 4), 30))
        if not any(four.overlaps(network) for network in taken):
            outer, inner = (ipaddress.IPv4Interface((four[number], 30)) for number in (1, 2))
            return Cable(name=f"llmk{secrets.token_hex(4)}", outer=outer, inner=inner)
    text = f"no addresses of {_POOL} are free"
    raise NodeUnavailableError(text)


def _ip(*arguments: str) -> str:
    return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=True).stdout
