"""An operator killed after any write of a bootstrap, on a real API server: nothing is made twice, nothing is lost.

BOOTSTRAP_CRASHES=100 kills it a hundred times after each of them.
"""

import os
from collections.abc import Iterator

import pytest

from tests.support.bootstrap_scene import WRITES, BootstrapScene, bootstrap_scene
from tests.support.wait import eventually

ROUNDS = int(os.environ.get("BOOTSTRAP_CRASHES", "1"))
MOST_WRITES = 20


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BootstrapScene]:
    with bootstrap_scene(tmp_path_factory.mktemp("bootstrap-crash")) as made:
        yield made


@pytest.mark.parametrize("round_", range(ROUNDS))
def test_killed_after_any_of_its_writes_it_ends_as_if_nothing_had_happened(scene: BootstrapScene, round_: int) -> None:
    crashes = 0
    while crash(scene, after=crashes + 1):
        crashes += 1
        assert crashes < MOST_WRITES, "it does not come to an end"
    assert crashes >= 8, f"round {round_}: a bootstrap has {crashes} writes only"


def crash(scene: BootstrapScene, after: int) -> bool:
    """Kill the operator after a write, start another, and see how it ends; False if there are fewer writes."""
    scene.reset()
    proxy = scene.scene.proxy
    scene.scene.start_operator()
    try:
        cut = proxy.hold_after(after, "POST|PATCH", WRITES)
        scene.hand_over(scene.template(enabled=False))
        eventually(
            lambda: cut.reached.is_set() or scene.notes().get("finished"),
            timeout=30,
            message=f"write {after}, or the end",
        )
        scene.scene.operator.kill()
        proxy.release()
        at_crash = scene.uids()
        deleted = scene.delete_something_noted()
        scene.scene.start_operator()
        scene.ends_as_if_nothing_had_happened(at_crash, deleted)
        proxy.forget()
        scene.scene.stop_operator()
        scene.scene.start_operator()
        scene.scene.settle()
        assert not proxy.passed("POST|PATCH|PUT", WRITES), "a restart writes"
    finally:
        proxy.release()
        scene.scene.stop_operator()
    return cut.reached.is_set()
