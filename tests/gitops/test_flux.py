"""Flux's kustomize-controller applies, waits and fails early. Building it takes minutes: `make test-gitops`."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from llmkeys.api.names import API_VERSION, CREDENTIAL_KIND, PROVIDER_KIND
from tests.support.fault_scene import FaultScene, fault_scene, new_key
from tests.support.kstatus_flux import Flux, flux
from tests.support.simulator.behaviour import Behaviour
from tests.support.wait import eventually

MODULE: Final = Path(__file__).with_name("flux")
TIMEOUT: Final = "60s"  # of a Kustomization that waits
EARLY: Final = 30.0  # seconds; a failure that is only told at the timeout comes later
Object = dict[str, Any]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultScene]:
    with fault_scene(tmp_path_factory.mktemp("operator")) as made:
        made.new_namespace("flux")
        yield made


@pytest.fixture(scope="module")
def pipeline(scene: FaultScene, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flux]:
    with flux(scene.plane, MODULE, tmp_path_factory.mktemp("flux")) as made:
        yield made


def manifests(scene: FaultScene, name: str, key: str, behaviour: Behaviour = Behaviour.GOOD) -> list[Object]:
    """What lies in Git: a provider and a credential. The source Secret comes from elsewhere."""
    scene.simulator.set(key, behaviour)
    scene.source(f"{name}-source", key)
    network = {"caBundle": scene.simulator.ca_pem, "allowPrivateAddresses": True}
    spec = {"type": "openai", "baseURL": scene.simulator.url("openai"), "network": network}
    provider = {"apiVersion": API_VERSION, "kind": PROVIDER_KIND, "metadata": {"name": name}, "spec": spec}
    return [provider, scene.manifest(name, name)]


def wait(pipeline: Flux, name: str, status: str, *, within: float) -> tuple[str, str, str]:
    def reached() -> tuple[str, str, str]:
        found = pipeline.ready(name)
        assert found[0] == status, found
        return found

    return eventually(reached, timeout=within, message=f"Ready {status} of Kustomization {name}")


def test_with_no_operator_running_nothing_is_ready(scene: FaultScene, pipeline: Flux) -> None:
    pipeline.commit("unseen", manifests(scene, "unseen", new_key()))
    pipeline.kustomization("unseen", wait=True, timeout="5s")

    _, reason, message = wait(pipeline, "unseen", "False", within=40)

    assert reason == "HealthCheckFailed"
    assert "InProgress" in message


def test_a_good_key_makes_it_ready_and_an_unchanged_commit_changes_nothing(scene: FaultScene, pipeline: Flux) -> None:
    scene.start_operator()
    key = new_key()
    content = manifests(scene, "good", key)
    pipeline.commit("good", content)
    pipeline.kustomization("good", wait=True, timeout=TIMEOUT)
    wait(pipeline, "good", "True", within=EARLY)
    assert scene.delivered("good") == key
    scene.settle()
    before = version(scene, "good")

    again = pipeline.commit("good", content)

    eventually(lambda: again in pipeline.ready("good")[2], timeout=EARLY, message="the second revision")
    wait(pipeline, "good", "True", within=EARLY)
    assert version(scene, "good") == before


def version(scene: FaultScene, name: str) -> str:
    return str(scene.api.get(scene.credential_path(name))["metadata"]["resourceVersion"])


def test_a_dead_key_fails_early_names_the_credential_and_recovers_when_it_is_repaired(
    scene: FaultScene, pipeline: Flux
) -> None:
    key = new_key()
    pipeline.commit("dead", manifests(scene, "dead", key, Behaviour.REVOKED))
    began = time.monotonic()
    pipeline.kustomization("dead", wait=True, timeout="10m")

    _, reason, message = wait(pipeline, "dead", "False", within=EARLY)

    print(f"failed {time.monotonic() - began:.1f} s after it was applied")  # noqa: T201  a number of the report
    assert reason == "HealthCheckFailed"
    assert f"LLMCredential/{scene.namespace}/dead" in message
    good = new_key()
    scene.simulator.set(good, Behaviour.GOOD)
    scene.source("dead-source", good)
    wait(pipeline, "dead", "True", within=EARLY)


def test_health_checks_wait_for_the_one_that_they_name(scene: FaultScene, pipeline: Flux) -> None:
    content = manifests(scene, "slow", new_key(), Behaviour.slow(4.0))
    pipeline.commit("slow", content)
    named = {"apiVersion": API_VERSION, "kind": CREDENTIAL_KIND, "name": "slow", "namespace": scene.namespace}
    pipeline.kustomization("slow", healthChecks=[named], timeout=TIMEOUT)
    eventually(lambda: scene.api.get(scene.credential_path("slow")), message="the credential")
    assert pipeline.ready("slow")[0] != "True"

    wait(pipeline, "slow", "True", within=EARLY)

    assert scene.delivered("slow") is not None


def test_what_leaves_git_leaves_the_cluster_with_its_secret(scene: FaultScene, pipeline: Flux) -> None:
    content = manifests(scene, "gone", new_key())
    pipeline.commit("gone", content)
    pipeline.kustomization("gone", wait=True, timeout=TIMEOUT)
    wait(pipeline, "gone", "True", within=EARLY)

    pipeline.commit("gone", content[:1])

    eventually(lambda: scene.api.get(scene.credential_path("gone")) is None, timeout=EARLY, message="its end")
    eventually(lambda: scene.secret("gone") is None, timeout=60, message="garbage collection")
