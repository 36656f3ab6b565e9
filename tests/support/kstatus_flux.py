"""Flux's kustomize-controller at work, with commits that are written by hand: no Git server, no source-controller.

A commit is what source-controller makes of it: an archive over HTTP, and its address in the status of a GitRepository.
"""

import hashlib
import io
import json
import os
import subprocess
import tarfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

import yaml

from tests.support.admin_api import AdminApi
from tests.support.cluster import ControlPlane
from tests.support.cluster_build import toolchain as go_toolchain
from tests.support.cluster_process import LOOPBACK, Component, free_ports
from tests.support.cluster_source import cache_folder
from tests.support.go_program import built

CONTROLLER: Final = "github.com/fluxcd/kustomize-controller"
SOURCES: Final = "github.com/fluxcd/source-controller@v1.7.2"
NAMESPACE: Final = "flux-system"
_TOOLKIT: Final = "toolkit.fluxcd.io"
Object = dict[str, Any]


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  as in the class above
        pass


class Flux:
    """A Kustomization, and the commits that it applies."""

    def __init__(self, plane: ControlPlane, folder: Path, address: str) -> None:
        self._api = AdminApi(plane)
        self._folder = folder
        self._address = address
        self._commits = 0

    def commit(self, name: str, manifests: Sequence[Object]) -> str:
        """Have a GitRepository show a new revision with these manifests and no others; its name."""
        self._commits += 1
        content = _archive({"all.yaml": yaml.safe_dump_all(manifests)})
        file = f"{name}-{self._commits}.tar.gz"
        (self._folder / file).write_bytes(content)
        path = f"/apis/source.{_TOOLKIT}/v1/namespaces/{NAMESPACE}/gitrepositories"
        if self._api.get(f"{path}/{name}") is None:
            spec = {"interval": "1h", "url": "https://git.example.com/team.git"}
            body = {"apiVersion": f"source.{_TOOLKIT}/v1", "kind": "GitRepository", "metadata": {"name": name}}
            self._api.create(path, {**body, "spec": spec})
        revision = f"main@sha1:{self._commits:040x}"
        artifact = {
            "path": file,
            "url": f"{self._address}/{file}",
            "revision": revision,
            "digest": f"sha256:{hashlib.sha256(content).hexdigest()}",
            "lastUpdateTime": "2026-01-01T00:00:00Z",
            "size": len(content),
        }
        ready = {
            "type": "Ready",
            "status": "True",
            "reason": "Succeeded",
            "message": revision,
            "lastTransitionTime": "2026-01-01T00:00:00Z",
            "observedGeneration": 1,
        }
        status = {"observedGeneration": 1, "artifact": artifact, "conditions": [ready]}
        self._api.merge(f"{path}/{name}/status", {"status": status})
        return revision

    def kustomization(self, name: str, **spec: object) -> None:
        """Apply what the GitRepository of the same name shows."""
        metadata = {"name": name}
        usual = {"interval": "1h", "retryInterval": "2s", "path": "./", "prune": True}
        usual |= {"sourceRef": {"kind": "GitRepository", "name": name}}
        body = {"apiVersion": f"kustomize.{_TOOLKIT}/v1", "kind": "Kustomization", "metadata": metadata}
        self._api.create(self._path(), {**body, "spec": {**usual, **spec}})

    def ready(self, name: str) -> tuple[str, str, str]:
        """Status, reason and message of its Ready."""
        status: Object = self._api.get(f"{self._path()}/{name}").get("status", {})
        (found,) = [one for one in status.get("conditions", []) if one["type"] == "Ready"] or [{}]
        return found.get("status", ""), found.get("reason", ""), found.get("message", "")

    def _path(self) -> str:
        return f"/apis/kustomize.{_TOOLKIT}/v1/namespaces/{NAMESPACE}/kustomizations"


@contextmanager
def flux(plane: ControlPlane, module: Path, folder: Path) -> Iterator[Flux]:
    """Install the definitions of Flux's kinds, and run its controller as the cluster's admin.

    Args:
        plane: where.
        module: that pins the controller's version.
        folder: gets the archives, and the controller's log.

    """
    binary = built(module, "kustomize-controller", package=CONTROLLER)
    kustomize, sources = (_sources(module, name) / "config" / "crd" / "bases" for name in (CONTROLLER, SOURCES))
    plane.kubectl("apply", "--server-side", "-f", kustomize, "-f", sources)
    plane.kubectl("wait", "--for=condition=Established", "--timeout=30s", "-f", kustomize, "-f", sources)
    plane.kubectl("create", "namespace", NAMESPACE)
    served = folder / "archives"
    served.mkdir()
    with _served(served) as address:
        metrics, health = free_ports(2)
        controller = Component(
            "kustomize-controller",
            [
                "/usr/bin/env",
                f"KUBECONFIG={plane.kubeconfig}",
                f"RUNTIME_NAMESPACE={NAMESPACE}",
                binary,
                f"--metrics-addr={LOOPBACK}:{metrics}",
                f"--health-addr={LOOPBACK}:{health}",
                "--watch-all-namespaces",
            ],
            folder=folder,
            log=folder / "kustomize-controller.log",
        )
        try:
            yield Flux(plane, served, address)
        finally:
            controller.stop(grace=5)


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    server = ThreadingHTTPServer((LOOPBACK, 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, name="archives", daemon=True)
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _archive(files: Mapping[str, str]) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            archive.addfile(entry, io.BytesIO(text.encode()))
    return content.getvalue()


def _sources(module: Path, name: str) -> Path:
    """The folder with the sources of a Go module, downloaded if need be; without a version that of the build list."""
    go, environ = go_toolchain(cache_folder(os.environ), environ=os.environ, log=print)
    command = [go, "mod", "download", "-json", name]
    environ = {**environ, "GOTOOLCHAIN": "local", "GOWORK": "off"}
    done = subprocess.run(command, cwd=module, env=environ, capture_output=True, text=True, check=True)
    return Path(json.loads(done.stdout)["Dir"])
