"""An operator killed between any two writes: nothing is lost, doubled or overwritten, and the end is the same."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.fault_scene import FaultScene, by_type, fault_scene, new_key
from tests.support.simulator.behaviour import Behaviour
from tests.support.wait import eventually

MOST_WRITES = 15
SLOW = 400.0  # milliseconds: long enough for an early status, the write that says what is being done


@dataclass(frozen=True)
class Story:
    """Something that takes several writes.

    Args:
        key: that is delivered at the end.
        provider: its name.
        first: the Secret as it was before, None if there was none.
    """

    key: str
    provider: str
    first: dict[str, Any] | None


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultScene]:
    with fault_scene(tmp_path_factory.mktemp("crash"), proxied=True) as made:
        made.simulator.latency("openai", SLOW)
        yield made


def begin_first_delivery(scene: FaultScene) -> Story:
    """A new credential, its first key refused, so that there is an Event to be told and a second key to be used."""
    provider = scene.provider()
    key, refused = new_key(), new_key()
    scene.simulator.set_many({key: Behaviour.GOOD, refused: Behaviour.NO_MONEY})
    scene.source("empty-source", refused)
    scene.source("good-source", key)
    keys = [{"name": name, "secretRef": {"name": f"{name}-source"}} for name in ("empty", "good")]
    scene.api.create(scene.credential_path("").rstrip("/"), scene.manifest("chat", provider, keys=keys))
    return Story(key, provider, None)


def begin_rotation(scene: FaultScene) -> Story:
    """The key of a credential is replaced by a good one."""
    first = scene.secret_there("chat")
    provider = scene.api.get(scene.credential_path("chat"))["spec"]["providerRef"]["name"]
    key = new_key()
    scene.simulator.set(key, Behaviour.GOOD)
    scene.source("chat-source", key)
    return Story(key, provider, first)


def begin_withdrawal(scene: FaultScene) -> Story:
    """A credential is switched off."""
    first = scene.secret_there("chat")
    found = scene.api.merge(scene.credential_path("chat"), {"spec": {"enabled": False}})
    return Story("", found["spec"]["providerRef"]["name"], first)


def prepare_nothing(scene: FaultScene) -> None:
    """The story begins with its own manifests."""


def prepare_delivered(scene: FaultScene) -> None:
    scene.proven("chat", scene.provider())
    scene.settle()


@pytest.mark.parametrize(
    ("prepare", "begin", "at_least"),
    [
        (prepare_nothing, begin_first_delivery, 5),
        (prepare_delivered, begin_rotation, 3),
        (prepare_delivered, begin_withdrawal, 3),
    ],
    ids=["first delivery", "rotation", "withdrawal"],
)
def test_killed_after_any_of_its_writes_it_ends_as_if_nothing_had_happened(
    scene: FaultScene,
    prepare: Callable[[FaultScene], None],
    begin: Callable[[FaultScene], Story],
    at_least: int,
) -> None:
    crashes = 0
    while crash(scene, prepare, begin, after=crashes + 1):
        crashes += 1
        assert crashes < MOST_WRITES, "it does not come to an end"
    assert crashes >= at_least, f"the story has {crashes} writes only"


def crash(
    scene: FaultScene, prepare: Callable[[FaultScene], None], begin: Callable[[FaultScene], Story], after: int
) -> bool:
    """Kill the operator after a write of the story and see how it ends; False if the story has fewer writes."""
    scene.new_namespace("crash")
    scene.start_operator()
    try:
        prepare(scene)
        cut = scene.proxy.hold_after(after)
        story = begin(scene)
        eventually(lambda: cut.reached.is_set() or told(scene, story), timeout=20, message=f"write {after}, or the end")
        scene.operator.kill()
        scene.proxy.release()
        at_crash = scene.secret("chat")
        scene.start_operator()
        eventually(lambda: told(scene, story), timeout=20, message=f"the end after a crash at write {after}")
        scene.settle()
    finally:
        scene.proxy.release()
        scene.stop_operator()
    check_end(scene, story)
    check_not_rewritten(scene, story, at_crash)
    return cut.reached.is_set()


def told(scene: FaultScene, story: Story) -> bool:
    """Whether everything has been written that will be."""
    found = scene.api.get(scene.credential_path("chat"))
    conditions = by_type(found["status"])
    assert found["status"].get("observedGeneration") == found["metadata"]["generation"]
    ready = conditions.get("Ready", {"status": "not there yet"})
    assert (ready["status"] == "True") == bool(story.key), ready
    assert conditions["Reconciling"]["status"] == "False"
    assert (scene.delivered("chat") or "") == story.key
    target = found["status"]["target"]
    assert target["resourceVersion"] == scene.secret_there("chat")["metadata"]["resourceVersion"]
    counts = scene.api.get(scene.provider_path(story.provider))["status"]["credentials"]
    return bool(counts["total"] == 1 and counts["active"] == (1 if story.key else 0))


def check_end(scene: FaultScene, story: Story) -> None:
    secrets = scene.api.get(f"/api/v1/namespaces/{scene.namespace}/secrets?labelSelector=llmkeys.dev%2Fcredential")
    assert [one["metadata"]["name"] for one in secrets["items"]] == ["chat"]
    events = [one["reason"] for one in scene.events("chat")]
    assert len(events) == len(set(events)), "an Event was told twice"
    # One look before the crash whose answer was lost, one after it; never more.
    if story.key:
        assert len(scene.simulator.calls(story.key)) <= 2


def check_not_rewritten(scene: FaultScene, story: Story, at_crash: dict[str, Any] | None) -> None:
    now = scene.secret_there("chat")
    if story.first is not None:
        assert now["metadata"]["uid"] == story.first["metadata"]["uid"]
    if at_crash is not None and at_crash.get("data") == now.get("data"):
        assert now["metadata"]["resourceVersion"] == at_crash["metadata"]["resourceVersion"], "written twice"
