"""Pods that are labelled find their keys as ordinary variables and files."""

import json
from collections.abc import Sequence

from tests.support.cluster_build import Log
from tests.support.node_provider import TYPE
from tests.support.node_scene import CREDENTIALS, FOLLOW, MOUNT, NodeScene
from tests.support.node_workload import PYTHON, Object
from tests.support.simulator.chatting import REPLY
from tests.support.wait import eventually

OPENAI = {CREDENTIALS: "openai"}
KEY = "OPENAI_API_KEY"


def printing(*names: str) -> list[str]:
    """A command that prints variables."""
    return [PYTHON, "-c", f"import json, os; print(json.dumps([os.environ.get(name) for name in {names!r}]))"]


def printed(text: str) -> Sequence[str | None]:
    values: list[str | None] = json.loads(text)
    return values


def names(containers: Sequence[Object]) -> list[str]:
    return [one["name"] for one in containers]


def test_a_labelled_deployment_prints_its_models_answer(scene: NodeScene) -> None:
    key = scene.deliver()
    scene.tenant.apply(*scene.example("deployment.yaml"))

    scene.wait_rolled_out("chat")

    eventually(lambda: REPLY in scene.tenant.logs("deployment/chat"), timeout=30, every=0.5, message="an answer")
    assert scene.chats(key) >= 1


def test_a_job_with_a_sidecar_completes(scene: NodeScene) -> None:
    scene.deliver()
    scene.tenant.apply(*scene.example("job.yaml"))

    scene.kubectl("wait", "--for=condition=Complete", "--timeout=90s", "job/chat-once")

    assert scene.tenant.logs("job/chat-once") == f"{REPLY}\n"


def test_all_containers_of_the_user_are_served_whatever_user_they_run_as(scene: NodeScene) -> None:
    key = scene.deliver()
    context = {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}}
    pod = scene.pod(
        "several",
        [],
        OPENAI,
        securityContext=context,
        initContainers=[scene.container("prepare", printing(KEY))],
        containers=[scene.container("first", printing(KEY)), scene.container("second", printing(KEY))],
    )

    ended, _ = scene.tenant.run(pod)

    assert {one.code for one in ended.values()} == {0}
    assert list(ended) == ["llmkeys", "prepare", "first", "second"]
    for container in ("prepare", "first", "second"):
        assert printed(scene.kubectl("logs", "several", "-c", container)) == [key]


def test_a_file_for_each_value_where_the_pod_wants_files(scene: NodeScene) -> None:
    key = scene.deliver()
    reading = [PYTHON, "-c", f"import json; print(json.dumps([open('/keys/openai/{KEY}').read()]))"]

    ended, text = scene.tenant.run(scene.pod("files", reading, OPENAI | {MOUNT: "/keys"}))

    assert ended["main"].code == 0
    assert printed(text) == [key]


def test_one_that_is_delivered_in_clear_needs_nobody_to_open_it(scene: NodeScene) -> None:
    key = scene.deliver(encryption="None", accounts=[])

    ended, text = scene.tenant.run(scene.pod("clear", printing(KEY), OPENAI))

    assert printed(text) == [key]
    assert list(ended) == ["main"]


def test_64_credentials_of_a_namespace_are_all_in_the_pod(scene: NodeScene, log: Log) -> None:
    keys = {f"many-{number:02}": scene.new_key() for number in range(64)}
    variables = {name: f"KEY_{name[-2:]}" for name in keys}
    scene.tenant.apply(*(scene.declared(name, key, data={variables[name]: "$(apiKey)"}) for name, key in keys.items()))
    for name in keys:
        scene.wait_for(name, "Ready")

    ended, text = scene.tenant.run(scene.pod("many", printing(*variables.values())))

    log(f"64 credentials were opened in {ended['llmkeys'].seconds:.0f} s, in whole seconds")
    assert printed(text) == list(keys.values())


def test_a_pod_waits_for_the_key_that_it_names(scene: NodeScene) -> None:
    key = scene.new_key()
    pod = scene.pod("early", printing(KEY), OPENAI)
    scene.provider.simulator.down(TYPE)
    try:
        scene.tenant.apply(scene.declared("openai", key))
        eventually(lambda: "secretName" in scene.status(), timeout=30, message="what the credential will be")
        scene.tenant.apply(pod)
        eventually(lambda: "FailedMount" in scene.kubectl("get", "events"), timeout=30, message="a pod that waits")
    finally:
        scene.provider.simulator.up(TYPE)

    _, text = scene.tenant.run(pod)

    assert printed(text) == [key]


def test_a_sidecar_is_ready_before_the_containers_start(scene: NodeScene) -> None:
    key = scene.deliver()

    ended, text = scene.tenant.run(scene.pod("beside", printing(KEY), OPENAI | {FOLLOW: "true"}))

    assert ended["main"].code == 0
    assert printed(text) == [key]
