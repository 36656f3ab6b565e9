"""What is read of a workload, and what an answer of the API server means for its rollout."""

import json
from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from llmkeys.api.rollout import RolloutReason, WorkloadRef
from llmkeys.delivery.rollout import Workload
from llmkeys.engine.effects import (
    ApiUnavailableError,
    ConflictError,
    ForbiddenError,
    NotThereError,
    RefusedError,
)
from llmkeys.kube.client import ApiClient
from llmkeys.kube.workloads import KubeWorkloads

WEB = WorkloadRef("Deployment", "web")
CANARY = WorkloadRef("Rollout", "canary")


@dataclass
class Api:
    """An API server that holds one object, or fails."""

    spec: dict[str, Any] = field(default_factory=dict)
    failure: Exception | None = None
    served: bool = True
    asked: list[str] = field(default_factory=list)
    patched: list[dict[str, Any]] = field(default_factory=list)

    async def get(self, path: str, _resource: str) -> bytes:
        self.asked.append(path)
        if "/namespaces/" not in path:
            if not self.served:
                raise NotThereError("gone")
            return b"{}"
        if self.failure is not None:
            raise self.failure
        return json.dumps({"metadata": {"resourceVersion": "7"}, "spec": self.spec}).encode()

    async def patch(self, path: str, _resource: str, body: dict[str, Any], _kind: str, **_: str) -> bytes:
        self.asked.append(path)
        if self.failure is not None:
            raise self.failure
        self.patched.append(body)
        return b"{}"


def over(api: Api) -> KubeWorkloads:
    return KubeWorkloads(cast("ApiClient", api))


TEMPLATE: dict[str, Any] = {"template": {"metadata": {"annotations": {"llmkeys.dev/delivered": "chat=1.a", "x": "y"}}}}
HELD_BACK = {"replicas": 3, "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 3}}}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (TEMPLATE, Workload("7", "chat=1.a")),
        ({"template": {"metadata": {"annotations": None}}}, Workload("7")),
        ({"template": {}, "strategy": {"type": "Recreate"}}, Workload("7")),
        ({"template": {}, "paused": True}, Workload("7", paused=True)),
        ({"template": {}, "updateStrategy": {"type": "OnDelete"}}, Workload("7", hindrance=RolloutReason.ON_DELETE)),
        ({"template": {}, **HELD_BACK}, Workload("7", hindrance=RolloutReason.PARTITIONED)),
        ({"template": {}, **HELD_BACK, "replicas": 4}, Workload("7")),
        ({"template": {}, **HELD_BACK, "replicas": 0}, Workload("7")),
        ({"workloadRef": {"name": "web"}}, Workload("7", hindrance=RolloutReason.NO_TEMPLATE)),
    ],
)
async def test_what_matters_of_a_workload_is_read(spec: dict[str, Any], expected: Workload) -> None:
    assert await over(Api(spec)).read("team", WEB) == expected


@pytest.mark.parametrize(
    ("ref", "path"),
    [
        (WEB, "/apis/apps/v1/namespaces/team/deployments/web"),
        (WorkloadRef("StatefulSet", "db"), "/apis/apps/v1/namespaces/team/statefulsets/db"),
        (WorkloadRef("DaemonSet", "node"), "/apis/apps/v1/namespaces/team/daemonsets/node"),
        (CANARY, "/apis/argoproj.io/v1alpha1/namespaces/team/rollouts/canary"),
    ],
)
async def test_each_kind_has_its_place(ref: WorkloadRef, path: str) -> None:
    api = Api(TEMPLATE)

    await over(api).read("team", ref)
    await over(api).roll_out("team", ref, "7", "chat=1.b")

    assert api.asked == [path, path]


@pytest.mark.parametrize(
    ("failure", "served", "reason"),
    [
        (NotThereError("gone"), True, RolloutReason.NOT_FOUND),
        (NotThereError("gone"), False, RolloutReason.KIND_NOT_SERVED),
        (ForbiddenError("no"), True, RolloutReason.FORBIDDEN),
        (ForbiddenError("no"), False, RolloutReason.KIND_NOT_SERVED),
    ],
)
async def test_why_one_cannot_be_read_is_told(failure: Exception, served: bool, reason: RolloutReason) -> None:
    assert await over(Api(failure=failure, served=served)).read("team", CANARY) is reason


async def test_a_restart_changes_one_annotation_of_the_version_that_was_read() -> None:
    api = Api()

    assert await over(api).roll_out("team", WEB, "7", "chat=1.b") is None

    template = {"metadata": {"annotations": {"llmkeys.dev/delivered": "chat=1.b"}}}
    assert api.patched == [{"metadata": {"resourceVersion": "7"}, "spec": {"template": template}}]


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (NotThereError("gone"), RolloutReason.NOT_FOUND),
        (ForbiddenError("no"), RolloutReason.FORBIDDEN),
        (RefusedError("no"), RolloutReason.REFUSED),
    ],
)
async def test_why_one_cannot_be_restarted_is_told(failure: Exception, reason: RolloutReason) -> None:
    assert await over(Api(failure=failure)).roll_out("team", WEB, "7", "chat=1.b") is reason


@pytest.mark.parametrize("failure", [ConflictError("changed"), ApiUnavailableError("away")])
async def test_what_time_helps_is_raised(failure: Exception) -> None:
    with pytest.raises(type(failure)):
        await over(Api(failure=failure)).roll_out("team", WEB, "7", "chat=1.b")


@pytest.mark.parametrize("spec", [[], "text", {"paused": "yes"}, {"template": []}])
async def test_an_answer_that_is_no_workload_is_an_api_server_that_does_not_answer(spec: Any) -> None:
    with pytest.raises(ApiUnavailableError):
        await over(Api(spec)).read("team", WEB)
