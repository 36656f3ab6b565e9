"""Pods that may have an envelope opened, and their tokens. Nothing runs them, and for a token nothing needs to."""

import msgspec

from bench.kube import NAMESPACES, Kube
from llmkeys.api.names import TOKEN_AUDIENCE

_PREFIX = "bench-pod"


async def pod_tokens(kube: Kube, namespace: str, account: str, count: int) -> list[str]:
    """Create the account and some pods of it; a token of each as the kubelet projects it."""
    base = f"{NAMESPACES}/{namespace}"
    await kube.create(f"{base}/serviceaccounts", {"metadata": {"name": account}})
    return [await _token(kube, base, account, f"{_PREFIX}-{index}") for index in range(count)]


async def remove_pods(kube: Kube, namespace: str, account: str, count: int) -> None:
    """Delete what `pod_tokens` has created."""
    base = f"{NAMESPACES}/{namespace}"
    for index in range(count):
        await kube.delete(f"{base}/pods/{_PREFIX}-{index}?gracePeriodSeconds=0")
    await kube.delete(f"{base}/serviceaccounts/{account}")


async def _token(kube: Kube, base: str, account: str, name: str) -> str:
    spec = {"serviceAccountName": account, "containers": [{"name": "main", "image": "none"}]}
    await kube.create(f"{base}/pods", {"metadata": {"name": name}, "spec": spec})
    uid = (await kube.get(f"{base}/pods/{name}"))["metadata"]["uid"]
    bound = {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid}
    request = {"spec": {"audiences": [TOKEN_AUDIENCE], "boundObjectRef": bound}}
    answer = await kube.send("POST", f"{base}/serviceaccounts/{account}/token", request)
    return str(msgspec.json.decode(answer)["status"]["token"])
