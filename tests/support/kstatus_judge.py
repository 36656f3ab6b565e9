"""What clients of the cluster make of an object, asked of their own libraries: kstatus, and Lua health scripts."""

import hashlib
import json
import os
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.cluster_build import Log, locked, run_visibly
from tests.support.cluster_build import toolchain as go_toolchain
from tests.support.cluster_source import cache_folder

MODULE = Path(__file__).with_name("kstatus")


@dataclass(frozen=True)
class Verdict:
    """What is said of one object."""

    status: str
    message: str


class Judge:
    """A program that reads objects and says of each how it fares.

    Args:
        binary: to run.

    """

    def __init__(self, binary: Path) -> None:
        self._binary = binary

    def by_kstatus(self, *objects: dict[str, Any]) -> list[Verdict]:
        """InProgress, Current, Failed or Terminating, as Flux, Helm and kpt see it."""
        return self._ask((), objects)

    def by_script(self, script: Path, *objects: dict[str, Any]) -> list[Verdict]:
        """Progressing, Healthy, Degraded or Suspended, by a health script as Argo CD runs it."""
        return self._ask((script,), objects)

    def _ask(self, arguments: Iterable[Path], objects: Iterable[dict[str, Any]]) -> list[Verdict]:
        command = [self._binary, *arguments]
        done = subprocess.run(command, input=json.dumps(list(objects)), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return [Verdict(**one) for one in json.loads(done.stdout)]


def kstatus_judge(log: Log = print) -> Judge:
    """Return the judge with both libraries, built once into the cache.

    Raises:
        ClusterUnavailableError: it cannot be built; the text names the build's log.

    """
    return Judge(built(MODULE, "kstatus", log=log))


def built(module: Path, name: str, *, package: str = ".", log: Log = print) -> Path:
    """Build a Go program into the cache, or find it there.

    Args:
        module: the folder with its go.mod and go.sum.
        name: what the program is called there.
        package: of the module's build list, where it is not the module itself.
        log: gets the progress, a line at a time.

    Raises:
        ClusterUnavailableError: it cannot be built; the text names the build's log.

    """
    made_of = b"\0".join(
        file.read_bytes() for file in sorted(module.glob("*")) if file.suffix in {".go", ".mod", ".sum"}
    )
    cache = cache_folder(os.environ)
    cache.mkdir(parents=True, exist_ok=True)
    binary = cache / f"{name}-{hashlib.sha256(made_of).hexdigest()[:12]}"
    with locked(cache / f"{name}.lock", log=log, waiting_for=f"another process that builds {name}"):
        if not binary.is_file():
            _build(module, binary, package, name, log)
    return binary


def _build(module: Path, binary: Path, package: str, name: str, log: Log) -> None:
    go, environ = go_toolchain(binary.parent, environ=os.environ, log=log)
    staged = binary.with_suffix(".staged")
    run_visibly(
        [go, "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", staged, package],
        title=f"go build of {name}",
        folder=module,
        environ={**environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"},
        output=binary.parent / f"{name}.log",
        log=log,
    )
    staged.rename(binary)
