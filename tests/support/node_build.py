"""Build a node's programs from Go source, once, into the cache of the control plane."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.cluster_build import Log, locked, run_visibly, staged, toolchain
from tests.support.cluster_source import cache_folder, kubernetes_version

MODULE = Path(__file__).with_name("node")
_DNS_MODULE = MODULE / "dns"
_SOURCES = ("go.mod", "main.go", "pause/main.go", "dns/go.mod", "dns/main.go")
_VERSION_SYMBOLS = "k8s.io/component-base/version"
_KUBERNETES = ("kubelet", "kube-scheduler", "kube-proxy")


@dataclass(frozen=True, kw_only=True)
class NodePrograms:
    """Where a node's programs are."""

    folder: Path

    @property
    def kubelet(self) -> Path:
        return self.folder / "kubelet"

    @property
    def scheduler(self) -> Path:
        return self.folder / "kube-scheduler"

    @property
    def proxy(self) -> Path:
        return self.folder / "kube-proxy"

    @property
    def dns(self) -> Path:
        return self.folder / "coredns"

    @property
    def pause(self) -> Path:
        """What runs in every pod to hold its namespaces."""
        return self.folder / "pause"


def ensure_node_built(log: Log = print, *, environ: Mapping[str, str] = os.environ) -> NodePrograms:
    """Return the node's programs, after building them if the cache does not hold them.

    Args:
        log: gets the progress, a line at a time.
        environ: the environment for Go and pip; decides where the cache is.

    Raises:
        ClusterUnavailableError: they cannot be built; the text names the build's log.

    """
    version = kubernetes_version(MODULE)
    made_of = b"\0".join((MODULE / name).read_bytes() for name in _SOURCES)
    cache = cache_folder(environ)
    folder = cache / f"node-{version}-{hashlib.sha256(made_of).hexdigest()[:12]}"
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / "build.lock", log=log, waiting_for="another process that builds for tests"):
        if not folder.is_dir():
            log(f"Building {', '.join(_KUBERNETES)} {version} and CoreDNS from Go source, once, into {folder}.")
            log("This takes 2 to 4 minutes on 2 cores if the control plane was built before, else up to 10.")
            with staged(folder) as staging:
                _build(staging, version, cache=cache, environ=environ, log=log)
    return NodePrograms(folder=folder)


def _build(staging: Path, version: str, *, cache: Path, environ: Mapping[str, str], log: Log) -> None:
    go, go_environ = toolchain(cache, environ=environ, log=log)
    major, minor, _ = version.split(".")
    stamps = {"gitVersion": f"v{version}", "gitMajor": major, "gitMinor": minor}
    stamped = " ".join(f"-X {_VERSION_SYMBOLS}.{name}={value}" for name, value in stamps.items())

    def build(name: str, folder: Path, package: str, flags: str = "") -> None:
        run_visibly(
            [
                *(go, "build", "-v", "-trimpath", "-buildvcs=false", "-ldflags", f"-s -w {flags}"),
                *("-o", staging / name, package),
            ],
            title=f"go build of {name}",
            folder=folder,
            environ={**go_environ, "CGO_ENABLED": "0", "GOTOOLCHAIN": "local", "GOWORK": "off"},
            output=cache / "build-node.log",
            log=log,
        )

    build("node", MODULE, ".", stamped)
    build("pause", MODULE, "./pause")
    build("coredns", _DNS_MODULE, ".")
    # The program runs the component that it is named after.
    for name in _KUBERNETES:
        (staging / name).symlink_to("node")
