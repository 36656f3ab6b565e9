"""Pods that may not have a key, or cannot have it yet."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.cluster_build import Log
from tests.support.node_installed import Installed
from tests.support.node_openers import Openers
from tests.support.node_product import HERE
from tests.support.node_scene import ACCOUNT, CREDENTIALS, NodeScene
from tests.support.node_workload import PYTHON, STRANGER
from tests.support.wait import eventually

OPENAI = {CREDENTIALS: "openai"}
SHOW = [PYTHON, "-c", "import os; print(os.environ['OPENAI_API_KEY'])"]
SHOW_AND_STAY = [PYTHON, "-uc", "import os, time; print(os.environ['OPENAI_API_KEY']); time.sleep(3600)"]
DENIED = 14
WITHIN = 10.0
STATUSES = ("initContainerStatuses", "containerStatuses")


class Unsealer:
    """The unsealer's Deployment."""

    def __init__(self, installed: Installed) -> None:
        self._kubectl = installed.plane.kubectl

    def stop(self) -> None:
        self._scale(0)
        chosen = "--selector=app.kubernetes.io/component=unsealer"
        self._kubectl("delete", "pod", "--now", chosen, HERE, timeout=90)

    def start(self) -> None:
        self._scale(2)
        self._kubectl("rollout", "status", "deployment/llmkeys-unsealer", "--timeout=90s", HERE, timeout=120)

    @contextmanager
    def stopped(self) -> Iterator[None]:
        self.stop()
        try:
            yield
        finally:
            self.start()

    def _scale(self, replicas: int) -> None:
        self._kubectl("scale", "deployment/llmkeys-unsealer", f"--replicas={replicas}", HERE)


@pytest.fixture
def unsealer(installed: Installed) -> Unsealer:
    return Unsealer(installed)


def said(scene: NodeScene, pod: str) -> str:
    """What the container that opens has said so far; nothing before it runs."""
    return scene.kubectl("logs", pod, "-c", "llmkeys", check=False)


def wait_until_said(scene: NodeScene, pod: str, words: str) -> None:
    eventually(lambda: words in said(scene, pod), timeout=60, every=0.2, message=f"'{words}' in the log of {pod}")


def test_a_pod_of_another_account_does_not_start_and_says_why(scene: NodeScene) -> None:
    scene.deliver()
    scene.tenant.apply(scene.own("v1", "ServiceAccount", STRANGER))

    ended, text = scene.tenant.run(scene.pod("chat", SHOW, OPENAI, serviceAccountName=STRANGER))

    assert text == ""
    assert list(ended) == ["llmkeys"]
    assert ended["llmkeys"].code == DENIED
    assert f'account "{STRANGER}" may not have LLMCredential "openai" opened' in ended["llmkeys"].message


def test_an_account_that_is_taken_off_the_list_is_refused_soon(scene: NodeScene, log: Log) -> None:
    scene.deliver()
    openers = Openers(scene.tenant, scene.get("llmcredential", "openai"), pods=1)
    openers.wait_for_more(1)

    scene.change("openai", target={"serviceAccounts": []})
    changed = time.time()

    later = openers.wait_for_more(5, after=changed + WITHIN)
    last = max(one.began for one in openers.openings() if one.succeeded)
    log(f"the last opening began {last - changed:.1f} s after the account was taken off the list (10 at most)")
    assert [one for one in later if one.succeeded] == []
    assert f'account "{ACCOUNT}" may not have LLMCredential "openai" opened' in later[0].outcome
    ended, _ = scene.tenant.run(scene.pod("chat", SHOW, OPENAI))
    assert ended["llmkeys"].code == DENIED


def test_a_pod_that_starts_while_the_unsealer_is_down_waits_for_it(scene: NodeScene, unsealer: Unsealer) -> None:
    key = scene.deliver()
    pod = scene.pod("chat", SHOW, OPENAI)
    with unsealer.stopped():
        scene.tenant.apply(pod)
        wait_until_said(scene, "chat", "does not answer")

    ended, text = scene.tenant.run(pod)

    assert text == f"{key}\n"
    assert {one.code for one in ended.values()} == {0}


def test_an_envelope_that_is_outdated_before_it_is_opened_is_read_anew(scene: NodeScene, unsealer: Unsealer) -> None:
    scene.deliver()
    pod = scene.pod("chat", SHOW, OPENAI)
    with unsealer.stopped():
        scene.tenant.apply(pod)
        wait_until_said(scene, "chat", "does not answer")
        # Disabling makes all envelopes so far worthless.
        scene.change("openai", enabled=False)
        scene.kubectl("wait", "--for=condition=Ready=False", "--timeout=60s", "llmcredential/openai")
        scene.change("openai", enabled=True)
        scene.wait_for("openai", "Ready")
        key = scene.replace_key()

    ended, text = scene.tenant.run(pod)

    assert text == f"{key}\n"
    assert ended["llmkeys"].code == 0


def test_pods_that_start_again_with_their_node_wait_for_the_unsealer(
    scene: NodeScene, unsealer: Unsealer, installed: Installed
) -> None:
    key = scene.deliver()
    scene.tenant.apply(scene.pod("chat", SHOW_AND_STAY, OPENAI, restartPolicy="Always"))
    eventually(lambda: key in scene.tenant.logs("chat"), timeout=60, every=0.5, message="the first start")
    with unsealer.stopped():
        # All that a reboot leaves of a pod is its object.
        installed.cluster.runtime.end_pod(scene.namespace, "chat")
        wait_until_said(scene, "chat", "does not answer")

    def runs_again() -> bool:
        (opener,), (main,) = (scene.get("pod", "chat")["status"][part] for part in STATUSES)
        return (opener["restartCount"], main["restartCount"], main["ready"]) == (1, 1, True)

    eventually(runs_again, timeout=90, every=0.5, message="the second start")
    assert scene.tenant.logs("chat") == f"{key}\n"
