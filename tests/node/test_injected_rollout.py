"""Workloads that read variables are restarted for a new key, where the credential names them."""

from collections.abc import Iterator

import pytest

from tests.support.node_installed import Installed
from tests.support.node_scene import NodeScene
from tests.support.node_workload import Object
from tests.support.simulator.behaviour import Behaviour
from tests.support.wait import eventually


@pytest.fixture(scope="module")
def allowed(installed: Installed) -> Iterator[None]:
    with installed.with_values("rollouts.enabled=true"):
        yield


@pytest.mark.usefixtures("allowed")
def test_a_deployment_is_restarted_with_the_new_key(scene: NodeScene) -> None:
    rollout = {"targets": [{"kind": "Deployment", "name": "chat"}], "minInterval": "1m"}
    old = scene.deliver(rollout=rollout)
    scene.tenant.apply(*scene.example("deployment.yaml"))
    scene.wait_rolled_out("chat")
    (before,) = scene.pods("app=chat")

    new = scene.replace_key()

    eventually(lambda: scene.chats(new) >= 1, timeout=90, every=0.5, message="a request with the new key")
    scene.wait_rolled_out("chat")
    scene.provider.simulator.set(old, Behaviour.REVOKED)
    eventually(lambda: scene.chats(new) >= 3, timeout=60, every=0.5, message="more of them")
    assert before["metadata"]["uid"] not in [one["metadata"]["uid"] for one in running(scene)]
    assert [one["status"]["containerStatuses"][0]["restartCount"] for one in running(scene)] == [0]


def running(scene: NodeScene) -> list[Object]:
    return [one for one in scene.pods("app=chat") if "deletionTimestamp" not in one["metadata"]]
