"""What the product's pods use that have nothing to do, with a thousand credentials delivered."""

import json
import time

from llmkeys.api.names import API_VERSION, CREDENTIAL_KIND, PROVIDER_KIND, SOURCE_LABEL
from tests.support.cluster_build import Log
from tests.support.node_installed import Installed
from tests.support.node_product import memory, pods_of, processor_seconds
from tests.support.node_provider import GOOD_KEYS, TYPE, NodeProvider
from tests.support.node_workload import Object, Tenant
from tests.support.wait import eventually

COUNT = 1000
WINDOW = 60.0
SETTLING = 20.0


def credential(tenant: Tenant, number: int) -> Object:
    fields = {"apiKey": f"KEY_{number}"}
    return {
        "apiVersion": API_VERSION,
        "kind": CREDENTIAL_KIND,
        "metadata": {"name": f"one-{number}", "namespace": tenant.namespace},
        "spec": {
            "providerRef": {"name": "many"},
            "keys": [{"name": "primary", "secretRef": {"name": "many", "fields": fields}}],
        },
    }


def source(tenant: Tenant) -> Object:
    metadata = {"name": "many", "namespace": tenant.namespace, "labels": {SOURCE_LABEL: "true"}}
    content = {f"KEY_{number}": GOOD_KEYS[number] for number in range(COUNT)}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": content}


def test_the_controller_with_a_thousand_credentials_and_nothing_to_do(
    installed: Installed, tenant: Tenant, provider: NodeProvider, log: Log
) -> None:
    spec = {
        "type": TYPE,
        "baseURL": provider.base_url,
        "network": {"caBundle": provider.ca_bundle, "allowPrivateAddresses": True},
        "validation": {"requestsPerSecond": 1000, "maxConcurrent": 64},
    }
    tenant.apply(
        {"apiVersion": API_VERSION, "kind": PROVIDER_KIND, "metadata": {"name": "many"}, "spec": spec}, source(tenant)
    )
    tenant.apply(*(credential(tenant, number) for number in range(COUNT)))

    def all_ready() -> bool:
        shown = installed.plane.kubectl(
            "get", "llmprovider", "many", "-o", "jsonpath={.status.credentials}", check=False
        ).stdout
        return bool(shown) and json.loads(shown)["active"] == COUNT

    eventually(all_ready, timeout=300, every=2, message=f"{COUNT} delivered keys")
    time.sleep(SETTLING)
    pods = [(one, component) for component in ("controller", "unsealer") for one in pods_of(installed, component)]
    before = [processor_seconds(installed, pod) for pod, _ in pods]
    time.sleep(WINDOW)
    for (pod, component), used in zip(pods, before, strict=True):
        share = (processor_seconds(installed, pod) - used) / WINDOW
        held = memory(installed, pod)
        bounds = {"controller": "1 % and 100", "unsealer": "1 % and 60"}[component]
        log(f"{component} at {COUNT} credentials: {share:.2%} of a core, {held:.0f} MiB (to be {bounds} MiB at most)")
