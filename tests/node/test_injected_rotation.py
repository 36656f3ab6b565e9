"""A new key reaches pods that run."""

from tests.support.node_scene import NodeScene
from tests.support.simulator.behaviour import Behaviour
from tests.support.wait import eventually


def restarts(scene: NodeScene) -> list[int]:
    return [one["restartCount"] for pod in scene.pods() for one in pod["status"]["containerStatuses"]]


def wait_for_chats(scene: NodeScene, key: str, more: int = 1) -> None:
    wanted = scene.chats(key) + more
    eventually(lambda: scene.chats(key) >= wanted, timeout=60, every=0.5, message="requests with the key")


def test_a_program_that_reads_files_goes_on_with_the_new_key(scene: NodeScene) -> None:
    old = scene.deliver()
    scene.tenant.apply(*scene.example("follow.yaml"))
    scene.wait_rolled_out("chat-follow")
    wait_for_chats(scene, old)

    new = scene.replace_key()

    wait_for_chats(scene, new)
    scene.provider.simulator.set(old, Behaviour.REVOKED)
    wait_for_chats(scene, new, 2)
    assert restarts(scene) == [0]


def test_a_program_that_reads_variables_has_the_new_key_after_a_restart_and_the_old_one_until_then(
    scene: NodeScene,
) -> None:
    old = scene.deliver()
    scene.tenant.apply(*scene.example("deployment.yaml"))
    scene.wait_rolled_out("chat")
    wait_for_chats(scene, old)

    new = scene.replace_key()

    wait_for_chats(scene, old)
    assert scene.chats(new) == 0
    scene.kubectl("rollout", "restart", "deployment/chat")
    scene.wait_rolled_out("chat")
    wait_for_chats(scene, new)
    scene.provider.simulator.set(old, Behaviour.REVOKED)
    wait_for_chats(scene, new, 2)


def test_a_container_that_ends_by_a_revoked_key_begins_again_with_the_new_one(scene: NodeScene) -> None:
    old = scene.deliver()
    objects = scene.example("follow.yaml")
    objects[-1]["spec"]["template"]["spec"]["containers"][0]["args"] = ["/app/chat.py"]
    scene.tenant.apply(*objects)
    scene.wait_rolled_out("chat-follow")
    new = scene.replace_key()

    scene.provider.simulator.set(old, Behaviour.REVOKED)

    wait_for_chats(scene, new)
    assert restarts(scene) != [0]
