"""What clients of the cluster make of an object, asked of their own libraries: kstatus, and Lua health scripts."""

import json
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.cluster_build import Log
from tests.support.go_program import built

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
