"""The command lines and configuration files of a cluster of one node."""

import json
from dataclasses import dataclass
from pathlib import Path

from tests.support.cluster_components import (
    Binaries,
    Layout,
    apiserver_command,
    controller_manager_command,
    etcd_command,
)
from tests.support.node_build import NodePrograms
from tests.support.node_runtime import POD_RANGE, SOCKET

NODE = "node"
DOMAIN = "cluster.local"

_ETCD_PORT = 2379
_PEER_PORT = 2380
_API_PORT = 6443

Command = list[str | Path]


@dataclass(frozen=True, kw_only=True)
class NodeLayout(Layout):
    """Where everything of one cluster lies."""

    address: str
    cgroup: str
    sync: str

    @classmethod
    def at(cls, folder: Path, address: str, cgroup: str, sync: str) -> "NodeLayout":
        """Lay out a cluster.

        Args:
            folder: its own.
            address: the node's; all ports are free there.
            cgroup: the name of the one above all of its pods.
            sync: how often the kubelet looks at each pod, and so renews what is mounted: `2s`.

        """
        (folder / "logs").mkdir()
        ports = {"etcd_port": _ETCD_PORT, "peer_port": _PEER_PORT, "port": _API_PORT}
        return cls(folder=folder, address=address, cgroup=cgroup, sync=sync, **ports)

    @property
    def server(self) -> str:
        return f"https://{self.address}:{self.port}"

    @property
    def kubeconfig(self) -> Path:
        return self.kubeconfig_of("admin")

    def kubeconfig_of(self, user: str) -> Path:
        return self.folder / f"{user}.kubeconfig"


USERS = {
    "admin": ("admin", "system:masters"),
    "kubelet": (f"system:node:{NODE}", "system:nodes"),
    "scheduler": ("system:kube-scheduler", ""),
    "proxy": ("system:kube-proxy", ""),
}
"""Name and group, by the name of the kubeconfig."""


def control_plane_commands(binaries: Binaries, layout: NodeLayout) -> dict[str, Command]:
    """The control plane's, in the order of their start; the API server listens at the node's address."""
    assert binaries.controller_manager is not None
    # The last word counts for a flag that comes twice.
    reachable = [
        f"--bind-address={layout.address}",
        f"--advertise-address={layout.address}",
        "--endpoint-reconciler-type=lease",
        "--kubelet-preferred-address-types=InternalIP",
    ]
    return {
        "etcd": etcd_command(binaries.etcd, layout),
        "kube-apiserver": apiserver_command(binaries.apiserver, layout, audit=False, flags=reachable),
        "kube-controller-manager": controller_manager_command(binaries.controller_manager, layout),
    }


def node_commands(programs: NodePrograms, layout: NodeLayout) -> dict[str, Command]:
    """The node's and the scheduler's; their configuration files are written."""
    folder = layout.folder
    (folder / "kubelet.json").write_text(json.dumps(_kubelet_configuration(layout)), encoding="utf-8")
    (folder / "resolv.conf").write_text("", encoding="ascii")
    (folder / "Corefile").write_text(_dns_configuration(layout), encoding="utf-8")
    return {
        "kubelet": [
            programs.kubelet,
            f"--config={folder / 'kubelet.json'}",
            f"--kubeconfig={layout.kubeconfig_of('kubelet')}",
            f"--hostname-override={NODE}",
            f"--node-ip={layout.address}",
            f"--root-dir={folder / 'kubelet'}",
        ],
        "kube-scheduler": [
            programs.scheduler,
            f"--kubeconfig={layout.kubeconfig_of('scheduler')}",
            "--leader-elect=false",
            "--secure-port=0",
        ],
        "kube-proxy": [
            programs.proxy,
            f"--kubeconfig={layout.kubeconfig_of('proxy')}",
            f"--hostname-override={NODE}",
            "--proxy-mode=nftables",
            f"--cluster-cidr={POD_RANGE}",
            # The machine's own limits are not ours to change.
            "--conntrack-max-per-core=0",
        ],
        "coredns": [programs.dns, "-conf", folder / "Corefile"],
    }


def _kubelet_configuration(layout: NodeLayout) -> dict[str, object]:
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": layout.address,
        "containerRuntimeEndpoint": f"unix://{SOCKET}",
        "clusterDNS": [layout.address],
        "clusterDomain": DOMAIN,
        "resolvConf": str(layout.folder / "resolv.conf"),
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{layout.cgroup}",
        "failCgroupV1": False,
        "failSwapOn": False,
        "enforceNodeAllocatable": [],
        "evictionHard": {},
        "localStorageCapacityIsolation": False,
        "maxPods": 400,
        "imageGCHighThresholdPercent": 100,
        # Only the API server and we can reach it, which have no certificate for it.
        "authentication": {"anonymous": {"enabled": True}, "webhook": {"enabled": False}},
        "authorization": {"mode": "AlwaysAllow"},
        "syncFrequency": layout.sync,
        "podLogsDir": str(layout.folder / "pod-logs"),
    }


def _dns_configuration(layout: NodeLayout) -> str:
    return f"""\
{DOMAIN}:53 {{
    errors
    kubernetes {DOMAIN} {{
        kubeconfig {layout.kubeconfig_of("admin")}
    }}
}}
"""
