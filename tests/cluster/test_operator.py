"""The main line on a real API server and real HTTPS: from manifests to a proven key in a Secret."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from llmkeys.api.names import API_VERSION, SOURCE_LABEL
from tests.support.cluster import ControlPlane
from tests.support.operator_process import OperatorProcess
from tests.support.simulator.behaviour import Behaviour
from tests.support.simulator.simulator import Simulator
from tests.support.wait import eventually

GOOD, DEAD, SLOWED = "sk-CANARY-good-0001", "sk-CANARY-dead-0002", "sk-CANARY-slowed-0003"


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator.start(types=["openai"]) as simulator:
        simulator.set(GOOD, Behaviour.GOOD)
        simulator.set(DEAD, Behaviour.REVOKED)
        simulator.set(SLOWED, Behaviour.throttled(600))
        yield simulator


@pytest.fixture(scope="module")
def operator(installed: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    with OperatorProcess.start(installed, tmp_path_factory.mktemp("operator")) as operator:
        yield operator


@pytest.fixture(scope="module")
def provider(installed: ControlPlane, simulator: Simulator, provider_prefix: str) -> str:
    network = {"caBundle": simulator.ca_pem, "allowPrivateAddresses": True}
    spec = {"type": "openai", "baseURL": simulator.url("openai"), "network": network}
    name = f"{provider_prefix}openai"
    _apply(installed, {"apiVersion": API_VERSION, "kind": "LLMProvider", "metadata": {"name": name}, "spec": spec})
    return name


def _apply(plane: ControlPlane, *manifests: dict[str, object]) -> None:
    plane.kubectl("apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": manifests}))


def _credential(plane: ControlPlane, namespace: str, name: str, provider: str, *keys: str) -> None:
    for index, key in enumerate(keys):
        meta = {"name": f"{name}-{index}", "namespace": namespace, "labels": {SOURCE_LABEL: "true"}}
        _apply(plane, {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "stringData": {"apiKey": key}})
    entries = [{"name": f"k{index}", "secretRef": {"name": f"{name}-{index}"}} for index in range(len(keys))]
    spec = {
        "providerRef": {"name": provider},
        "keys": entries,
        "target": {"encryption": "None", "name": f"{name}-out"},
    }
    meta = {"name": name, "namespace": namespace}
    _apply(plane, {"apiVersion": API_VERSION, "kind": "LLMCredential", "metadata": meta, "spec": spec})


def _status(plane: ControlPlane, namespace: str, name: str) -> dict[str, str]:
    found = json.loads(plane.kubectl("get", "llmcredential", name, "-n", namespace, "-o", "json").stdout)
    return {one["type"]: f"{one['status']}/{one['reason']}" for one in found.get("status", {}).get("conditions", [])}


def _wait(plane: ControlPlane, namespace: str, name: str, kind: str, expected: str) -> dict[str, str]:
    def there() -> dict[str, str] | None:
        status = _status(plane, namespace, name)
        return status if status.get(kind) == expected else None

    return eventually(there, timeout=30, message=f"{name} {kind}={expected}")


def _data(plane: ControlPlane, namespace: str, name: str) -> dict[str, str]:
    found = json.loads(plane.kubectl("get", "secret", name, "-n", namespace, "-o", "json").stdout)
    return {key: base64.b64decode(value).decode() for key, value in found.get("data", {}).items()}


@pytest.mark.usefixtures("operator")
def test_a_good_key_is_delivered(installed: ControlPlane, namespace: str, provider: str) -> None:
    _credential(installed, namespace, "good", provider, GOOD)
    status = _wait(installed, namespace, "good", "Ready", "True/Verified")
    assert status["Active"] == "True/Verified"
    assert status["SecretSynced"] == "True/Synced"
    assert _data(installed, namespace, "good-out")["OPENAI_API_KEY"] == GOOD


@pytest.mark.usefixtures("operator")
def test_a_dead_key_is_called_invalid_after_a_second_look(
    installed: ControlPlane, namespace: str, provider: str, simulator: Simulator
) -> None:
    _credential(installed, namespace, "dead", provider, DEAD)
    status = _wait(installed, namespace, "dead", "InvalidKey", "True/Rejected")
    assert status["Ready"] == "False/Rejected"
    assert status["Stalled"] == "True/Rejected"
    assert len(simulator.calls(DEAD)) == 2


@pytest.mark.usefixtures("operator")
def test_a_throttled_key_is_neither_good_nor_invalid(installed: ControlPlane, namespace: str, provider: str) -> None:
    _credential(installed, namespace, "slowed", provider, SLOWED)
    status = _wait(installed, namespace, "slowed", "RateLimited", "True/Throttled")
    assert status["InvalidKey"] == "False/Throttled"
    assert status["Ready"] == "Unknown/Throttled"


@pytest.mark.usefixtures("operator")
def test_an_edited_secret_is_healed_without_a_call(
    installed: ControlPlane, namespace: str, provider: str, simulator: Simulator
) -> None:
    _credential(installed, namespace, "healed", provider, GOOD)
    _wait(installed, namespace, "healed", "Ready", "True/Verified")
    calls = simulator.calls_total()
    patch = json.dumps({"stringData": {"OPENAI_API_KEY": "edited"}})
    installed.kubectl("patch", "secret", "healed-out", "-n", namespace, "--type=merge", "-p", patch)
    eventually(
        lambda: _data(installed, namespace, "healed-out")["OPENAI_API_KEY"] == GOOD, timeout=20, message="the heal"
    )
    assert simulator.calls_total() == calls


def test_no_key_reaches_log_status_event_or_metric(
    installed: ControlPlane, namespace: str, operator: OperatorProcess
) -> None:
    shown = operator.text() + operator.page("/metrics")
    for kind in ("llmcredentials", "events"):
        shown += installed.kubectl("get", kind, "-n", namespace, "-o", "json").stdout
    shown += installed.kubectl("get", "llmproviders", "-o", "json").stdout
    assert "CANARY" not in shown
    assert base64.b64encode(b"sk-CANARY").decode()[:10] not in shown


def test_a_restart_calls_no_provider_and_writes_nothing(
    installed: ControlPlane, provider: str, simulator: Simulator, operator: OperatorProcess, tmp_path: Path
) -> None:
    assert provider
    operator.stop()
    calls = simulator.calls_total()
    with OperatorProcess.start(installed, tmp_path) as again:
        # Of other modules' credentials some may go just now, which changes the counts of their providers.
        for resource in ("llmcredentials", "secrets", "configmaps"):
            assert again.metric("llmkeys_kube_requests_total", verb="patch", resource=resource) == 0
        assert again.metric("llmkeys_kube_requests_total", verb="create") == 0
    assert simulator.calls_total() == calls
