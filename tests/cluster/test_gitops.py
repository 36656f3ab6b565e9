"""What is in Git stays what is in the cluster: nothing that the API server or the operator adds makes a difference."""

import json
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from llmkeys.api.names import API_VERSION, CREDENTIAL_KIND, PROVIDER_KIND, SOURCE_LABEL
from tests.support.cluster import ControlPlane
from tests.support.cluster_install import ROOT
from tests.support.simulator.behaviour import Behaviour
from tests.support.stage import Stage, new_key
from tests.support.wait import eventually

EXAMPLES: Final = ROOT / "examples"
OURS: Final = {PROVIDER_KIND, CREDENTIAL_KIND}
APPLIED: Final = {"Secret", *OURS}
WAYS: Final = {"client": (), "server": ("--server-side", "--field-manager=gitops")}
TIMES: Final = 3
COUNTED: Final = {"Active": "active", "InvalidKey": "invalid", "RateLimited": "rateLimited"}
Object = dict[str, Any]

ways = pytest.mark.parametrize("way", WAYS)


def documents(file: Path) -> list[Object]:
    return [one for one in yaml.safe_load_all(file.read_text(encoding="utf-8")) if one]


def files() -> list[Path]:
    """The examples that are applied as they are: not those that are filled in first."""
    there = (file for file in sorted(EXAMPLES.rglob("*.yaml")) if "testdata" not in file.parts)
    return [
        file
        for file in there
        if "${" not in file.read_text(encoding="utf-8") and {one.get("kind") for one in documents(file)} & OURS
    ]


def test_there_are_examples_to_look_at() -> None:
    assert {"openai.yaml", "anthropic.yaml", "failover.yaml", "gateway.yaml", "ollama.yaml"} <= {
        file.name for file in files()
    }


# -- manifests -----------------------------------------------------------------------------------------------


class Pipeline:
    """Applies manifests, as a person or a tool does that syncs a repository."""

    def __init__(self, stage: Stage, way: str, manifests: Sequence[Object], file: Path) -> None:
        self._stage = stage
        self._way = WAYS[way]
        self._file = file
        file.write_text(yaml.safe_dump_all(manifests), encoding="utf-8")

    def apply(self) -> None:
        self._stage.plane.kubectl("apply", *self._way, "-f", self._file)

    def difference(self) -> str:
        """What `kubectl diff` shows; it exits with 1 for a difference, with more where it failed."""
        done: subprocess.CompletedProcess[str] = self._stage.plane.kubectl(
            "diff", *self._way, "-f", self._file, check=False
        )
        assert done.returncode in (0, 1), done.stderr
        return done.stdout

    def delete(self) -> None:
        self._stage.plane.kubectl("delete", "--ignore-not-found", "-f", self._file)

    def objects(self) -> list[Object]:
        found: Object = json.loads(self._stage.plane.kubectl("get", "-f", self._file, "-o", "json").stdout)
        items: list[Object] = found.get("items", [found])
        return items

    def settled(self) -> Mapping[str, str]:
        """The version of each object, once the operator has said its word and the counts of providers followed."""

        def quiet() -> Mapping[str, str] | None:
            there = [one for one in self.objects() if one["kind"] in OURS]
            for one in there:
                assert one["status"].get("observedGeneration") == one["metadata"]["generation"], one["metadata"]["name"]
            assert self._stage.operator.metric("llmkeys_queue_depth") == 0
            assert counts(there) == told(there)
            return {f"{one['kind']} {one['metadata']['name']}": one["metadata"]["resourceVersion"] for one in there}

        return eventually(quiet, timeout=30, message="a quiet operator")


def counts(there: Sequence[Object]) -> dict[str, dict[str, int]]:
    """How many credentials each provider has, and in which states, as far as there are any."""
    found: dict[str, dict[str, int]] = {one["metadata"]["name"]: {} for one in there if one["kind"] == PROVIDER_KIND}
    for one in there:
        if one["kind"] == CREDENTIAL_KIND and one["spec"]["providerRef"]["name"] in found:
            true = {condition["type"] for condition in one["status"]["conditions"] if condition["status"] == "True"}
            for name in ("total", *(COUNTED[kind] for kind in COUNTED.keys() & true)):
                counted = found[one["spec"]["providerRef"]["name"]]
                counted[name] = counted.get(name, 0) + 1
    return found


def told(there: Sequence[Object]) -> dict[str, dict[str, int]]:
    """What their status tells of that."""
    providers = [one for one in there if one["kind"] == PROVIDER_KIND]
    shown = {one["metadata"]["name"]: one["status"].get("credentials", {}) for one in providers}
    return {name: {kind: count for kind, count in one.items() if count} for name, one in shown.items()}


def examples(namespace: str) -> list[Object]:
    """All of them, in this module's namespace; their keys are placeholders, which are shown to nobody."""
    listed = [one for file in files() for one in documents(file) if one["kind"] in APPLIED]
    # Several files may show the same object in their own way; a repository holds one of them.
    first: dict[tuple[str, str], Object] = {}
    for one in listed:
        first.setdefault((one["kind"], one["metadata"]["name"]), one)
    found = list(first.values())
    keyless = {
        one["spec"]["providerRef"]["name"]
        for one in found
        if one["kind"] == CREDENTIAL_KIND and not one["spec"].get("keys")
    }
    for one in found:
        if one["kind"] != PROVIDER_KIND:
            one["metadata"]["namespace"] = namespace
        elif one["metadata"]["name"] in keyless:
            # It would be asked without a key, is not there, and each time that it is not there is told.
            one["spec"]["enabled"] = False
    return found


def proven(stage: Stage, namespace: str, prefix: str) -> list[Object]:
    """A provider, a key that it accepts, and a credential."""
    key, server = new_key(), stage.take_server("openai")
    stage.simulator.set(key, Behaviour.GOOD)
    network = {"caBundle": stage.simulator.ca_pem, "allowPrivateAddresses": True}
    spec = {"type": "openai", "baseURL": stage.simulator.url(server), "network": network}
    metadata = {"name": "raw", "namespace": namespace, "labels": {SOURCE_LABEL: "true"}}
    return [
        {"apiVersion": API_VERSION, "kind": PROVIDER_KIND, "metadata": {"name": f"{prefix}proven"}, "spec": spec},
        {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "stringData": {"apiKey": key}},
        {
            "apiVersion": API_VERSION,
            "kind": CREDENTIAL_KIND,
            "metadata": {"name": "proven", "namespace": namespace},
            "spec": {
                "providerRef": {"name": f"{prefix}proven"},
                "keys": [{"name": "primary", "secretRef": {"name": "raw"}}],
                "target": {"serviceAccounts": ["chat"]},
            },
        },
    ]


# -- three times the same --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stage(shared_stage: Stage) -> Iterator[Stage]:
    with shared_stage.at_work():
        yield shared_stage


@ways
def test_applying_every_example_again_changes_nothing_and_shows_no_difference(
    way: str, stage: Stage, namespace: str, tmp_path: Path
) -> None:
    pipeline = Pipeline(stage, way, examples(namespace), tmp_path / "all.yaml")
    pipeline.apply()
    before = pipeline.settled()

    for _ in range(TIMES):
        pipeline.apply()
        assert pipeline.difference() == ""

    assert pipeline.settled() == before
    pipeline.delete()


@ways
def test_applying_a_proven_credential_again_calls_nobody_and_writes_nothing(
    way: str, stage: Stage, namespace: str, provider_prefix: str, tmp_path: Path
) -> None:
    pipeline = Pipeline(stage, way, proven(stage, namespace, provider_prefix), tmp_path / "proven.yaml")
    pipeline.apply()
    stage.plane.kubectl("wait", "--for=condition=Ready", "--timeout=20s", "llmc/proven", "-n", namespace)
    before, secret, calls = pipeline.settled(), generated(stage.plane, namespace), stage.simulator.calls_total()

    for _ in range(TIMES):
        pipeline.apply()
        assert pipeline.difference() == ""

    assert pipeline.settled() == before
    assert generated(stage.plane, namespace) == secret
    assert stage.simulator.calls_total() == calls
    pipeline.delete()


def generated(plane: ControlPlane, namespace: str) -> str:
    return plane.kubectl(
        "get", "secret", "proven", "-n", namespace, "-o", "jsonpath={.metadata.resourceVersion}"
    ).stdout


@ways
def test_a_difference_would_be_seen(
    way: str, stage: Stage, namespace: str, provider_prefix: str, tmp_path: Path
) -> None:
    manifests = proven(stage, namespace, provider_prefix)
    Pipeline(stage, way, manifests, tmp_path / "applied.yaml").apply()
    manifests[-1]["spec"]["enabled"] = False
    changed = Pipeline(stage, way, manifests, tmp_path / "changed.yaml")

    assert "+  enabled: false" in changed.difference()
    changed.delete()
