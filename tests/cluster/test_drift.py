"""Generated Secrets that somebody changes: healed from what is known, without asking a provider."""

import threading
from collections.abc import Callable, Iterator

import pytest

from tests.support.fault_scene import VARIABLES, FaultScene, fault_scene, new_key
from tests.support.simulator.behaviour import Behaviour
from tests.support.wait import eventually

VARIABLE = VARIABLES["openai"]
RIVAL = "argocd-controller"  # sorts before our own name among managers of the same second


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultScene]:
    with fault_scene(tmp_path_factory.mktemp("drift")) as made:
        made.start_operator()
        yield made


@pytest.fixture
def proven(scene: FaultScene) -> str:
    """A credential whose key is delivered, in a namespace of its own; its name."""
    scene.new_namespace("drift")
    scene.proven("chat", scene.provider())
    scene.settle()
    return "chat"


def edited(scene: FaultScene, name: str) -> None:
    scene.api.merge(scene.secret_path(name), {"data": {VARIABLE: "c3RyYW5nZQ==", "MORE": "bW9yZQ=="}})


def emptied(scene: FaultScene, name: str) -> None:
    scene.api.merge(scene.secret_path(name), {"data": None})


def label_removed(scene: FaultScene, name: str) -> None:
    scene.api.merge(scene.secret_path(name), {"metadata": {"labels": None}})


def label_removed_and_edited(scene: FaultScene, name: str) -> None:
    scene.api.merge(scene.secret_path(name), {"metadata": {"labels": None}, "data": {VARIABLE: "c3RyYW5nZQ=="}})


def owner_removed(scene: FaultScene, name: str) -> None:
    scene.api.merge(scene.secret_path(name), {"metadata": {"ownerReferences": None}})


@pytest.mark.parametrize("change", [edited, emptied, label_removed, label_removed_and_edited, owner_removed])
def test_a_changed_secret_is_healed_in_place_without_a_call(
    scene: FaultScene, proven: str, change: Callable[[FaultScene, str], None]
) -> None:
    before = scene.secret_there(proven)
    calls = scene.simulator.calls_total()

    change(scene, proven)

    def healed() -> bool:
        now = scene.secret_there(proven)
        assert now.get("data") == before["data"]
        assert now["metadata"].get("labels") == before["metadata"]["labels"]
        assert now["metadata"].get("ownerReferences") == before["metadata"]["ownerReferences"]
        return True

    eventually(healed)
    assert scene.secret_there(proven)["metadata"]["uid"] == before["metadata"]["uid"]
    scene.wait_condition(proven, "SecretSynced", "True", "Synced")
    assert scene.simulator.calls_total() == calls


def test_a_deleted_secret_comes_back_the_same_without_a_call(scene: FaultScene, proven: str) -> None:
    before = scene.secret_there(proven)
    calls = scene.simulator.calls_total()

    scene.api.delete(scene.secret_path(proven))

    eventually(lambda: scene.secret(proven), message="the Secret")
    after = scene.secret_there(proven)
    assert after["data"] == before["data"]
    assert after["metadata"]["uid"] != before["metadata"]["uid"]
    assert after["metadata"]["ownerReferences"] == before["metadata"]["ownerReferences"]
    eventually(lambda: scene.status(proven)["target"]["uid"] == after["metadata"]["uid"])
    assert scene.simulator.calls_total() == calls


def test_labels_and_annotations_of_others_stay_and_are_no_reason_to_write(scene: FaultScene, proven: str) -> None:
    theirs = {"metadata": {"labels": {"team": "a"}, "annotations": {"note": "ours"}}}

    changed = scene.api.merge(scene.secret_path(proven), theirs)

    version = changed["metadata"]["resourceVersion"]
    eventually(lambda: scene.status(proven)["target"]["resourceVersion"] == version)
    scene.settle()
    assert scene.secret_there(proven)["metadata"]["resourceVersion"] == version


def test_a_writer_who_does_not_give_up_is_named_and_left_alone_while_others_go_on(
    scene: FaultScene, proven: str
) -> None:
    stop = threading.Event()
    theirs = {"data": {VARIABLE: "c3RyYW5nZQ=="}}
    ours = scene.secret_there(proven)["data"]

    def fight() -> None:
        while not stop.is_set():
            if scene.secret_there(proven).get("data") == ours:
                scene.api.merge(scene.secret_path(proven), theirs, manager=RIVAL)

    drifted = scene.operator.metric("llmkeys_drift_total")
    rival = threading.Thread(target=fight)
    rival.start()
    try:
        synced = scene.wait_condition(proven, "SecretSynced", "False", "Contested")
        left_alone = scene.secret_there(proven)["metadata"]["resourceVersion"]
        scene.proven("bystander", scene.provider("openai"))
        scene.settle()
    finally:
        stop.set()
        rival.join()
    assert f'"{RIVAL}"' in synced["message"]
    assert scene.operator.metric("llmkeys_drift_total") - drifted == 5
    now = scene.secret_there(proven)
    assert now["metadata"]["resourceVersion"] == left_alone
    assert now["data"] == theirs["data"] | {k: v for k, v in ours.items() if k != VARIABLE}
    assert scene.conditions(proven)["Active"]["status"] == "True"
    assert len([one for one in scene.events(proven) if one["reason"] == "Contested"]) == 1


def test_a_new_key_is_delivered_even_into_a_contested_secret(scene: FaultScene, proven: str) -> None:
    ours = scene.secret_there(proven)["data"]
    for _ in range(5):
        edited(scene, proven)
        eventually(lambda: scene.secret_there(proven).get("data") == ours, message="the healed Secret")
    edited(scene, proven)
    scene.wait_condition(proven, "SecretSynced", "False", "Contested")

    key = new_key()
    scene.simulator.set(key, Behaviour.GOOD)
    scene.source(f"{proven}-source", key)

    scene.wait_condition(proven, "SecretSynced", "True", "Synced")
    assert scene.delivered(proven) == key
