"""What keys cost when pods start: of one pod beside the same one without, and of two hundred at once."""

import re
import time
from collections.abc import Iterator
from statistics import median

import pytest

from llmkeys.api.names import DEFAULT_NAMESPACE
from tests.support.admin_api import AdminApi
from tests.support.cluster_build import Log
from tests.support.node_installed import Installed
from tests.support.node_pause import PAUSE_IMAGE
from tests.support.node_product import pods_of
from tests.support.node_scene import CREDENTIALS, LABEL, NodeScene
from tests.support.node_workload import PYTHON, RESTRICTED
from tests.support.wait import eventually

OPENAI = {CREDENTIALS: "openai"}
SAY_WHEN = [PYTHON, "-S", "-c", "import time; print(time.time())"]
PAIRS = 10
MANY = 200
ANSWERED = re.compile(
    r'^llmkeys_unsealer_answer_duration_seconds_bucket\{le="(?P<bound>[^"]+)",path="/v1/unseal"\} (?P<count>\S+)',
    re.MULTILINE,
)


def seconds_to_start(scene: NodeScene, name: str, *, labelled: bool) -> float:
    """From the pod's creation to the first words of its program."""
    pod = scene.pod(name, SAY_WHEN, OPENAI)
    if not labelled:
        pod["metadata"]["labels"] = {}
    began = time.time()
    AdminApi(scene.plane).create(f"/api/v1/namespaces/{scene.namespace}/pods", pod)
    said = eventually(lambda: scene.tenant.logs(name), timeout=90, every=0.5, message=f"words of {name}")
    scene.kubectl("delete", "pod", name, "--now")
    return float(said) - began


def test_a_pod_with_a_key_beside_the_same_pod_without(scene: NodeScene, log: Log) -> None:
    scene.deliver()
    seconds_to_start(scene, "first", labelled=True)
    with_key, without = [], []
    for number in range(PAIRS):
        with_key.append(seconds_to_start(scene, f"with-{number}", labelled=True))
        without.append(seconds_to_start(scene, f"without-{number}", labelled=False))

    more = [one - other for one, other in zip(with_key, without, strict=True)]
    log(
        f"pod start, {PAIRS} pairs: {median(without):.2f} s without, {median(with_key):.2f} s with a key; "
        f"{median(more):.2f} s more at the median, {max(more):.2f} s at the most (to be 1.5 at most)"
    )


@pytest.fixture
def one_replica(installed: Installed) -> Iterator[None]:
    # Two hundred pods of the default request would need more processors than a small machine has.
    with installed.with_values("unsealer.replicas=1", "inject.resources.requests.cpu=2m"):
        eventually(lambda: len(pods_of(installed, "unsealer")) == 1, timeout=60, message="one unsealer alone")
        yield


def buckets(installed: Installed) -> dict[float, float]:
    """Answers of the unsealer so far that took at most so many seconds."""
    (pod,) = pods_of(installed, "unsealer")
    path = f"/api/v1/namespaces/{DEFAULT_NAMESPACE}/pods/{pod['metadata']['name']}:8080/proxy/metrics"
    page = installed.plane.kubectl("get", "--raw", path).stdout
    return {float(one["bound"]): float(one["count"]) for one in ANSWERED.finditer(page)}


def bound_of(share: float, counts: dict[float, float]) -> float:
    """The smallest bound within which so large a share of the answers came."""
    return min(bound for bound, count in counts.items() if count >= share * counts[float("inf")])


@pytest.mark.usefixtures("one_replica")
def test_many_pods_at_once_behind_one_replica_of_the_unsealer(installed: Installed, scene: NodeScene, log: Log) -> None:
    scene.deliver()
    container = {"name": "main", "image": PAUSE_IMAGE, "securityContext": RESTRICTED}
    pod = scene.pod("many", [], OPENAI, containers=[container], restartPolicy="Always")
    pod["spec"]["securityContext"] |= {"runAsUser": 1000}
    template = {
        "metadata": {"labels": {LABEL: "true", "app": "many"}, "annotations": OPENAI},
        "spec": pod["spec"],
    }
    spec = {"replicas": MANY, "selector": {"matchLabels": {"app": "many"}}, "template": template}
    before, began = buckets(installed), time.monotonic()
    scene.tenant.apply(scene.own("apps/v1", "Deployment", "many", spec=spec))

    scene.kubectl("rollout", "status", "deployment/many", "--timeout=900s", wait=900)

    seconds = time.monotonic() - began
    counts = {bound: count - before.get(bound, 0.0) for bound, count in buckets(installed).items()}
    openers = [one for each in scene.pods("app=many") for one in each["status"]["initContainerStatuses"]]
    again = sum(one["restartCount"] for one in openers)
    log(
        f"{MANY} pods run {seconds:.0f} s after their Deployment came; containers that opened and failed: {again} "
        f"(to be 0). Of {counts[float('inf')]:.0f} answers of the unsealer 95 % took at most "
        f"{bound_of(0.95, counts):g} s (to be 0.5), half of them {bound_of(0.5, counts):g} s"
    )
    assert len(openers) == MANY
    assert again == 0
