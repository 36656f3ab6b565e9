"""A cluster of one real node, with pods that run: `with node_cluster(images) as cluster: …`."""

import json
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.support.cluster import ControlPlane
from tests.support.cluster_build import Log, ensure_built
from tests.support.cluster_components import Binaries
from tests.support.cluster_credentials import kubeconfig, write_private, write_service_account_keys
from tests.support.cluster_process import Component, start_time
from tests.support.cluster_source import (
    APISERVER,
    CONTROLLER_MANAGER,
    ETCD,
    EXISTING_VARIABLE,
    Built,
    ClusterUnavailableError,
    build_name,
    cache_folder,
    kubernetes_version,
)
from tests.support.node_build import NodePrograms, ensure_node_built
from tests.support.node_cgroups import cgroup, cgroups, remove_cgroup
from tests.support.node_commands import NODE, USERS, Command, NodeLayout, control_plane_commands, node_commands
from tests.support.node_machine import NodeUnavailableError, reason_against
from tests.support.node_namespace import Namespaces, namespaces
from tests.support.node_pause import write_pause_image
from tests.support.node_runtime import Runtime
from tests.support.wait import eventually

SOON: Final = "2s"
"""A changed Secret is in the pod within seconds."""
AS_USUAL: Final = "1m"
"""As kubelets do it unless told otherwise."""

PREFIX: Final = "llmkeys-node-"
"""What names of folders and control groups begin with; the process that owns them follows."""

_OWNER: Final = re.compile(rf"{PREFIX}(?P<pid>\d+)-(?P<started>\d+)-")
_TIMEOUT: Final = 60.0


class NodeCluster:
    """A cluster and its one node."""

    def __init__(self, layout: NodeLayout, inside: Namespaces) -> None:
        """Describe it; `node_cluster` starts it."""
        self.layout: Final = layout
        self.inside: Final = inside
        self.runtime: Final = Runtime(inside, layout.folder / "containerd", layout.logs)
        self._components: Final[list[Component]] = []
        self._plane: ControlPlane | None = None

    @property
    def plane(self) -> ControlPlane:
        """The API server, as other tests know it; not to be stopped."""
        assert self._plane is not None, "the cluster was not started"
        return self._plane

    def start(self, binaries: Binaries, programs: NodePrograms, images: Sequence[Path]) -> None:
        """Start everything and wait until the node is ready.

        Args:
            binaries: of the control plane.
            programs: of the node.
            images: archives to import.

        Raises:
            ComponentEndedError: a program ended.
            AssertionError: it takes too long.

        """
        tokens = {user: secrets.token_urlsafe(32) for user in USERS}
        _write_tokens(self.layout, tokens)
        commands = control_plane_commands(binaries, self.layout)
        self.run("etcd", commands.pop("etcd"))
        self.run("kube-apiserver", commands.pop("kube-apiserver"))
        self._components.append(self.runtime.start())
        pause = self.layout.folder / "pause.tar"
        write_pause_image(programs.pause, pause)
        for image in (pause, *images):
            self.runtime.import_image(image)
        self._wait(self.layout.ca_file.is_file, "the API server's certificate")
        _write_kubeconfigs(self.layout, tokens)
        for name, command in (commands | node_commands(programs, self.layout)).items():
            self.run(name, command)
        self._wait(self._join, "the API server's readiness")
        self._wait(self._is_ready, "the node's readiness")

    def check(self) -> None:
        """Raise ComponentEndedError if a program of the cluster has ended."""
        for component in self._components:
            component.check()

    def stop(self) -> None:
        """Forget everything; what still runs ends with the namespaces."""
        for component in self._components:
            component.kill()
        if self._plane is not None:
            self._plane.stop()

    def run(self, name: str, command: Command) -> Component:
        """Start a program on the node, for as long as the cluster lasts; its log is `<name>.log` in the logs."""
        log = self.layout.logs / f"{name}.log"
        component = self.inside.start(name, command, folder=self.layout.folder, log=log)
        self._components.append(component)
        return component

    def _wait(self, condition: Callable[[], object], subject: str) -> None:
        def reached() -> object:
            self.check()
            return condition()

        eventually(reached, timeout=_TIMEOUT, message=f"{subject} (logs in {self.layout.logs})")

    def _join(self) -> bool:
        try:
            existing = {EXISTING_VARIABLE: str(self.layout.kubeconfig)}
            self._plane = ControlPlane.start(lambda _: None, environ=existing)
        except ClusterUnavailableError as error:
            raise AssertionError(str(error)) from error
        return True

    def _is_ready(self) -> bool:
        """Whether the node takes pods, and accounts are there for them to have."""
        found = self.plane.kubectl("get", "node", NODE, "-o", "json", check=False).stdout
        conditions = json.loads(found)["status"].get("conditions", []) if found else []
        account = self.plane.kubectl("get", "serviceaccount", "default", "-n", "default", check=False)
        ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
        return ready and account.returncode == 0


@contextmanager
def node_cluster(
    images: Sequence[Path] = (),
    log: Log = print,
    *,
    sync: str = SOON,
    environ: Mapping[str, str] = os.environ,
    keep_logs: Path | None = None,
) -> Iterator[NodeCluster]:
    """Start a cluster of one node; behind it nothing is left: no process, mount, namespace, control group or file.

    Args:
        images: archives to import, docker's or OCI's.
        log: gets the progress, a line at a time.
        sync: how often the kubelet renews what is mounted.
        environ: decides where builds are kept.
        keep_logs: a folder that gets the logs, if the block ends with an error.

    Raises:
        NodeUnavailableError: this machine cannot; the text says why.
        ClusterUnavailableError: something cannot be built.

    """
    if reason := reason_against(environ):
        raise NodeUnavailableError(reason)
    binaries = _control_plane(environ, log)
    programs = ensure_node_built(log, environ=environ)
    sweep()
    # Named after us, so that the next one can tell whether we are gone.
    folder = Path(tempfile.mkdtemp(prefix=owned_by(os.getpid())))
    try:
        yield from _running(folder, binaries, programs, images, sync, log)
    except BaseException:
        if keep_logs is not None:
            shutil.copytree(folder / "logs", keep_logs, dirs_exist_ok=True)
            log(f"The node's logs are kept in {keep_logs}")
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _running(
    folder: Path, binaries: Binaries, programs: NodePrograms, images: Sequence[Path], sync: str, log: Log
) -> Iterator[NodeCluster]:
    started = time.monotonic()
    with cgroup(folder.name), namespaces(folder) as inside:
        cluster = NodeCluster(NodeLayout.at(folder, inside.address, folder.name, sync), inside)
        try:
            cluster.start(binaries, programs, images)
            log(f"Node ready in {time.monotonic() - started:.1f} s: {cluster.plane.server}")
            yield cluster
        finally:
            cluster.stop()


def owned_by(pid: int) -> str:
    """What the names of a process's folders and control groups begin with."""
    return f"{PREFIX}{pid}-{start_time(pid)}-"


def sweep() -> None:
    """Remove what nodes have left whose owner was killed: empty control groups, files."""
    for name in cgroups(PREFIX):
        if _is_orphan(name):
            remove_cgroup(name)
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if _is_orphan(folder.name):
            shutil.rmtree(folder, ignore_errors=True)


def _is_orphan(name: str) -> bool:
    owner = _OWNER.match(name)
    return owner is not None and start_time(int(owner["pid"])) != int(owner["started"])


def _control_plane(environ: Mapping[str, str], log: Log) -> Binaries:
    # Not the one that `cluster_source.resolve` finds: a node must be of the API server's version.
    source = Built(folder=cache_folder(environ) / build_name(), kubernetes=kubernetes_version())
    folder = ensure_built(source, environ=environ, log=log)
    return Binaries(etcd=folder / ETCD, apiserver=folder / APISERVER, controller_manager=folder / CONTROLLER_MANAGER)


def _write_tokens(layout: NodeLayout, tokens: Mapping[str, str]) -> None:
    write_service_account_keys(layout.signing_key, layout.verifying_key)
    lines = [f'{tokens[user]},{name},{user},"{group}"' for user, (name, group) in USERS.items()]
    write_private(layout.tokens, "".join(f"{line}\n" for line in lines).encode())


def _write_kubeconfigs(layout: NodeLayout, tokens: Mapping[str, str]) -> None:
    ca = layout.ca_file.read_bytes()
    for user, token in tokens.items():
        content = kubeconfig(server=layout.server, ca=ca, token=token)
        write_private(layout.kubeconfig_of(user), content)
