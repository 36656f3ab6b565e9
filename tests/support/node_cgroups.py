"""A control group of a node's own in every hierarchy, above all of its pods, so that nodes do not meet."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.support.wait import eventually

_MOUNTS = Path("/proc/self/mounts")
_CPUSET = ("cpuset.cpus", "cpuset.mems")
# A group counts against the machine's other processes like one of them; this one holds some sixteen.
_SHARE = {"cpu.shares": "16384", "cpu.weight": "1600"}
_TIMEOUT = 20.0


@dataclass(frozen=True)
class Hierarchies:
    """Where control groups are made: a folder for each controller (version 1), or one for all (version 2)."""

    first: list[Path]
    second: list[Path]

    @classmethod
    def read(cls, mounts: str) -> "Hierarchies":
        """Find them in lines as /proc/self/mounts has them, proc(5)."""
        found: dict[str, list[Path]] = {"cgroup": [], "cgroup2": []}
        for line in mounts.splitlines():
            _, folder, kind, *_ = line.split()
            if kind in found:
                found[kind].append(Path(folder))
        return cls(found["cgroup"], found["cgroup2"])

    @property
    def used(self) -> list[Path]:
        """Those that kubelets work with; where both versions are mounted, the first."""
        return self.first or self.second

    @property
    def all(self) -> list[Path]:
        return self.first + self.second


def hierarchies() -> Hierarchies:
    return Hierarchies.read(_MOUNTS.read_text(encoding="utf-8"))


@contextmanager
def cgroup(name: str) -> Iterator[None]:
    """Make it; behind it, when its processes are gone, remove it with all below."""
    try:
        for hierarchy in hierarchies().used:
            _make(hierarchy, hierarchy / name)
        yield
    finally:
        remove_cgroup(name)


def cgroups(prefix: str) -> set[str]:
    """The names of groups that begin so."""
    return {folder.name for hierarchy in hierarchies().all for folder in hierarchy.glob(f"{prefix}*")}


def remove_cgroup(name: str) -> None:
    """Remove a group that has, or soon will have, no process in it.

    Raises:
        AssertionError: processes stay in it.

    """
    # The container runtime also makes groups in a version that the kubelet does not use.
    for folder in (hierarchy / name for hierarchy in hierarchies().all):
        if folder.exists():
            eventually(lambda folder=folder: _removed(folder), timeout=_TIMEOUT, message=f"the end of {folder}")  # type: ignore[misc]


def memory_of(name: str, container: str) -> int:
    """Bytes of memory that a container's processes hold themselves, the cache of files left out.

    Args:
        name: of the node's group.
        container: its id, as its runtime has it.

    """
    lines = dict(line.split() for line in _of(name, container, "memory.stat").splitlines())
    return int(lines.get("total_rss") or lines["anon"])


def processor_seconds_of(name: str, container: str) -> float:
    """Seconds of processor time that a container has used so far; arguments as above."""
    try:
        return int(_of(name, container, "cpuacct.usage")) / 1e9
    except LookupError:
        lines = dict(line.split() for line in _of(name, container, "cpu.stat").splitlines())
        return int(lines["usage_usec"]) / 1e6


def _of(name: str, container: str, file: str) -> str:
    """What a file of a container's group holds, in the hierarchy that has such a file."""
    for hierarchy in hierarchies().used:
        for found in (hierarchy / name).glob(f"**/{container}/{file}"):
            return found.read_text(encoding="ascii")
    text = f"there is no {file} of container {container}"
    raise LookupError(text)


def _make(hierarchy: Path, folder: Path) -> None:
    folder.mkdir()
    available = hierarchy / "cgroup.controllers"
    if available.exists():
        # Version 2: what is not handed down is not there below.
        wanted = " ".join(f"+{one}" for one in available.read_text(encoding="ascii").split())
        for each in (hierarchy, folder):
            (each / "cgroup.subtree_control").write_text(wanted, encoding="ascii")
    for file, share in _SHARE.items():
        if (folder / file).exists():
            (folder / file).write_text(share, encoding="ascii")
    for file in _CPUSET:
        # Version 1: a new group may use no processor and no memory until it is told which.
        if not available.exists() and (hierarchy / file).exists():
            (folder / file).write_text((hierarchy / file).read_text(encoding="ascii"), encoding="ascii")


def _removed(folder: Path) -> bool:
    # The files in there are the kernel's and go with their folders.
    below = sorted((one for one in folder.rglob("*") if one.is_dir()), key=lambda one: len(one.parts), reverse=True)
    try:
        for each in (*below, folder):
            each.rmdir()
    except OSError as error:
        raise AssertionError(str(error)) from error
    return True
