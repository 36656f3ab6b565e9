"""The product on a node, installed by its chart as README says."""

import json
import time
from dataclasses import dataclass
from pathlib import Path

from llmkeys.api.names import DEFAULT_NAMESPACE
from tests.support.cluster import ControlPlane
from tests.support.cluster_build import Log
from tests.support.helm_program import CHART, RELEASE, Helm, helm_program
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


def install_chart(cluster: NodeCluster, folder: Path, log: Log) -> Installed:
    """Install the chart with its defaults, in a namespace that takes restricted pods alone.

    Args:
        cluster: with the image in it.
        folder: for what Helm keeps.
        log: gets the progress, if Helm has to be built.

    Raises:
        subprocess.CalledProcessError: Helm fails, or not everything gets ready; the error's notes hold its words.

    """
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": DEFAULT_NAMESPACE, "labels": labels}}
    cluster.plane.kubectl("create", "-f", "-", input=json.dumps(namespace))
    helm = Helm(helm_program(log), folder).at(cluster.plane.kubeconfig)
    started = time.monotonic()
    helm("install", RELEASE, CHART, f"--namespace={DEFAULT_NAMESPACE}", "--wait", "--timeout=110s")
    return Installed(cluster, helm, time.monotonic() - started)
