"""The cluster is lost, etcd and all: what docs/operations.md says to do then, done."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from llmkeys.api.names import CREDENTIAL_KIND, PROVIDER_KIND
from tests.support.cluster import ControlPlane
from tests.support.helm_program import CHART, NAMESPACE, RELEASE, Helm, helm_program
from tests.support.sealing import opened, sealed_entry
from tests.support.simulator.simulator import Simulator
from tests.support.stage import Stage
from tests.support.world import World

TEAM: Final = "team-a"
SEALED: Final = "chat"


def keys(plane: ControlPlane, *arguments: str | Path) -> None:
    """`llmkeys keys`, as the person does who runs the cluster."""
    command = [sys.executable, "-P", "-m", "llmkeys", "keys", *map(str, arguments), f"--namespace={NAMESPACE}"]
    environ = {**os.environ, "KUBECONFIG": str(plane.kubeconfig)}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)  # noqa: S603
    assert done.returncode == 0, done.stderr


def in_git(world: World, kind: str, name: str) -> dict[str, Any]:
    """What lies in Git of an object."""
    return dict(world.object(kind, name)["spec"])


def test_a_new_cluster_with_the_rings_restored_opens_what_git_holds(tmp_path: Path) -> None:
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("a passphrase of a test\n", encoding="utf-8")
    said = f"--passphrase-file={passphrase}"
    backup = tmp_path / "keys.backup"
    with Simulator.start(types=["openai:0"]) as simulator:
        with ControlPlane.start() as lost:
            if not lost.owned:
                pytest.skip("needs a control plane that it may lose")
            helm = Helm(helm_program(), tmp_path / "helm").at(lost.kubeconfig)
            helm("install", RELEASE, CHART, f"--namespace={NAMESPACE}", "--create-namespace")
            lost.kubectl("create", "namespace", TEAM)
            on = Stage(lost, simulator, tmp_path)
            with on.at_work():
                world = World(on, TEAM, "provider-")
                provider, key = world.provider("openai", name="openai"), world.key()
                entry = sealed_entry(world, provider, SEALED, key)
                world.credential(SEALED, provider, entries=[entry], target={"encryption": "Envelope"})
                world.wait(SEALED, ready="True", reason="Verified", synced="Synced")
                keys(lost, "backup", backup, said)
                manifests = {
                    (kind, name): in_git(world, kind, name)
                    for kind, name in ((PROVIDER_KIND, provider), (CREDENTIAL_KIND, SEALED))
                }

        with ControlPlane.start() as new:
            for namespace in (NAMESPACE, TEAM):
                new.kubectl("create", "namespace", namespace)
            keys(new, "restore", backup, said)
            helm.at(new.kubeconfig)("install", RELEASE, CHART, f"--namespace={NAMESPACE}")
            on = Stage(new, simulator, tmp_path)
            with on.at_work():
                world = World(on, TEAM, "provider-")
                for (kind, name), spec in manifests.items():
                    world.create(kind, name, spec=spec)
                world.wait(SEALED, ready="True", reason="Verified", synced="Synced", timeout=30)
                assert opened(world, SEALED)["OPENAI_API_KEY"] == key
