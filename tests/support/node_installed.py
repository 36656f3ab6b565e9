"""The product on a node, installed by its chart as README says."""

import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from tests.support.cluster import ControlPlane
from tests.support.cluster_build import Log
from tests.support.cluster_install import ROOT
from tests.support.helm_program import CHART, NAMESPACE, RELEASE, Helm, helm_program
from tests.support.node_cluster import NodeCluster


@dataclass(frozen=True)
class Installed:
    """The product on a node.

    Args:
        cluster: it runs on.
        helm: that installed it.
        seconds: from `helm install` to everything ready.

    """

    cluster: NodeCluster
    helm: Helm
    seconds: float

    @property
    def plane(self) -> ControlPlane:
        return self.cluster.plane

    @contextmanager
    def with_values(self, *values: str) -> Iterator[None]:
        """Have the release run with other values, `name=value`, until the block ends."""
        here = f"--namespace={NAMESPACE}"
        self.helm("upgrade", RELEASE, CHART, here, "--reuse-values", "--wait", *(f"--set={one}" for one in values))
        try:
            yield
        finally:
            self.helm("rollback", RELEASE, here, "--wait")


def readme_commands() -> Iterator[list[str]]:
    """What README has a person type to install the product on a cluster, the building of the image aside."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## A real cluster\n")[2]
    block = list(takewhile(lambda line: line.startswith("    "), section.strip("\n").splitlines()))
    for line in block:
        program, *arguments = shlex.split(line, comments=True)
        if program in {"kubectl", "helm"}:
            yield [program, *arguments]


def install_chart(cluster: NodeCluster, folder: Path, log: Log) -> Installed:
    """Install the chart with README's own commands: in a namespace that takes restricted pods alone, then tested.

    Args:
        cluster: with the image in it.
        folder: for what Helm keeps.
        log: gets the progress, if Helm has to be built.

    Raises:
        subprocess.CalledProcessError: Helm fails, or not everything gets ready; the error's notes hold its words.

    """
    helm = Helm(helm_program(log), folder).at(cluster.plane.kubeconfig)
    seconds = 0.0
    for program, *arguments in readme_commands():
        started = time.monotonic()
        if program == "kubectl":
            cluster.plane.kubectl(*arguments)
        else:
            helm(*(str(CHART) if one == "charts/llmkeys" else one for one in arguments))
        if arguments[0] == "install":
            seconds = time.monotonic() - started
    return Installed(cluster, helm, seconds)
