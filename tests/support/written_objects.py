"""Keep what this version writes, for every later one to read: `python -m tests.support.written_objects`.

It works on a control plane of its own with simulated providers and writes tests/fixtures/v1alpha1/. Run it when a
version adds something to status or to an object of the operator's, and look at the difference before it is committed:
files of earlier versions are never replaced by something that reads more easily.
"""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import yaml

from llmkeys.api.names import (
    API_VERSION,
    BOOTSTRAP_LABEL,
    BOOTSTRAP_SECRET,
    CREDENTIAL_KIND,
    CREDENTIAL_LABEL,
    CREDENTIAL_PLURAL,
    DEFAULT_NAMESPACE,
    INTERNAL_LABEL,
    PROVIDER_KIND,
    PROVIDER_PLURAL,
    VERSION,
)
from tests.support.bootstrap_switch import bootstrap_switched_on
from tests.support.cluster import ControlPlane
from tests.support.cluster_install import ROOT, install
from tests.support.sealing import opened, sealed_entry
from tests.support.simulator.behaviour import Behaviour
from tests.support.stage import stage
from tests.support.wait import eventually
from tests.support.world import World

FOLDER: Final = ROOT / "tests" / "fixtures" / VERSION
NAMESPACE: Final = "team-a"
EXPECTED: Final = "expected.yaml"
_LISTS: Final = {
    "namespaces.yaml": f"/api/v1/namespaces?fieldSelector=metadata.name={NAMESPACE}",
    "providers.yaml": f"/apis/{API_VERSION}/{PROVIDER_PLURAL}",
    "credentials.yaml": f"/apis/{API_VERSION}/{CREDENTIAL_PLURAL}",
    "generated-secrets.yaml": f"/api/v1/secrets?labelSelector={CREDENTIAL_LABEL}",
    "own-secrets.yaml": f"/api/v1/namespaces/{DEFAULT_NAMESPACE}/secrets?labelSelector={INTERNAL_LABEL}",
    "own-config-maps.yaml": f"/api/v1/namespaces/{DEFAULT_NAMESPACE}/configmaps?labelSelector={INTERNAL_LABEL}",
}
_KINDS: Final = {
    "namespaces.yaml": ("v1", "Namespace"),
    "providers.yaml": (API_VERSION, PROVIDER_KIND),
    "credentials.yaml": (API_VERSION, CREDENTIAL_KIND),
    "generated-secrets.yaml": ("v1", "Secret"),
    "own-secrets.yaml": ("v1", "Secret"),
    "own-config-maps.yaml": ("v1", "ConfigMap"),
}


@contextmanager
def _at_work() -> Iterator[World]:
    with ControlPlane.start() as plane, tempfile.TemporaryDirectory() as folder:
        install(plane)
        plane.kubectl("create", "namespace", NAMESPACE)
        with bootstrap_switched_on(plane), stage(plane, Path(folder)) as on, on.at_work():
            yield World(on, NAMESPACE, "provider-")


def _write_all_kinds(world: World) -> dict[str, dict[str, str]]:
    """Have the operator write one of everything; what each envelope holds, by credential."""
    openai = world.provider("openai", name="openai", models={"publish": True})
    world.provider("ollama", name="ollama")
    entry = sealed_entry(world, openai, "sealed", world.key())
    world.credential("sealed", openai, entries=[entry], target={"encryption": "Envelope", "serviceAccounts": ["chat"]})
    world.credential("two-keys", openai, world.key(Behaviour.REVOKED), world.key())
    world.credential("refused", openai, world.key(Behaviour.REVOKED))
    world.credential("throttled", openai, world.key(Behaviour.throttled(60)))
    world.credential("off", openai, world.key(), enabled=False)
    world.wait("sealed", ready="True", reason="Verified", synced="Synced")
    world.wait("two-keys", ready="True", reason="Verified")
    world.wait("refused", ready="False", reason="Rejected")
    world.wait("throttled", ready="Unknown", reason="Throttled")
    world.wait("off", ready="False", reason="Disabled")
    return {"sealed": opened(world, "sealed")}


def _bootstrap(world: World) -> None:
    keys = [{"name": "main", "value": world.key()}]
    template = [
        {
            "apiVersion": API_VERSION,
            "kind": CREDENTIAL_KIND,
            "metadata": {"name": "from-template", "namespace": NAMESPACE},
            "spec": {"providerRef": {"name": "openai"}, "keys": keys},
        }
    ]
    body = {"metadata": {"name": BOOTSTRAP_SECRET}, "stringData": {"bootstrap.yaml": json.dumps(template)}}
    world.stage.api.create(f"/api/v1/namespaces/{DEFAULT_NAMESPACE}/secrets", body)
    receipt = f"/api/v1/namespaces/{DEFAULT_NAMESPACE}/configmaps/{BOOTSTRAP_SECRET}-receipt-1"
    eventually(lambda: world.stage.api.get(receipt), timeout=30, message="the bootstrap's receipt")
    world.wait("from-template", ready="True", reason="Verified")
    assert BOOTSTRAP_LABEL in world.object(CREDENTIAL_KIND, "from-template")["metadata"]["labels"]


def _kept(one: dict[str, Any], kind: tuple[str, str]) -> dict[str, Any]:
    metadata = {name: value for name, value in one["metadata"].items() if name != "managedFields"}
    return {"apiVersion": kind[0], "kind": kind[1], **one, "metadata": metadata}


def record(folder: Path = FOLDER) -> None:
    """Write the files anew."""
    with _at_work() as world:
        expected = _write_all_kinds(world)
        _bootstrap(world)
        world.settle()
        folder.mkdir(parents=True, exist_ok=True)
        for name, path in _LISTS.items():
            objects = [_kept(one, _KINDS[name]) for one in world.stage.api.get(path)["items"]]
            assert objects, name
            (folder / name).write_text(yaml.safe_dump_all(objects, sort_keys=False), encoding="utf-8")
        (folder / EXPECTED).write_text(yaml.safe_dump(expected), encoding="utf-8")


if __name__ == "__main__":
    record()
