"""The product's own pods on a node: which there are, and what they use."""

import json
from typing import Any, Final

from llmkeys.api.names import DEFAULT_NAMESPACE
from tests.support.node_cgroups import memory_of, processor_seconds_of
from tests.support.node_installed import Installed

HERE: Final = f"--namespace={DEFAULT_NAMESPACE}"
MIB: Final = 1 << 20

Pod = dict[str, Any]


def pods_of(installed: Installed, component: str) -> list[Pod]:
    """The pods of the controller, or of the unsealer."""
    chosen = f"--selector=app.kubernetes.io/component={component}"
    found = installed.plane.kubectl("get", "pods", HERE, chosen, "-o", "json").stdout
    items: list[Pod] = json.loads(found)["items"]
    return items


def memory(installed: Installed, pod: Pod) -> float:
    """MiB that its one container holds."""
    return memory_of(installed.cluster.layout.cgroup, _container(pod)) / MIB


def processor_seconds(installed: Installed, pod: Pod) -> float:
    """Seconds of processor time that its one container has used so far."""
    return processor_seconds_of(installed.cluster.layout.cgroup, _container(pod))


def _container(pod: Pod) -> str:
    return str(pod["status"]["containerStatuses"][0]["containerID"]).partition("//")[2]
