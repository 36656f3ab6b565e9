"""containerd, as a node of ours runs it: its configuration, its network for pods, and images put into it."""

import json
from pathlib import Path

from tests.support.cluster_process import Component
from tests.support.node_machine import CNI_PLUGINS, program
from tests.support.node_namespace import Namespaces
from tests.support.node_pause import PAUSE_IMAGE
from tests.support.wait import eventually

SOCKET = Path("/run/containerd/containerd.sock")
"""In the node's own `/run`."""

POD_RANGE = "10.244.0.0/22"


class Runtime:
    """containerd inside a node's namespaces."""

    def __init__(self, inside: Namespaces, folder: Path, logs: Path) -> None:
        """Describe it.

        Args:
            inside: where it runs.
            folder: gets its images, containers and configuration; not on a memory or overlay file system.
            logs: gets its log.

        """
        self._inside = inside
        self._folder = folder
        self._log = logs / "containerd.log"

    def start(self) -> Component:
        """Start it and wait until it answers."""
        (self._folder / "cni").mkdir(parents=True)
        (self._folder / "cni" / "10-pods.conflist").write_text(json.dumps(_network()), encoding="utf-8")
        configuration = self._folder / "config.toml"
        configuration.write_text(_configuration(self._folder), encoding="utf-8")
        process = self._inside.start(
            "containerd", [program("containerd"), "--config", configuration], folder=self._folder, log=self._log
        )

        def answers() -> bool:
            process.check()
            return self._inside_socket().exists()

        eventually(answers, timeout=30, message="containerd's socket")
        return process

    def import_image(self, archive: Path) -> None:
        """Put an image from a file into it (docker or OCI archive, with its name)."""
        self._ctr("images", "import", str(archive))

    def images(self) -> list[str]:
        return self._ctr("images", "list", "--quiet").split()

    def end_pod(self, namespace: str, name: str) -> None:
        """Kill all processes of a pod at once, as a power cut does."""
        of = (f'labels."io.kubernetes.pod.namespace"=={namespace}', f'labels."io.kubernetes.pod.name"=={name}')
        running = {line.split()[0] for line in self._ctr("tasks", "list").splitlines() if "RUNNING" in line}
        for container in running.intersection(self._ctr("containers", "list", "--quiet", ",".join(of)).split()):
            self._ctr("tasks", "kill", "--signal=SIGKILL", "--all", container)

    def _ctr(self, *arguments: str) -> str:
        return self._inside.run(program("ctr"), f"--address={SOCKET}", "--namespace=k8s.io", *arguments, timeout=120)

    def _inside_socket(self) -> Path:
        return self._inside.root / SOCKET.relative_to("/")


def _network() -> dict[str, object]:
    addresses = {"type": "host-local", "subnet": POD_RANGE, "routes": [{"dst": "0.0.0.0/0"}]}
    return {
        "cniVersion": "0.4.0",
        "name": "pods",
        "plugins": [{"type": "ptp", "ipam": addresses}, {"type": "portmap", "capabilities": {"portMappings": True}}],
    }


def _configuration(folder: Path) -> str:
    return f"""\
version = 2
root = "{folder}/root"
state = "/run/containerd/state"
[grpc]
address = "{SOCKET}"
[plugins."io.containerd.internal.v1.opt"]
path = "{folder}/opt"
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "{PAUSE_IMAGE}"
# Without it no sandbox starts where the score cannot be lowered.
restrict_oom_score_adj = true
stream_server_address = "127.0.0.1"
disable_apparmor = true
[plugins."io.containerd.grpc.v1.cri".cni]
bin_dir = "{CNI_PLUGINS}"
conf_dir = "{folder}/cni"
[plugins."io.containerd.grpc.v1.cri".containerd]
snapshotter = "overlayfs"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
"""
