"""etcd, kube-apiserver and kube-controller-manager as processes of ours: their command lines, their order."""

import http.client
import secrets
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support import audit_trail
from tests.support.cluster_credentials import kubeconfig, write_private, write_service_account_keys
from tests.support.cluster_process import LOOPBACK, Component, free_ports, tail
from tests.support.cluster_source import APISERVER, CONTROLLER_MANAGER, ETCD, ClusterUnavailableError

READY_TIMEOUT = 60.0  # seconds; 3 to 5 are usual, a busy machine needs more
_GRACE = 5.0
_POLL = 0.05

# Accounts like our own only, in whichever namespace: all that the others do would be too much to keep.
_AUDIT_POLICY = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
  - {level: None, userGroups: ["system:serviceaccounts:kube-system"]}
  - {level: Metadata, userGroups: ["system:serviceaccounts"]}
  - {level: None}
"""


@dataclass(frozen=True, kw_only=True)
class Binaries:
    """The programs to run."""

    etcd: Path
    apiserver: Path
    controller_manager: Path | None


@dataclass(frozen=True, kw_only=True)
class Layout:
    """Where everything of one control plane lies, and its ports."""

    folder: Path
    etcd_port: int
    peer_port: int
    port: int

    @classmethod
    def make(cls, folder: Path) -> "Layout":
        etcd_port, peer_port, port = free_ports(3)
        (folder / "logs").mkdir()
        return cls(folder=folder, etcd_port=etcd_port, peer_port=peer_port, port=port)

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def server(self) -> str:
        return f"https://{LOOPBACK}:{self.port}"

    @property
    def kubeconfig(self) -> Path:
        return self.folder / "kubeconfig"

    @property
    def ca_file(self) -> Path:
        # The API server makes its own CA and puts the chain behind its certificate.
        return self.folder / "certs" / "apiserver.crt"

    @property
    def audit_log(self) -> Path:
        return self.logs / "audit.jsonl"

    @property
    def tokens(self) -> Path:
        return self.folder / "tokens.csv"

    @property
    def signing_key(self) -> Path:
        return self.folder / "service-accounts.key"

    @property
    def verifying_key(self) -> Path:
        return self.folder / "service-accounts.pub"

    @property
    def audit_policy(self) -> Path:
        return self.folder / "audit-policy.yaml"


def etcd_command(binary: Path, layout: Layout) -> list[str | Path]:
    client, peer = (f"http://{LOOPBACK}:{port}" for port in (layout.etcd_port, layout.peer_port))
    return [
        binary,
        f"--data-dir={layout.folder / 'etcd'}",
        # Its data need not survive the machine, only the API server.
        "--unsafe-no-fsync",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
    ]


def apiserver_command(binary: Path, layout: Layout, *, audit: bool, flags: Sequence[str]) -> list[str | Path]:
    audit_flags = [
        f"--audit-policy-file={layout.audit_policy}",
        f"--audit-log-path={layout.audit_log}",
        "--audit-log-maxsize=2000",  # MB; one file is to hold it all
    ]
    return [
        binary,
        f"--etcd-servers=http://{LOOPBACK}:{layout.etcd_port}",
        f"--bind-address={LOOPBACK}",
        f"--secure-port={layout.port}",
        # Without an address to advertise it looks for the machine's default route, which a machine may not have.
        f"--advertise-address={LOOPBACK}",
        "--endpoint-reconciler-type=none",
        f"--cert-dir={layout.folder / 'certs'}",
        f"--token-auth-file={layout.tokens}",
        "--authorization-mode=Node,RBAC",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--service-account-signing-key-file={layout.signing_key}",
        f"--service-account-key-file={layout.verifying_key}",
        "--service-cluster-ip-range=10.96.0.0/16",
        "--allow-privileged",
        *(audit_flags if audit else []),
        *flags,
    ]


def controller_manager_command(binary: Path, layout: Layout) -> list[str | Path]:
    return [
        binary,
        f"--kubeconfig={layout.kubeconfig}",
        f"--service-account-private-key-file={layout.signing_key}",
        f"--root-ca-file={layout.ca_file}",
        "--leader-elect=false",
        # As every installer does: each controller, such as garbage collection, acts as an account of its own.
        "--use-service-account-credentials=true",
        "--secure-port=0",
    ]


class Components:
    """A whole control plane of ours, from `start` to `stop`."""

    def __init__(self, layout: Layout, binaries: Binaries, *, audit: bool, apiserver_flags: Sequence[str]) -> None:
        self.layout = layout
        self._binaries = binaries
        audited = audit or audit_trail.is_kept()
        self._apiserver_command = apiserver_command(binaries.apiserver, layout, audit=audited, flags=apiserver_flags)
        self._admin_token = secrets.token_urlsafe(32)
        self._etcd: Component | None = None
        self._apiserver: Component | None = None
        self._controller_manager: Component | None = None

    @property
    def pids(self) -> dict[str, int]:
        """The process ids by program, of those that were started and not stopped."""
        return {component.name: component.pid for component in self._started()}

    @property
    def has_controllers(self) -> bool:
        return self._binaries.controller_manager is not None

    def start(self) -> None:
        """Start everything and wait until it is of use.

        Raises:
            ComponentEndedError: one of them ended.
            ClusterUnavailableError: it takes too long.

        """
        layout = self.layout
        write_service_account_keys(layout.signing_key, layout.verifying_key)
        write_private(layout.tokens, f'{self._admin_token},admin,admin,"system:masters"\n'.encode())
        layout.audit_policy.write_text(_AUDIT_POLICY, encoding="utf-8")
        audit_trail.follow(layout.audit_log)
        self._etcd = self._run(ETCD, etcd_command(self._binaries.etcd, layout))
        self.start_apiserver()
        if self._binaries.controller_manager is None:
            return
        self._controller_manager = self._run(
            CONTROLLER_MANAGER, controller_manager_command(self._binaries.controller_manager, layout)
        )
        self._wait("default ServiceAccount", "/api/v1/namespaces/default/serviceaccounts/default")

    def start_apiserver(self) -> None:
        """Start the API server, with the same port and data as before, and wait until it is ready."""
        if self._apiserver is not None and self._apiserver.running:
            return
        self._apiserver = self._run(APISERVER, self._apiserver_command)
        self._wait_until(self.layout.ca_file.is_file, "certificate of the API server")
        if not self.layout.kubeconfig.exists():
            ca = self.layout.ca_file.read_bytes()
            content = kubeconfig(server=self.layout.server, ca=ca, token=self._admin_token)
            write_private(self.layout.kubeconfig, content)
        self._wait("ready API server", "/readyz")
        self._wait("default namespace", "/api/v1/namespaces/default")

    def stop_apiserver(self, *, grace: float = _GRACE) -> None:
        """End the API server alone, as a fault; `grace` 0 kills it outright."""
        if self._apiserver is not None:
            self._apiserver.stop(grace=grace)
            self._apiserver = None

    def stop(self) -> None:
        """End everything; the API server goes before etcd, without which it ignores being asked."""
        if self._controller_manager is not None:
            self._controller_manager.stop(grace=_GRACE)
        self.stop_apiserver()
        if self._etcd is not None:
            self._etcd.stop(grace=_GRACE)
        self._controller_manager = self._etcd = None
        audit_trail.take(self.layout.audit_log)

    def _started(self) -> list[Component]:
        return [one for one in (self._etcd, self._apiserver, self._controller_manager) if one is not None]

    def _run(self, name: str, command: Sequence[str | Path]) -> Component:
        return Component(name, command, folder=self.layout.folder, log=self.layout.logs / f"{name}.log")

    def _wait(self, subject: str, path: str) -> None:
        self._wait_until(lambda: self._status_of(path) == http.client.OK, subject)

    def _wait_until(self, condition: Callable[[], bool], subject: str) -> None:
        deadline = time.monotonic() + READY_TIMEOUT
        while not condition():
            for component in self._started():
                component.check()
            if time.monotonic() > deadline:
                logs = self.layout.logs
                ending = tail(logs / f"{APISERVER}.log")
                text = (
                    f"no {subject} within {READY_TIMEOUT:g} s; the logs are in {logs}, the API server's ends:\n{ending}"
                )
                raise ClusterUnavailableError(text)
            time.sleep(_POLL)

    def _status_of(self, path: str) -> int | None:
        """Ask the API server as its admin; None while it does not answer (or its certificate is half written)."""
        try:
            trust = ssl.create_default_context(cafile=str(self.layout.ca_file))
            connection = http.client.HTTPSConnection(LOOPBACK, self.layout.port, timeout=5, context=trust)
            try:
                connection.request("GET", path, headers={"Authorization": f"Bearer {self._admin_token}"})
                return connection.getresponse().status
            finally:
                connection.close()
        except (OSError, http.client.HTTPException):
            return None
