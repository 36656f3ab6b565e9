"""Pods of the product are replaced while others need them."""

import json
from typing import Any

import pytest

from llmkeys.api.names import DEFAULT_NAMESPACE, LEASE
from tests.support.cluster_build import Log
from tests.support.node_installed import Installed
from tests.support.node_openers import Openers
from tests.support.node_product import HERE, pods_of
from tests.support.node_provider import GOOD_KEY, NodeProvider
from tests.support.node_workload import Tenant
from tests.support.wait import eventually

PODS = f"/api/v1/namespaces/{DEFAULT_NAMESPACE}/pods"
ENOUGH = 40


def names(installed: Installed, component: str) -> set[str]:
    return {one["metadata"]["name"] for one in pods_of(installed, component)}


def wait_until_gone(installed: Installed, pods: set[str]) -> None:
    """Return when the pods of the product are others than these, all of them ready."""
    kubectl = installed.plane.kubectl
    kubectl("wait", "--for=delete", "--timeout=90s", HERE, *(f"pod/{name}" for name in sorted(pods)), timeout=120)
    for deployment in ("llmkeys-controller", "llmkeys-unsealer"):
        kubectl("rollout", "status", f"deployment/{deployment}", "--timeout=90s", HERE, timeout=120)


def test_no_opening_fails_while_every_replica_of_the_unsealer_is_replaced(
    installed: Installed, tenant: Tenant, provider: NodeProvider, log: Log
) -> None:
    openers = Openers(tenant, tenant.deliver(provider, GOOD_KEY, ["chat"]), pods=2)
    opened = len(openers.wait_for_more(ENOUGH))
    before = names(installed, "unsealer")

    installed.plane.kubectl("rollout", "restart", "deployment/llmkeys-unsealer", HERE)
    wait_until_gone(installed, before)

    more = len(openers.wait_for_more(ENOUGH)) - opened
    log(f"{more} openings during a rolling restart of the unsealer (to fail: 0)")
    assert openers.failures() == []


class Controllers:
    """The controller's replicas and which of them leads."""

    def __init__(self, installed: Installed) -> None:
        self._kubectl = installed.plane.kubectl

    def leader(self) -> str:
        """The name of the pod that holds the Lease."""
        found = json.loads(self._kubectl("get", "lease", LEASE, HERE, "-o", "json").stdout)
        return str(found["spec"].get("holderIdentity", "")).partition("_")[0]

    def evict(self, pod: str) -> str:
        """Ask as `kubectl drain` does; the refusal, empty if there was none."""
        eviction = {
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod, "namespace": DEFAULT_NAMESPACE},
        }
        done = self._kubectl(
            "create", "--raw", f"{PODS}/{pod}/eviction", "-f", "-", input=json.dumps(eviction), check=False
        )
        return done.stderr if done.returncode else ""


@pytest.fixture
def controllers(installed: Installed) -> Controllers:
    return Controllers(installed)


def delivered(installed: Installed, tenant: Tenant) -> dict[str, Any]:
    """What a rewritten Secret and a repeated look at the key would change."""
    where = f"--namespace={tenant.namespace}"
    get = installed.plane.kubectl
    status = json.loads(get("get", "llmcredential/openai", where, "-o", "json").stdout)["status"]
    secret = json.loads(get("get", "secret/openai", where, "-o", "json").stdout)
    looks = [(one["name"], one["lastProbeTime"]) for one in status["keys"]]
    return {"looks": looks, "target": status["target"], "data": secret["data"], "conditions": status["conditions"]}


def test_when_the_leader_is_evicted_the_other_replica_leads_and_nothing_is_lost(
    installed: Installed, controllers: Controllers, tenant: Tenant, provider: NodeProvider
) -> None:
    tenant.deliver(provider, GOOD_KEY, ["chat"])
    before, pods = delivered(installed, tenant), names(installed, "controller")
    leader = controllers.leader()
    (standby,) = pods - {leader}

    assert controllers.evict(leader) == ""
    assert "disruption budget" in controllers.evict(standby)

    eventually(lambda: controllers.leader() == standby, timeout=20, message="the other's leadership")
    wait_until_gone(installed, {leader})
    assert delivered(installed, tenant) == before
    tenant.deliver(provider, GOOD_KEY, ["chat", "another"])
    eventually(lambda: observed(installed, tenant), timeout=20, message="what the new leader makes of a change")


def observed(installed: Installed, tenant: Tenant) -> bool:
    """Whether the credential has been dealt with as it now is."""
    got = installed.plane.kubectl("get", "llmcredential/openai", f"--namespace={tenant.namespace}", "-o", "json").stdout
    found = json.loads(got)
    return bool(found["status"]["observedGeneration"] == found["metadata"]["generation"])
