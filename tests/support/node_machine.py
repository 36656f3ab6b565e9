"""Whether this machine can be a Kubernetes node, and which packages would make it one."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from tests.support.node_cgroups import hierarchies

PACKAGES = {
    "containerd": "containerd",
    "ctr": "containerd",
    "runc": "runc",
    "nft": "nftables",
    "iptables": "iptables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "unshare": "util-linux",
    "nsenter": "util-linux",
    "buildah": "buildah",
    "debootstrap": "debootstrap",
}
"""The Debian package of each program that is needed."""

CNI_PLUGINS = Path("/usr/lib/cni")
_CNI_PACKAGE = "containernetworking-plugins"


class NodeUnavailableError(RuntimeError):
    """There is no node to test on; the text says why and what to do."""


def reason_against(environ: Mapping[str, str] = os.environ) -> str | None:
    """Say why this machine cannot be a node; None if it can.

    Args:
        environ: the environment's variables; PATH is where programs are looked for.

    """
    if os.geteuid() != 0:
        return "only root can start a node (namespaces, mounts, cgroups)"
    if missing := missing_packages(environ):
        return f"not installed, see `make node-packages`: {' '.join(sorted(missing))}"
    if not hierarchies().used:
        return "no cgroup hierarchy is mounted"
    return None


def missing_packages(environ: Mapping[str, str]) -> set[str]:
    """Name the Debian packages that a node needs and this machine does not have; arguments as above."""
    missing = {package for name, package in PACKAGES.items() if shutil.which(name, path=environ.get("PATH")) is None}
    return missing if (CNI_PLUGINS / "ptp").exists() else missing | {_CNI_PACKAGE}


def program(name: str) -> Path:
    """Return where a program is.

    Raises:
        NodeUnavailableError: it is not installed.

    """
    found = shutil.which(name)
    if found is None:
        text = f"{name} is not installed"
        raise NodeUnavailableError(text)
    return Path(found)
