"""The example for Argo CD, judged by Argo CD's own CRD; its module is large, so `make test-gitops` runs this."""

import json
import subprocess
from collections.abc import Iterator
from typing import Any, Final

import pytest
import yaml

from tests.support.cluster import ControlPlane
from tests.support.cluster_install import ROOT
from tests.support.go_files import ARGO_CD, module_files
from tests.support.wait import eventually

APPLICATION: Final = ROOT / "examples" / "gitops" / "argocd" / "application.yaml"


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    with ControlPlane.start() as started:
        if not started.owned:
            pytest.skip("needs a control plane of its own: Argo CD may be at work in another")
        crd = module_files(ARGO_CD) / "application-crd.yaml"
        started.kubectl("apply", "--server-side", "-f", crd)
        served = ("get", "--raw", "/apis/argoproj.io/v1alpha1/applications")
        eventually(lambda: started.kubectl(*served, check=False).returncode == 0, timeout=30, message="the kind")
        started.kubectl("create", "namespace", "argocd")
        yield started


def strictly(plane: ControlPlane, one: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    arguments = ("--server-side", "--dry-run=server", "--validate=strict")
    return plane.kubectl("apply", *arguments, "-f", "-", input=json.dumps(one), check=False)


def test_the_server_knows_every_field(plane: ControlPlane) -> None:
    one = yaml.safe_load(APPLICATION.read_text(encoding="utf-8"))

    judged = strictly(plane, one)

    assert (judged.returncode, judged.stderr) == (0, "")
    one["spec"]["syncPolicy"]["automatic"] = True
    assert ".spec.syncPolicy.automatic: field not declared in schema" in strictly(plane, one).stderr
