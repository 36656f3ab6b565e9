"""A bootstrap on a real API server, by real operators: what happens once, and what happens on bad days."""

import asyncio
import base64
import time
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from llmkeys.api.names import BOOTSTRAP_AGAIN_ANNOTATION, BOOTSTRAP_SECRET, DEFAULT_NAMESPACE
from llmkeys.bootstrap.records import Outcome
from llmkeys.catalogue.loader import load
from llmkeys.cli.controller_bootstrap import bootstrap_watch
from llmkeys.kube.bootstrap_objects import stories
from llmkeys.kube.client import ApiClient
from llmkeys.kube.ring_backup import collect, restore
from llmkeys.kube.ring_objects import OwnObjects
from llmkeys.kube.ring_secrets import RingSecrets
from llmkeys.kube.ring_use import Traces
from llmkeys.kube.rings import Rings
from llmkeys.telemetry.metrics import new_metrics
from tests.support.bootstrap_scene import LLM, OWN, SECRET, WRITES, BootstrapScene, bootstrap_scene, switch_on
from tests.support.operator_process import OperatorProcess
from tests.support.simulator.behaviour import Behaviour
from tests.support.wait import eventually


@pytest.fixture(scope="module")
def module_scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BootstrapScene]:
    with bootstrap_scene(tmp_path_factory.mktemp("bootstrap"), switched_on=False) as made:
        yield made


@pytest.fixture
def scene(module_scene: BootstrapScene) -> Iterator[BootstrapScene]:
    """No operator runs, nothing was ever handed over, and the component is in force."""
    switch_on(module_scene.scene)
    module_scene.reset()
    yield module_scene
    module_scene.scene.stop_operator()
    module_scene.scene.proxy.forget()


def test_without_rights_it_waits_says_so_and_goes_on_when_they_are_granted(module_scene: BootstrapScene) -> None:
    scene = module_scene
    scene.hand_over(scene.template(enabled=False))
    scene.scene.start_operator()
    eventually(lambda: scene.told("BootstrapWaiting"), message="the Event")
    assert "config/components/bootstrap" in scene.told("BootstrapWaiting")[0]
    assert not scene.uids()
    assert scene.scene.operator.metric("llmkeys_bootstrap_waiting") == 1
    switch_on(scene.scene)
    assert scene.ended() == dict.fromkeys(scene.references, "created")
    eventually(lambda: scene.scene.operator.metric("llmkeys_bootstrap_waiting") == 0, message="the gauge")
    scene.scene.stop_operator()


def test_a_template_becomes_proven_credentials_once(scene: BootstrapScene) -> None:
    scene.scene.simulator.set_many({scene.keys[0]: Behaviour.GOOD, scene.keys[1]: Behaviour.REVOKED})
    scene.hand_over(scene.template())
    scene.scene.start_operator()
    assert scene.ended() == dict.fromkeys(scene.references, "created")
    scene.scene.namespace = scene.namespace
    scene.scene.wait_ready("chat")
    scene.scene.wait_condition("search", "InvalidKey", "True", timeout=40)
    assert scene.scene.operator.metric("llmkeys_bootstrap_objects_total", outcome="created") == 4
    provider = scene.scene.provider_path(scene.provider)
    counts = {"total": 2, "active": 1, "invalid": 1, "rateLimited": 0}
    eventually(lambda: scene.api.get(provider)["status"].get("credentials") == counts, message="the provider's counts")

    # A restart, with an edit in between that changes nothing.
    scene.scene.stop_operator()
    scene.scene.proxy.forget()
    scene.scene.start_operator()
    scene.scene.settle()
    assert not scene.scene.proxy.passed("POST|PATCH|PUT|DELETE")
    before = scene.uids()
    scene.hand_over(scene.template("added"))
    eventually(lambda: scene.notes().get("ignored"), message="the note of the edit")
    assert f"LLMCredential/{scene.namespace}/added (added)" in scene.told("BootstrapIgnored")[0]
    assert scene.scene.operator.metric("llmkeys_bootstrap_ignored") == 1
    assert scene.uids() == before
    assert scene.found(f"LLMCredential/{scene.namespace}/added") is None
    scene.scene.stop_operator()
    scene.scene.proxy.forget()
    scene.scene.start_operator()
    scene.scene.settle()
    assert not scene.scene.proxy.passed("POST|PATCH|PUT|DELETE", WRITES)

    # Asked again: what a user deleted is missing, and is made; what was added is made too.
    scene.api.delete(f"{LLM}/namespaces/{scene.namespace}/llmcredentials/search")
    scene.api.merge(SECRET, {"metadata": {"annotations": {BOOTSTRAP_AGAIN_ANNOTATION: "2"}}})
    outcomes = scene.ended(2)
    assert outcomes[f"LLMCredential/{scene.namespace}/search"] == "created"
    assert outcomes[f"LLMCredential/{scene.namespace}/added"] == "created"
    assert outcomes[f"LLMCredential/{scene.namespace}/chat"] == "exists"
    assert len(scene.scene.simulator.calls(scene.keys[0])) <= 2
    for key in scene.keys:
        assert key not in scene.scene.operator.text()


def test_two_operators_at_once_act_once(scene: BootstrapScene) -> None:
    text = scene.template(*(f"c{index:02}" for index in range(30)), enabled=False)
    first = scene.scene.start_operator()
    folder = scene.scene.folder / "second"
    folder.mkdir()
    with OperatorProcess.start(scene.scene.plane, folder) as second:
        scene.hand_over(text)
        outcomes = scene.ended()
        eventually(
            lambda: second.metric("llmkeys_bootstrap_objects_total") + first.metric("llmkeys_bootstrap_objects_total")
        )
    assert set(outcomes.values()) == {"created"}
    assert len(outcomes) == 34
    assert len(scene.told("BootstrapDone")) == 1
    made = scene.api.get(f"{LLM}/namespaces/{scene.namespace}/llmcredentials")["items"]
    assert {one["metadata"]["generation"] for one in made} == {1}


def test_what_exists_is_left_as_it_is(scene: BootstrapScene) -> None:
    spec = {"type": "openai", "baseURL": "https://gateway.corp/v1", "enabled": False}
    theirs = {"apiVersion": "llmkeys.dev/v1alpha1", "kind": "LLMProvider", "metadata": {"name": scene.provider}}
    scene.api.create(f"{LLM}/llmproviders", {**theirs, "spec": spec})
    scene.hand_over(scene.template(enabled=False))
    scene.scene.start_operator()
    outcomes = scene.ended()
    assert outcomes[f"LLMProvider/{scene.provider}"] == "differs"
    assert outcomes[f"LLMCredential/{scene.namespace}/chat"] == "created"
    found = scene.found(f"LLMProvider/{scene.provider}")
    assert found is not None
    assert found["spec"]["baseURL"] == spec["baseURL"]
    assert scene.label(f"LLMProvider/{scene.provider}") is None


def test_what_the_api_server_refuses_does_not_stop_the_rest(scene: BootstrapScene) -> None:
    scene.hand_over(scene.template(enabled=False, headers={"authorization": "refused by a rule of the schema"}))
    scene.scene.start_operator()
    outcomes = scene.ended()
    assert outcomes[f"LLMProvider/{scene.provider}"] == "refused"
    assert outcomes[f"LLMCredential/{scene.namespace}/chat"] == "created"
    receipt = scene.record("receipt")
    assert receipt is not None
    assert [one.get("detail") for one in receipt["objects"] if one["kind"] == "LLMProvider"] == [
        "create llmproviders: refused with 422 (Invalid)"
    ]


def test_an_api_server_that_fails_half_way_is_waited_for(scene: BootstrapScene) -> None:
    scene.scene.proxy.fail("POST", r"/llmcredentials$", 503, times=3)
    scene.scene.proxy.fail("PATCH", r"configmaps/llmkeys-bootstrap-notes", 500, times=1)
    scene.hand_over(scene.template(enabled=False))
    scene.scene.start_operator()
    assert scene.ended() == dict.fromkeys(scene.references, "created")


def test_a_namespace_that_is_going_is_waited_for(scene: BootstrapScene) -> None:
    home = f"/api/v1/namespaces/{scene.namespace}"
    scene.api.create("/api/v1/namespaces", {"metadata": {"name": scene.namespace}})
    held = {"metadata": {"name": "held", "finalizers": ["example.com/held"]}}
    scene.api.create(f"{home}/configmaps", held)
    scene.api.delete(home)
    scene.hand_over(scene.template(enabled=False))
    scene.scene.start_operator()
    eventually(lambda: scene.told("BootstrapWaiting"), message="the Event")
    assert f"namespace {scene.namespace} is being deleted" in scene.told("BootstrapWaiting")[0]
    scene.api.merge(f"{home}/configmaps/held", {"metadata": {"finalizers": None}})
    assert scene.ended() == dict.fromkeys(scene.references, "created")


def test_a_template_in_a_config_map_is_refused_with_an_event_on_it(scene: BootstrapScene) -> None:
    scene.api.create(f"{OWN}/configmaps", {"metadata": {"name": BOOTSTRAP_SECRET}, "data": {"bootstrap.yaml": "a: b"}})
    try:
        scene.scene.start_operator()
        told = eventually(
            lambda: [
                one["reason"]
                for one in scene.scene.events(BOOTSTRAP_SECRET, DEFAULT_NAMESPACE)
                if one["involvedObject"]["kind"] == "ConfigMap"
            ],
            message="the Event",
        )
        assert told == ["BootstrapInvalid"]
    finally:
        scene.api.delete(f"{OWN}/configmaps/{BOOTSTRAP_SECRET}")


def test_switched_off_it_reads_nothing(scene: BootstrapScene) -> None:
    scene.hand_over(scene.template(enabled=False))
    scene.scene.start_operator("--no-bootstrap")
    scene.scene.settle()
    assert not scene.scene.proxy.passed(path=BOOTSTRAP_SECRET)


def test_backups_hold_the_records_and_bring_them_back(scene: BootstrapScene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.hand_over(scene.template(enabled=False))
    scene.scene.start_operator()
    scene.ended()
    scene.scene.stop_operator()
    monkeypatch.setenv("KUBECONFIG", str(scene.scene.plane.kubeconfig))
    elsewhere = scene.scene.plane.new_namespace("restored")

    async def story() -> None:
        client = ApiClient()
        await client.open()
        here, there = OwnObjects(client, DEFAULT_NAMESPACE), OwnObjects(client, elsewhere)
        items = await collect(RingSecrets(here), 0.0)
        await restore(items, RingSecrets(there), replace=False)
        before, after = await stories(here), await stories(there)
        assert before == after
        assert [(one.number, one.finished, one.waiting, one.ignored) for one in after] == [(1, True, None, None)]
        assert {one.outcome for one in after[0].objects} == {Outcome.CREATED}
        assert await restore(items, RingSecrets(there), replace=False)
        await client.close()

    asyncio.run(story())
    scene.scene.plane.delete_namespace(elsewhere)


def test_who_may_not_read_the_secret_has_no_bootstrap_until_they_may(
    scene: BootstrapScene, monkeypatch: pytest.MonkeyPatch
) -> None:
    plane = scene.scene.plane
    namespace = plane.new_namespace("powerless")
    plane.kubectl("create", "serviceaccount", "powerless", f"--namespace={namespace}")
    account = plane.service_account_kubeconfig(namespace, "powerless")
    own = f"/api/v1/namespaces/{namespace}"

    async def no_traces() -> Traces:
        return Traces()

    def switch_on() -> None:
        rights = ("--verb=get,list,watch,create,patch", "--resource=secrets,configmaps,events")
        plane.kubectl("create", "role", "may", *rights, f"--namespace={namespace}")
        account = f"--serviceaccount={namespace}:powerless"
        plane.kubectl("create", "rolebinding", "may", "--role=may", account, f"--namespace={namespace}")
        data = {"bootstrap.yaml": base64.b64encode(scene.template(enabled=False).encode()).decode()}
        scene.api.create(f"{own}/secrets", {"metadata": {"name": BOOTSTRAP_SECRET}, "data": data})

    async def story() -> None:
        monkeypatch.setenv("KUBECONFIG", str(plane.kubeconfig))
        admin = ApiClient()
        await admin.open()
        rings = await Rings.load(admin, namespace, None, time.time, traces=no_traces)
        await admin.close()
        monkeypatch.setenv("KUBECONFIG", str(account))
        client = ApiClient()
        await client.open()
        with capture_logs() as logs:
            bootstrap = bootstrap_watch(client, namespace, rings, load(), new_metrics(), knock=0.1)
            task = asyncio.create_task(bootstrap.run())
            await asyncio.to_thread(eventually, lambda: logs, message="the log line")
            assert [(one["log_level"], one["event"]) for one in logs] == [
                ("info", "the bootstrap is off: its Secret may not be read")
            ]
            await asyncio.to_thread(switch_on)
            plan = f"{own}/configmaps/llmkeys-bootstrap-plan-1"
            await asyncio.to_thread(eventually, lambda: scene.api.get(plan), message="the plan")
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await client.close()

    asyncio.run(story())
    plane.delete_namespace(namespace)
