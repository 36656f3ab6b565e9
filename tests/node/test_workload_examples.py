"""The examples of workloads in other languages: their programs are right, and their pods are given what they read."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support.cluster_build import Log, toolchain
from tests.support.cluster_install import ROOT
from tests.support.cluster_source import cache_folder
from tests.support.node_scene import NodeScene

WORKLOADS = ROOT / "examples" / "workloads"
MANIFESTS = sorted(WORKLOADS.glob("*/*.yaml"))


@pytest.mark.parametrize("manifest", MANIFESTS, ids=[str(one.relative_to(WORKLOADS)) for one in MANIFESTS])
def test_the_pods_of_a_manifest_are_given_what_the_client_of_openai_reads(scene: NodeScene, manifest: Path) -> None:
    scene.deliver()
    objects = yaml.safe_load_all(manifest.read_text(encoding="utf-8"))
    (workload,) = (one for one in objects if "template" in one.get("spec", {}))
    pod = scene.own("v1", "Pod", "dry", spec=workload["spec"]["template"]["spec"])
    pod["metadata"] |= workload["spec"]["template"]["metadata"]

    scene.kubectl("apply", "--server-side", "--dry-run=server", "-f", str(manifest))
    made = json.loads(scene.kubectl("create", "--dry-run=server", "-f", "-", "-o", "json", input=json.dumps(pod)))

    (container,) = made["spec"]["containers"]
    assert [one["name"] for one in container["env"]][:2] == ["OPENAI_API_KEY", "OPENAI_BASE_URL"]
    assert all("fileKeyRef" in one["valueFrom"] for one in container["env"][:2])


def test_the_program_in_javascript_is_well_formed() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("there is no node on this machine")

    subprocess.run([node, "--check", WORKLOADS / "node" / "chat.mjs"], check=True)  # noqa: S603


def test_the_program_in_go_compiles(log: Log) -> None:
    go, environ = toolchain(cache_folder(os.environ), environ=os.environ, log=log)

    done = subprocess.run(  # noqa: S603
        [go, "vet", "-mod=readonly", "./..."],
        cwd=WORKLOADS / "go",
        env={**environ, "GOWORK": "off", "GOTOOLCHAIN": "local"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
