"""How long a new key takes to the files of a running pod, with a kubelet that goes its own pace."""

import json
import time
from collections.abc import Iterator

import pytest

from tests.support.cluster_build import Log
from tests.support.node_installed import Installed
from tests.support.node_scene import CREDENTIALS, FOLLOW, MOUNT, NodeScene
from tests.support.node_workload import PYTHON
from tests.support.wait import eventually

NOTES = {CREDENTIALS: "openai", FOLLOW: "true", MOUNT: "/keys"}
TIMES = 4
WATCH = """
import json, time
seen = ""
while True:
    try:
        with open("/keys/openai/OPENAI_API_KEY") as file:
            found = file.read()
    except OSError:
        found = seen
    if found != seen:
        seen = found
        print(json.dumps([found, time.time()]), flush=True)
    time.sleep(0.05)
"""


def moments(scene: NodeScene) -> dict[str, float]:
    """When each key was first seen in the pod."""
    return dict(json.loads(line) for line in scene.tenant.logs("watching").splitlines())


def seconds_to_files(scene: NodeScene) -> list[float]:
    first = scene.deliver()
    scene.tenant.apply(scene.pod("watching", [PYTHON, "-c", WATCH], NOTES))
    eventually(lambda: first in moments(scene), timeout=60, every=0.5, message="the first key")
    taken = []
    for _ in range(TIMES):
        key = scene.new_key()
        entry = scene.entry("openai", key)
        began = time.time()
        scene.change("openai", keys=[entry])
        eventually(lambda key=key: key in moments(scene), timeout=150, every=0.5, message="the new key")  # type: ignore[misc]
        taken.append(moments(scene)[key] - began)
    return taken


def test_without_help(scene: NodeScene, log: Log) -> None:
    taken = seconds_to_files(scene)

    log(f"a new key in the files of a pod after {shown(taken)} s (to be 75 at most)")


@pytest.fixture
def nudging(installed: Installed) -> Iterator[None]:
    with installed.with_values("nudge.enabled=true"):
        yield


@pytest.mark.usefixtures("nudging")
def test_nudged(scene: NodeScene, log: Log) -> None:
    taken = seconds_to_files(scene)

    log(f"a new key in the files of a pod that is nudged after {shown(taken)} s (to be 2 at most)")


def shown(taken: list[float]) -> str:
    return ", ".join(f"{one:.1f}" for one in taken)
