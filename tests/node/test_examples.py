"""The examples, applied as they are."""

import json
from typing import Any

from tests.support.cluster_install import ROOT
from tests.support.node_installed import Installed
from tests.support.node_workload import Tenant
from tests.support.wait import eventually

EXAMPLES = ROOT / "examples"
KINDS = "llmproviders,llmcredentials"


def test_every_object_of_the_examples_gets_a_status(installed: Installed, tenant: Tenant) -> None:
    where = f"--namespace={tenant.namespace}"
    installed.plane.kubectl("apply", where, "-f", EXAMPLES)

    def listed() -> list[dict[str, Any]]:
        found = json.loads(installed.plane.kubectl("get", KINDS, where, "-o", "json").stdout)
        items: list[dict[str, Any]] = found["items"]
        return items

    def all_observed() -> bool:
        behind = [one["metadata"]["name"] for one in listed() if one["status"]["observedGeneration"] < 1]
        assert not behind, behind
        return True

    try:
        assert listed()
        eventually(all_observed, timeout=60, message="a status on all of them")
    finally:
        installed.plane.kubectl("delete", where, "--wait=false", "-f", EXAMPLES)
