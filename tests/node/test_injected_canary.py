"""Where a key could be found that a pod has: nowhere in the cluster."""

import base64
import json
import sys

from tests.support.node_installed import Installed
from tests.support.node_scene import NodeScene
from tests.support.stage import traces
from tests.support.wait import eventually

# Everything in etcd (https://etcd.io/docs/v3.6/dev-guide/api_grpc_gateway/), printed as it comes.
DUMP = """
import base64, json, sys, urllib.request
zero = base64.b64encode(bytes(1)).decode()
body = json.dumps({"key": zero, "range_end": zero}).encode()
with urllib.request.urlopen("http://127.0.0.1:2379/v3/kv/range", body, timeout=60) as answer:
    sys.stdout.write(answer.read().decode())
"""


def everything(installed: Installed) -> dict[str, bytes]:
    """All keys and values of etcd, which listens on the node's loopback alone."""
    pairs = json.loads(installed.cluster.inside.run(sys.executable, "-I", "-c", DUMP))["kvs"]
    return {base64.b64decode(one["key"]).decode(): base64.b64decode(one.get("value", "")) for one in pairs}


def test_no_key_of_a_running_pod_is_in_the_cluster(installed: Installed, scene: NodeScene) -> None:
    keys = [scene.deliver(), scene.replace_key()]
    scene.tenant.apply(*scene.example("deployment.yaml"), *scene.example("follow.yaml"), *scene.example("job.yaml"))
    scene.wait_rolled_out("chat")
    scene.wait_rolled_out("chat-follow")
    eventually(lambda: scene.chats(keys[1]) >= 3, timeout=60, every=0.5, message="a request of each")

    stored = everything(installed)
    shown = {
        "secrets": scene.kubectl("get", "secrets", "-o", "yaml"),
        "described": scene.kubectl("describe", "pods"),
        "everything": scene.kubectl("get", "all,llmcredentials,configmaps,events", "-o", "yaml"),
    }

    searched = [trace for key in keys for trace in traces(key)]
    assert any(name.startswith(f"/registry/pods/{scene.namespace}/") for name in stored)
    assert [name for name, value in stored.items() if any(trace.encode() in value for trace in searched)] == []
    assert [name for name, text in shown.items() if any(trace in text for trace in searched)] == []
