"""Controller and unsealer as pods: how they are confined, how soon they are ready, how much they hold."""

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from llmkeys.api.names import DEFAULT_NAMESPACE
from tests.support.cluster_build import Log
from tests.support.node_cgroups import memory_of
from tests.support.node_installed import Installed
from tests.support.node_workload import AGE, PYTHON

MIB = 1 << 20
LOOK = """
import json
status = dict(line.split(":", 1) for line in open("/proc/1/status"))
print(json.dumps({
    "user": os.getuid(),
    "root is read-only": bool(os.statvfs("/").f_flag & os.ST_RDONLY),
    "capabilities": int(status["CapBnd"], 16),
    "no new privileges": status["NoNewPrivs"].strip(),
    "seccomp": status["Seccomp"].strip(),
    "began": time.time() - age,
}))
"""
CONFINED = {
    "user": 65532,
    "root is read-only": True,
    "capabilities": 0,
    "no new privileges": "1",
    "seccomp": "2",  # a filter
}


@pytest.fixture(scope="module")
def pods(installed: Installed) -> list[dict[str, Any]]:
    listed = installed.plane.kubectl("get", "pods", f"--namespace={DEFAULT_NAMESPACE}", "-o", "json").stdout
    found: list[dict[str, Any]] = json.loads(listed)["items"]
    return found


def of(component: str, pods: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in pods if one["metadata"]["labels"]["app.kubernetes.io/component"] == component]


def look(installed: Installed, pod: dict[str, Any]) -> dict[str, Any]:
    name = pod["metadata"]["name"]
    where = ("exec", name, f"--namespace={DEFAULT_NAMESPACE}", "--")
    seen: dict[str, Any] = json.loads(installed.plane.kubectl(*where, PYTHON, "-P", "-c", AGE + LOOK).stdout)
    return seen


def logged(installed: Installed, pod: dict[str, Any]) -> Iterator[dict[str, Any]]:
    lines = installed.plane.kubectl("logs", pod["metadata"]["name"], f"--namespace={DEFAULT_NAMESPACE}").stdout
    yield from (json.loads(line) for line in lines.splitlines())


@pytest.mark.parametrize("component", ["controller", "unsealer"])
def test_two_pods_run_confined(installed: Installed, pods: list[dict[str, Any]], component: str) -> None:
    mine = of(component, pods)

    assert len(mine) == 2
    for pod in mine:
        assert CONFINED.items() <= look(installed, pod).items()


def test_none_warns_or_restarts(installed: Installed, pods: list[dict[str, Any]]) -> None:
    for pod in pods:
        assert [one["restartCount"] for one in pod["status"]["containerStatuses"]] == [0]
        assert [line for line in logged(installed, pod) if line["event"] == "more rights than needed"] == []


def test_the_controller_is_ready_soon_after_its_start(
    installed: Installed, pods: list[dict[str, Any]], log: Log
) -> None:
    for pod in of("controller", pods):
        ready = next(line for line in logged(installed, pod) if line["event"] == "ready")
        seconds = datetime.fromisoformat(ready["timestamp"]).timestamp() - look(installed, pod)["began"]
        log(f"controller ready {seconds:.1f} s after its start (to be 3 at most)")


@pytest.mark.parametrize(("component", "limit"), [("controller", 100), ("unsealer", 60)])
def test_its_memory_is_within_bounds(
    installed: Installed, pods: list[dict[str, Any]], component: str, limit: int, log: Log
) -> None:
    for pod in of(component, pods):
        container = pod["status"]["containerStatuses"][0]["containerID"].partition("//")[2]
        held = memory_of(installed.cluster.layout.cgroup, container) / MIB
        log(f"{component} holds {held:.0f} MiB (to be {limit} at most)")

        assert held <= limit
