"""A real Helm, built once into the cache, and what a test does with the chart."""

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.support.cluster_build import Log
from tests.support.cluster_install import ROOT
from tests.support.cluster_source import ClusterUnavailableError
from tests.support.go_program import built

CHART = ROOT / "charts" / "llmkeys"
EXISTING_VARIABLE = "LLMKEYS_TEST_HELM"
RELEASE = "llmkeys"
NAMESPACE = "llmkeys-system"
# Without a cluster, what Helm takes for one depends on how it was built.
KUBERNETES = "--kube-version=1.36.0"

_MODULE = Path(__file__).with_name("helm")
_PACKAGE = "helm.sh/helm/v4/cmd/helm"

Object = dict[str, Any]


class Helm:
    """Helm's own command line, with its files in a folder of the test and no plug-ins.

    Args:
        program: to run.
        folder: for what it keeps.
        kubeconfig: of the cluster; without one it can render and lint alone.

    """

    def __init__(self, program: Path, folder: Path, kubeconfig: Path | None = None) -> None:
        self._program = program
        self._folder = folder
        self._kubeconfig = kubeconfig
        self._printed: dict[tuple[object, ...], str] = {}

    def at(self, kubeconfig: Path) -> "Helm":
        """The same with a cluster."""
        return Helm(self._program, self._folder, kubeconfig)

    def __call__(self, *arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run it.

        Args:
            *arguments: of the command line.
            check: raise CalledProcessError, with Helm's own words as a note, if it fails.

        """
        homes = {f"HELM_{kind}_HOME": str(self._folder / kind.lower()) for kind in ("CACHE", "CONFIG", "DATA")}
        # A file that is not there: never the cluster of whoever runs the tests.
        kubeconfig = self._kubeconfig or self._folder / "none"
        environ = {"PATH": os.environ["PATH"], "HOME": str(self._folder), "KUBECONFIG": str(kubeconfig), **homes}
        done = subprocess.run(
            [self._program, *map(str, arguments)],
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        if check and done.returncode != 0:
            error = subprocess.CalledProcessError(done.returncode, done.args, done.stdout, done.stderr)
            error.add_note(done.stderr.strip())
            raise error
        return done

    def text(self, *arguments: str | Path, namespace: str = NAMESPACE, chart: Path = CHART) -> str:
        """What `helm template` prints; the same question is asked once."""
        asked = (chart, f"--namespace={namespace}", KUBERNETES, *arguments)
        if asked not in self._printed:
            self._printed[asked] = self("template", RELEASE, *asked).stdout
        return self._printed[asked]

    def render(self, *arguments: str | Path, namespace: str = NAMESPACE, chart: Path = CHART) -> list[Object]:
        """The objects that `helm template` prints."""
        text = self.text(*arguments, namespace=namespace, chart=chart)
        return [one for one in yaml.safe_load_all(text) if one]

    def refusal(self, *arguments: str | Path) -> str:
        """Helm's words about values that it must refuse."""
        done = self("template", RELEASE, CHART, KUBERNETES, *arguments, check=False)
        assert done.returncode != 0, "it rendered"
        return done.stderr


def helm_program(log: Log = print) -> Path:
    """The Helm that the environment names, else ours.

    Raises:
        ClusterUnavailableError: there is none, or it cannot be built.

    """
    if named := os.environ.get(EXISTING_VARIABLE):
        program = Path(named).expanduser().absolute()
        if not program.is_file():
            text = f"{EXISTING_VARIABLE} names {program}, which is not a file"
            raise ClusterUnavailableError(text)
        return program
    return built(_MODULE, "helm", package=_PACKAGE, log=log)


def identity(one: Object) -> tuple[str, str, str]:
    """Kind, namespace and name of an object."""
    metadata = one["metadata"]
    return one["kind"], metadata.get("namespace", ""), metadata["name"]


def by_identity(objects: Sequence[Object]) -> dict[tuple[str, str, str], Object]:
    """Objects by kind, namespace and name, each once."""
    found = {identity(one): one for one in objects}
    assert len(found) == len(objects), "an object is there twice"
    return found
