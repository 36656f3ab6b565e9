"""A real Kubernetes API server for tests, the demo and the bench: `with ControlPlane.start() as plane: …`."""

import json
import os
import secrets
import shutil
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.support.cluster_build import Log, ensure_built
from tests.support.cluster_components import Binaries, Components, Layout
from tests.support.cluster_credentials import endpoint, kubeconfig, write_private
from tests.support.cluster_process import ComponentEndedError
from tests.support.cluster_source import (
    APISERVER,
    ASSETS_VARIABLE,
    CONTROLLER_MANAGER,
    ETCD,
    EXISTING_VARIABLE,
    Assets,
    Built,
    ClusterUnavailableError,
    Existing,
    Source,
    resolve,
)

_ATTEMPTS = 3


class NotOursError(RuntimeError):
    """The control plane is somebody else's: it can be used, not stopped or restarted."""


class ControlPlane:
    """An API server to test on, and what a test does with it.

    Notes:
        The processes die with the thread that called `start` (that is how Linux defines "parent" here): call it from
        the main thread, or from one that lives as long as the control plane is needed.

    """

    def __init__(self, *, kubeconfig: Path, folder: Path, components: Components | None) -> None:
        """Take what `start` has made; nobody else calls this."""
        self.kubeconfig = kubeconfig
        self._folder = folder
        self._components = components
        flattened = json.loads(self.kubectl("config", "view", "--raw", "--minify", "--flatten", "-o", "json").stdout)
        self.server, self._ca = endpoint(flattened)
        self.ca_file = folder / "ca.crt"
        self.ca_file.write_bytes(self._ca)

    @classmethod
    def start(
        cls,
        log: Log = print,
        *,
        environ: Mapping[str, str] = os.environ,
        apiserver_flags: Sequence[str] = (),
        audit: bool = False,
    ) -> Self:
        """Join the existing cluster that the environment names, or start a control plane.

        Args:
            log: gets the progress, a line at a time.
            environ: decides where it comes from, see `cluster_source.resolve`.
            apiserver_flags: more flags for kube-apiserver; an existing cluster cannot have any.
            audit: write an audit log at level Metadata (`audit_log`).

        Raises:
            ClusterUnavailableError: there is none and none can be started; the text says why and names the logs.

        """
        source = resolve(environ)
        if isinstance(source, Existing):
            if apiserver_flags or audit:
                text = f"{EXISTING_VARIABLE} names a cluster whose flags are not ours: unset it to run this"
                raise ClusterUnavailableError(text)
            return cls._join(source, log)
        binaries = _binaries(source, environ, log)
        return cls._launch(binaries, log, apiserver_flags=apiserver_flags, audit=audit)

    @classmethod
    def _join(cls, source: Existing, log: Log) -> Self:
        folder = _new_folder()
        try:
            plane = cls(kubeconfig=source.kubeconfig, folder=folder, components=None)
            log(f"Using the existing cluster at {plane.server} ({EXISTING_VARIABLE}), Kubernetes {plane.version()}")
        except (OSError, ValueError, LookupError, subprocess.CalledProcessError) as error:
            shutil.rmtree(folder)
            text = f"the cluster that {EXISTING_VARIABLE} names cannot be used: {_explain(error)}"
            raise ClusterUnavailableError(text) from error
        return plane

    @classmethod
    def _launch(cls, binaries: Binaries, log: Log, *, apiserver_flags: Sequence[str], audit: bool) -> Self:
        for attempt in range(1, _ATTEMPTS + 1):
            started = time.monotonic()
            folder = _new_folder()
            components = Components(Layout.make(folder), binaries, audit=audit, apiserver_flags=apiserver_flags)
            try:
                components.start()
                plane = cls(kubeconfig=components.layout.kubeconfig, folder=folder, components=components)
            except ComponentEndedError as error:
                components.stop()
                # Between our choosing a port and a component's taking it, somebody else may have.
                if "address already in use" in str(error) and attempt < _ATTEMPTS:
                    shutil.rmtree(folder)
                    continue
                raise ClusterUnavailableError(str(error)) from error
            except BaseException:
                components.stop()
                raise
            log(f"Control plane ready in {time.monotonic() - started:.1f} s: {plane.server} (logs in {plane.logs})")
            return plane
        raise AssertionError("the last attempt returns or raises")

    @property
    def owned(self) -> bool:
        """Whether it is ours to stop and restart."""
        return self._components is not None

    @property
    def has_controllers(self) -> bool:
        """Whether garbage collection and the deletion of namespaces work; an existing cluster is taken to have them."""
        return self._components is None or self._components.has_controllers

    @property
    def pids(self) -> dict[str, int]:
        """The process ids by program; empty for an existing cluster."""
        return self._components.pids if self._components else {}

    @property
    def etcd(self) -> str:
        """URL of the etcd behind an API server of ours."""
        assert self._components is not None, "the etcd of an existing cluster is not ours to read"
        return f"http://127.0.0.1:{self._components.layout.etcd_port}"

    @property
    def logs(self) -> Path | None:
        """The folder of the components' logs, `kube-apiserver.log` and the like; None for an existing cluster."""
        return self._components.layout.logs if self._components else None

    @property
    def audit_log(self) -> Path | None:
        """The audit log, a JSON object a line, if `start` was asked for one."""
        file = self._components.layout.audit_log if self._components else None
        return file if file and file.exists() else None

    def version(self) -> str:
        """Return the server's version, such as `v1.36.3`."""
        return str(json.loads(self.kubectl("get", "--raw", "/version").stdout)["gitVersion"])

    def kubectl(
        self,
        *args: str | Path,
        input: str | None = None,  # noqa: A002 (named as in subprocess.run)
        check: bool = True,
        kubeconfig: Path | None = None,
        timeout: float = 60.0,
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl, as the admin unless told otherwise.

        Args:
            *args: its arguments.
            input: its standard input, for `-f -`.
            check: raise CalledProcessError, with kubectl's own words as a note, if it fails.
            kubeconfig: whom to run it as.
            timeout: seconds until it is killed (TimeoutExpired).

        """
        done = subprocess.run(
            [kubectl_program(), f"--kubeconfig={kubeconfig or self.kubeconfig}", *map(str, args)],
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            text=True,
            check=False,
            timeout=timeout,
        )
        if check and done.returncode != 0:
            error = subprocess.CalledProcessError(done.returncode, done.args, done.stdout, done.stderr)
            error.add_note(done.stderr.strip())
            raise error
        return done

    def new_namespace(self, prefix: str = "test") -> str:
        """Create a namespace that nobody else uses, and return its name."""
        name = f"{prefix}-{secrets.token_hex(4)}"
        self.kubectl("create", "namespace", name)
        return name

    def delete_namespace(self, name: str, *, wait: bool = False) -> None:
        """Delete a namespace; its content goes a few seconds later, and only `wait` stays until it has."""
        self.kubectl("delete", "namespace", name, "--ignore-not-found", f"--wait={str(wait).lower()}")

    def service_account_kubeconfig(self, namespace: str, name: str) -> Path:
        """Return a kubeconfig, valid for a day, with which to be that existing ServiceAccount and nobody more."""
        token = self.kubectl("create", "token", name, f"--namespace={namespace}", "--duration=24h").stdout.strip()
        content = kubeconfig(server=self.server, ca=self._ca, token=token, namespace=namespace)
        return write_private(self._folder / f"{namespace}.{name}.kubeconfig", content)

    def stop_apiserver(self, *, grace: float = 1.0) -> None:
        """Take the API server away; its data stay. After `grace` seconds it is killed (0: at once)."""
        self._own().stop_apiserver(grace=grace)

    def start_apiserver(self) -> None:
        """Bring a stopped API server back, at the same address and with the same data; returns when it is ready."""
        self._own().start_apiserver()

    def restart_apiserver(self) -> None:
        self.stop_apiserver()
        self.start_apiserver()

    def _own(self) -> Components:
        if self._components is None:
            text = f"the cluster that {EXISTING_VARIABLE} names is not ours to restart"
            raise NotOursError(text)
        return self._components

    def stop(self, *, keep_files: bool = False) -> None:
        """Stop what was started and remove its files, or keep them to read the logs. Calling it again does nothing."""
        if self._components is not None:
            self._components.stop()
        if not keep_files:
            shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _new_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="llmkeys-cluster-"))


def _binaries(source: Source, environ: Mapping[str, str], log: Log) -> Binaries:
    if isinstance(source, Built):
        folder = ensure_built(source, environ=environ, log=log)
        return Binaries(
            etcd=folder / ETCD, apiserver=folder / APISERVER, controller_manager=folder / CONTROLLER_MANAGER
        )
    if not isinstance(source, Assets):
        raise TypeError("an existing cluster has no binaries")
    if source.controller_manager is None:
        log(
            f"{ASSETS_VARIABLE} holds no {CONTROLLER_MANAGER}: garbage collection, the deletion of namespaces and "
            "default ServiceAccounts do not work on this control plane. Unset the variable to have all of them."
        )
    return Binaries(etcd=source.etcd, apiserver=source.apiserver, controller_manager=source.controller_manager)


def kubectl_program() -> str:
    """Return the path of the kubectl that tests run: the one installed beside this Python, else one on the PATH."""
    packaged = Path(sysconfig.get_path("scripts")) / "kubectl"
    found = str(packaged) if packaged.is_file() else shutil.which("kubectl")
    if found is None:
        raise ClusterUnavailableError("this Python has no kubectl: install requirements/dev.txt (`make setup`)")
    return found


def _explain(error: Exception) -> str:
    return error.stderr.strip() if isinstance(error, subprocess.CalledProcessError) else str(error)
