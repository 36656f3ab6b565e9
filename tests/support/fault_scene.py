"""A control plane, providers and an operator for tests that break things: nobody else's tests run on them."""

import base64
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from llmkeys.api.names import API_VERSION, CREDENTIAL_KIND, CREDENTIAL_PLURAL, PROVIDER_KIND, PROVIDER_PLURAL
from tests.support.admin_api import AdminApi
from tests.support.cluster import ControlPlane
from tests.support.cluster_install import install
from tests.support.cluster_source import EXISTING_VARIABLE
from tests.support.faulty_proxy import FaultyProxy
from tests.support.operator_process import OperatorProcess
from tests.support.simulator.behaviour import Behaviour
from tests.support.simulator.simulator import Simulator
from tests.support.wait import eventually

TYPES = ("openai", "deepseek", "moonshot")
VARIABLES = {"openai": "OPENAI_API_KEY", "deepseek": "DEEPSEEK_API_KEY", "moonshot": "MOONSHOT_API_KEY"}
_CREDENTIALS = f"/apis/{API_VERSION}"


def new_key() -> str:
    """Make a key that nobody else has."""
    return f"sk-CANARY-{secrets.token_hex(12)}"


class FaultScene:
    """Everything a fault needs. One operator at a time; `start_operator` and `stop_operator` may alternate."""

    def __init__(self, plane: ControlPlane, simulator: Simulator, folder: Path, proxy: FaultyProxy | None) -> None:
        """Take what `fault_scene` has made."""
        self.plane = plane
        self.simulator = simulator
        self.folder = folder
        self.api = AdminApi(plane)
        self.namespace = ""
        self._proxy = proxy
        self._operator: OperatorProcess | None = None

    # -- parts -----------------------------------------------------------------------------------------------

    @property
    def proxy(self) -> FaultyProxy:
        assert self._proxy is not None, "this scene has no proxy"
        return self._proxy

    @property
    def operator(self) -> OperatorProcess:
        assert self._operator is not None, "no operator has been started"
        return self._operator

    def start_operator(self, *arguments: str, wait: bool = True) -> OperatorProcess:
        """Start it, through the proxy if there is one."""
        # All that it asks of a control plane is a kubeconfig, and the proxy gives one that leads to itself.
        plane = cast("ControlPlane", self._proxy) if self._proxy is not None else self.plane
        self._operator = OperatorProcess.start(plane, self.folder, arguments, wait=wait)
        return self._operator

    def stop_operator(self) -> None:
        if self._operator is not None and self._operator.running:
            self._operator.stop()
        self._operator = None

    def new_namespace(self, prefix: str = "fault") -> str:
        """Go on in a namespace of its own."""
        self.namespace = self.plane.new_namespace(prefix)
        return self.namespace

    # -- manifests -------------------------------------------------------------------------------------------

    def provider(self, kind: str = "openai", **spec: object) -> str:
        """Create an LLMProvider that leads to the simulator; its name."""
        name = f"{kind}-{secrets.token_hex(4)}"
        self.api.create(
            f"{_CREDENTIALS}/{PROVIDER_PLURAL}",
            {
                "apiVersion": API_VERSION,
                "kind": PROVIDER_KIND,
                "metadata": {"name": name},
                "spec": {
                    "type": kind,
                    "baseURL": self.simulator.url(kind),
                    "network": {"caBundle": self.simulator.ca_pem, "allowPrivateAddresses": True},
                    **spec,
                },
            },
        )
        return name

    def source(self, name: str, key: str) -> None:
        """Create a source Secret, or give it another key."""
        path = f"/api/v1/namespaces/{self.namespace}/secrets"
        if self.api.get(f"{path}/{name}") is not None:
            self.api.merge(f"{path}/{name}", {"data": {"apiKey": _encoded(key)}})
            return
        metadata = {"name": name, "labels": {"llmkeys.dev/source": "true"}}
        self.api.create(
            path, {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"apiKey": _encoded(key)}}
        )

    def credential(
        self, name: str, provider: str, key: str = "", behaviour: Behaviour = Behaviour.GOOD, **spec: object
    ) -> str:
        """Create a source Secret `<name>-source` and an LLMCredential that uses it; the key.

        Args:
            name: of the credential and of its Secret.
            provider: of the LLMProvider.
            key: empty for a new one.
            behaviour: what the provider says of the key.
            **spec: more of the credential.

        """
        key = key or new_key()
        self.simulator.set(key, behaviour)
        self.source(f"{name}-source", key)
        self.api.create(self._credentials, self.manifest(name, provider, **spec))
        return key

    def manifest(self, name: str, provider: str, **spec: object) -> dict[str, Any]:
        """The LLMCredential that `credential` creates."""
        return {
            "apiVersion": API_VERSION,
            "kind": CREDENTIAL_KIND,
            "metadata": {"name": name, "namespace": self.namespace},
            "spec": {
                "providerRef": {"name": provider},
                "keys": [{"name": "primary", "secretRef": {"name": f"{name}-source"}}],
                "target": {"encryption": "None"},
                **spec,
            },
        }

    def proven(self, name: str, provider: str, key: str = "") -> str:
        """Do as `credential` does with a good key, and wait until it is delivered."""
        key = self.credential(name, provider, key)
        self.wait_ready(name)
        return key

    # -- what is there ---------------------------------------------------------------------------------------

    def credential_path(self, name: str) -> str:
        return f"{self._credentials}/{name}"

    @staticmethod
    def provider_path(name: str) -> str:
        return f"{_CREDENTIALS}/{PROVIDER_PLURAL}/{name}"

    def secret_path(self, name: str) -> str:
        return f"/api/v1/namespaces/{self.namespace}/secrets/{name}"

    def secret(self, name: str) -> dict[str, Any] | None:
        found: dict[str, Any] | None = self.api.get(self.secret_path(name))
        return found

    def secret_there(self, name: str) -> dict[str, Any]:
        found = self.secret(name)
        assert found is not None, f"there is no Secret {name}"
        return found

    def delivered(self, name: str, variable: str = VARIABLES["openai"]) -> str | None:
        """The key in a generated Secret, None if there is none."""
        encoded = ((self.secret(name) or {}).get("data") or {}).get(variable)
        return None if encoded is None else base64.b64decode(encoded).decode()

    def status(self, name: str) -> dict[str, Any]:
        found = self.api.get(self.credential_path(name)) or {}
        status: dict[str, Any] = found.get("status", {})
        return status

    def conditions(self, name: str) -> dict[str, dict[str, Any]]:
        """The conditions of a credential by type."""
        return by_type(self.status(name))

    def provider_conditions(self, name: str) -> dict[str, dict[str, Any]]:
        return by_type((self.api.get(self.provider_path(name)) or {}).get("status", {}))

    def events(self, about: str, namespace: str = "") -> list[dict[str, Any]]:
        """The Events about an object, by its name."""
        items = self.api.get(f"/api/v1/namespaces/{namespace or self.namespace}/events")["items"]
        return [one for one in items if one["involvedObject"]["name"] == about]

    def wait_condition(
        self, name: str, kind: str, status: str, reason: str | None = None, *, timeout: float = 20
    ) -> dict[str, Any]:
        """Wait for a condition of this generation and return it."""

        def reached() -> dict[str, Any] | None:
            found = self.api.get(self.credential_path(name))
            condition = by_type(found.get("status", {})).get(kind, {})
            seen = {k: condition.get(k) for k in ("status", "reason")}
            current = found["status"].get("observedGeneration") == found["metadata"]["generation"]
            assert current, f"not observed yet; {seen}"
            assert seen["status"] == status, seen
            assert reason in (None, seen["reason"]), seen
            return condition

        return cast("dict[str, Any]", eventually(reached, timeout=timeout, message=f"{kind} of {name}"))

    def wait_ready(self, *names: str, timeout: float = 20) -> None:
        for name in names:
            self.wait_condition(name, "Ready", "True", timeout=timeout)

    def settle(self) -> None:
        """Wait until the operator has nothing at work or in line, and statuses it wrote have come back to it."""

        def quiet() -> bool:
            before = self._reconciled()
            assert self.operator.metric("llmkeys_queue_depth") == 0
            return before == self._reconciled()

        eventually(quiet, timeout=20, every=0.3, message="an idle operator")

    def _reconciled(self) -> float:
        return self.operator.metric("llmkeys_reconcile_duration_seconds_count")

    @property
    def _credentials(self) -> str:
        return f"{_CREDENTIALS}/namespaces/{self.namespace}/{CREDENTIAL_PLURAL}"


@contextmanager
def fault_scene(
    folder: Path, *, proxied: bool = False, audit: bool = False, types: Sequence[str] = TYPES
) -> Iterator[FaultScene]:
    """Start a control plane, the simulated providers and, if asked for, a proxy before the API server.

    Never on an existing cluster: what is broken here must be ours.
    """
    environ = {name: value for name, value in os.environ.items() if name != EXISTING_VARIABLE}
    with ControlPlane.start(environ=environ, audit=audit) as plane, Simulator.start(types=types) as simulator:
        install(plane)
        proxy = FaultyProxy.start(plane) if proxied else None
        scene = FaultScene(plane, simulator, folder, proxy)
        try:
            yield scene
        finally:
            scene.stop_operator()
            if proxy is not None:
                proxy.stop()


def by_type(status: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Conditions of a status, each under its type."""
    return {one["type"]: one for one in status.get("conditions", [])}


def audited(plane: ControlPlane, user: str, since: int = 0) -> list[dict[str, Any]]:
    """What a user asked of the API server, from a byte of the audit log on."""
    assert plane.audit_log is not None
    content = plane.audit_log.read_bytes()[since:]
    entries = [json.loads(line) for line in content.splitlines()]
    return [one for one in entries if one["user"]["username"] == user]


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
