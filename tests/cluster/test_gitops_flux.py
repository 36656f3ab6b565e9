"""The examples for Flux, judged by Flux's own CRDs on a real API server: every field is one that Flux knows."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from llmkeys import __version__
from tests.support.cluster import ControlPlane
from tests.support.cluster_install import ROOT
from tests.support.go_files import FLUX, module_files

FILES: Final = sorted((ROOT / "examples" / "gitops" / "flux").glob("*.yaml"))
NAMESPACE: Final = "flux-system"
Object = dict[str, Any]


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """An API server that serves Flux's kinds; nobody answers to them."""
    with ControlPlane.start() as started:
        if not started.owned:
            pytest.skip("needs a control plane of its own: Flux may be at work in another")
        arguments = [part for one in FLUX for part in ("-f", module_files(one))]
        started.kubectl("apply", "--server-side", *arguments)
        started.kubectl("wait", "--for=condition=Established", "--timeout=30s", *arguments)
        started.kubectl("create", "namespace", NAMESPACE)
        yield started


def documents(file: Path) -> list[Object]:
    return [one for one in yaml.safe_load_all(file.read_text(encoding="utf-8")) if one]


def strictly(plane: ControlPlane, content: str) -> subprocess.CompletedProcess[str]:
    arguments = ("--server-side", "--dry-run=server", "--validate=strict")
    return plane.kubectl("apply", *arguments, "-f", "-", input=content, check=False)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_server_knows_every_field(file: Path, plane: ControlPlane) -> None:
    judged = strictly(plane, file.read_text(encoding="utf-8"))

    assert (judged.returncode, judged.stderr) == (0, "")
    assert len(judged.stdout.splitlines()) == len(documents(file))


def test_each_kind_is_in_the_version_that_flux_stores(plane: ControlPlane) -> None:
    """One that is only still served is gone after the next upgrade."""
    crds = json.loads(plane.kubectl("get", "crd", "-o", "json").stdout)["items"]
    stored = {
        f"{crd['spec']['group']}/{version['name']} {crd['spec']['names']['kind']}"
        for crd in crds
        for version in crd["spec"]["versions"]
        if version["storage"] and not version.get("deprecated")
    }
    used = {f"{one['apiVersion']} {one['kind']}" for file in FILES for one in documents(file)}

    assert len(used) == 3
    assert used <= stored


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_field_that_nobody_knows_would_be_noticed(file: Path, plane: ControlPlane) -> None:
    for one in documents(file):
        one["spec"]["intervall"] = "1m"
        assert ".spec.intervall: field not declared in schema" in strictly(plane, json.dumps(one)).stderr


def test_every_reference_leads_to_something_in_the_examples_of_its_folder() -> None:
    there = {(one["kind"], one["metadata"]["name"]) for file in FILES for one in documents(file)}
    for one in (one for file in FILES for one in documents(file)):
        spec = one["spec"]
        sources = [spec.get("sourceRef"), spec.get("chart", {}).get("spec", {}).get("sourceRef")]
        assert {(source["kind"], source["name"]) for source in sources if source} <= there
        assert {("Kustomization", needed["name"]) for needed in spec.get("dependsOn", [])} <= there


def test_the_operator_comes_from_the_chart_of_this_version() -> None:
    (release,) = [one for file in FILES for one in documents(file) if one["kind"] == "HelmRelease"]
    chart = release["spec"]["chart"]["spec"]
    (source,) = [
        one
        for file in FILES
        for one in documents(file)
        if (one["kind"], one["metadata"]["name"]) == (chart["sourceRef"]["kind"], chart["sourceRef"]["name"])
    ]

    assert (ROOT / chart["chart"] / "Chart.yaml").is_file()
    assert source["spec"]["ref"] == {"tag": f"v{__version__}"}
