"""What a restart costs, and what it sees of all that was changed while nobody was looking."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from llmkeys.api.names import (
    BOOTSTRAP_SECRET,
    CREDENTIAL_PLURAL,
    DEFAULT_NAMESPACE,
    MAC_SECRET,
    OWN_SECRETS,
    PUBLIC_KEYS,
)
from tests.support.fault_scene import VARIABLES, FaultScene, audited, fault_scene, new_key
from tests.support.operator_process import ACCOUNT, OperatorProcess
from tests.support.simulator.behaviour import Behaviour
from tests.support.wait import eventually

OPERATOR = f"system:serviceaccount:{DEFAULT_NAMESPACE}:{ACCOUNT}"
VARIABLE = VARIABLES["openai"]
MAC_PATH = f"/api/v1/namespaces/{DEFAULT_NAMESPACE}/secrets/{MAC_SECRET}"
RINGS = ("sealing", "envelope", "mac")
ABSENT_OWNER = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultScene]:
    with fault_scene(tmp_path_factory.mktemp("restart"), audit=True) as made:
        yield made


@pytest.fixture
def scene(running: FaultScene) -> Iterator[FaultScene]:
    """An operator at work, in a namespace of its own."""
    running.new_namespace("restart")
    running.start_operator()
    yield running
    running.stop_operator()


def stopped(scene: FaultScene) -> None:
    scene.settle()
    scene.stop_operator()


def test_a_restart_with_fresh_status_calls_nobody_writes_nothing_and_reads_no_secret(scene: FaultScene) -> None:
    openai, deepseek = scene.provider("openai"), scene.provider("deepseek")
    names = [f"good-{number}" for number in range(12)]
    for number, name in enumerate(names):
        scene.credential(name, (openai, deepseek)[number % 2])
    scene.credential("dead", openai, behaviour=Behaviour.REVOKED)
    scene.credential("broke", deepseek, behaviour=Behaviour.NO_MONEY)
    scene.api.create(
        f"/apis/llmkeys.dev/v1alpha1/namespaces/{scene.namespace}/{CREDENTIAL_PLURAL}",
        scene.manifest("sourceless", openai),
    )
    scene.wait_ready(*names)
    scene.wait_condition("dead", "Ready", "False", "Rejected")
    scene.wait_condition("broke", "RateLimited", "True", "QuotaExhausted")
    scene.wait_condition("sourceless", "Ready", "Unknown", "SourceNotFound")
    for provider, counts in ((openai, (8, 6, 1, 0)), (deepseek, (7, 6, 0, 1))):
        wanted = dict(zip(("total", "active", "invalid", "rateLimited"), counts, strict=True))
        eventually(lambda provider=provider, wanted=wanted: counted(scene, provider) == wanted)
    stopped(scene)
    assert scene.plane.audit_log is not None
    since = scene.plane.audit_log.stat().st_size
    calls = scene.simulator.calls_total()

    scene.start_operator()
    eventually(lambda: reconciliations(scene) >= len(names) + 3)
    scene.settle()

    asked = audited(scene.plane, OPERATOR, since)
    assert asked, "the audit log says nothing of the operator"
    assert [one["requestURI"] for one in asked if one["verb"] not in {"get", "list", "watch"}] == []
    secrets = [one["requestURI"] for one in asked if one["verb"] == "get" and "/secrets/" in one["requestURI"]]
    assert set(secrets) == {
        f"/api/v1/namespaces/{DEFAULT_NAMESPACE}/secrets/{name}" for name in (*OWN_SECRETS, BOOTSTRAP_SECRET)
    }
    assert scene.simulator.calls_total() == calls


def counted(scene: FaultScene, provider: str) -> dict[str, int]:
    counts: dict[str, int] = scene.api.get(scene.provider_path(provider))["status"]["credentials"]
    return counts


def reconciliations(scene: FaultScene) -> float:
    return scene.operator.metric("llmkeys_reconcile_duration_seconds_count")


def test_a_provider_that_was_changed_meanwhile_is_asked_again_at_once(scene: FaultScene) -> None:
    provider = scene.provider()
    key = scene.proven("chat", provider)
    stopped(scene)
    calls = len(scene.simulator.calls(key))
    scene.api.merge(scene.provider_path(provider), {"spec": {"headers": {"X-Team": "platform"}}})

    scene.start_operator()

    eventually(lambda: len(scene.simulator.calls(key)) == calls + 1, message="one more look")
    scene.wait_ready("chat")


def test_a_source_that_was_changed_meanwhile_is_delivered_at_once(scene: FaultScene) -> None:
    scene.proven("chat", scene.provider())
    stopped(scene)
    key = new_key()
    scene.simulator.set(key, Behaviour.GOOD)
    scene.source("chat-source", key)

    scene.start_operator()

    eventually(lambda: scene.delivered("chat") == key, message="the new key")
    assert len(scene.simulator.calls(key)) == 1


def test_a_source_that_was_deleted_meanwhile_is_missed_and_the_secret_stays(scene: FaultScene) -> None:
    key = scene.proven("chat", scene.provider())
    stopped(scene)
    scene.api.delete(scene.secret_path("chat-source"))

    scene.start_operator()

    scene.wait_condition("chat", "Ready", "Unknown", "SourceNotFound")
    assert scene.delivered("chat") == key


def delete_secret(scene: FaultScene) -> None:
    scene.api.delete(scene.secret_path("chat"))


def edit_secret(scene: FaultScene) -> None:
    scene.api.merge(scene.secret_path("chat"), {"data": {VARIABLE: "c3RyYW5nZQ=="}})


@pytest.mark.parametrize("change", [delete_secret, edit_secret])
def test_a_secret_that_was_changed_meanwhile_is_healed_without_a_call(
    scene: FaultScene, change: Callable[[FaultScene], None]
) -> None:
    key = scene.proven("chat", scene.provider())
    stopped(scene)
    calls = len(scene.simulator.calls(key))
    change(scene)

    scene.start_operator()

    eventually(lambda: scene.delivered("chat") == key, message="the healed Secret")
    assert len(scene.simulator.calls(key)) == calls


def test_an_orphaned_secret_is_adopted_by_the_credential_of_that_name_and_not_rewritten(scene: FaultScene) -> None:
    provider = scene.provider()
    key = scene.proven("chat", provider)
    before = scene.secret_there("chat")
    orphan(scene, "chat")

    created = scene.api.create(collection(scene), scene.manifest("chat", provider))

    scene.wait_ready("chat")
    after = scene.secret_there("chat")
    assert [one["uid"] for one in after["metadata"]["ownerReferences"]] == [created["metadata"]["uid"]]
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert after["data"] == before["data"]
    assert scene.delivered("chat") == key
    scene.settle()
    assert scene.status("chat")["target"]["resourceVersion"] == after["metadata"]["resourceVersion"]


def test_an_orphaned_secret_with_an_old_key_gets_the_new_one(scene: FaultScene) -> None:
    provider = scene.provider()
    scene.proven("chat", provider)
    uid = scene.secret_there("chat")["metadata"]["uid"]
    orphan(scene, "chat")
    key = new_key()
    scene.simulator.set(key, Behaviour.GOOD)
    scene.source("chat-source", key)

    scene.api.create(collection(scene), scene.manifest("chat", provider))

    scene.wait_ready("chat")
    assert scene.delivered("chat") == key
    assert scene.secret_there("chat")["metadata"]["uid"] == uid


def collection(scene: FaultScene) -> str:
    return f"/apis/llmkeys.dev/v1alpha1/namespaces/{scene.namespace}/{CREDENTIAL_PLURAL}"


def orphan(scene: FaultScene, name: str) -> None:
    await_collector(scene)
    scene.plane.kubectl("delete", "llmcredential", name, "-n", scene.namespace, "--cascade=orphan")
    eventually(lambda: scene.api.get(scene.credential_path(name)) is None)
    scene.secret_there(name)


def await_collector(scene: FaultScene) -> None:
    """Garbage collection knows whose the Secrets are: one that came after them, and whose owner is gone, is gone too.

    Before, it would find nothing to orphan, and collect the Secret when it hears of it.
    """
    owner = {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": ABSENT_OWNER}
    scene.api.create(
        f"/api/v1/namespaces/{scene.namespace}/secrets", {"metadata": {"name": "later", "ownerReferences": [owner]}}
    )
    eventually(lambda: scene.api.get(scene.secret_path("later")) is None, timeout=60, message="garbage collection")


def test_status_and_secret_of_an_old_backup_do_not_bring_an_old_key_back(scene: FaultScene) -> None:
    scene.proven("chat", scene.provider())
    backup = scene.api.get(scene.credential_path("chat"))
    old = scene.secret_there("chat")
    key = new_key()
    scene.simulator.set(key, Behaviour.GOOD)
    scene.source("chat-source", key)
    eventually(lambda: scene.delivered("chat") == key)
    stopped(scene)

    scene.api.merge(scene.secret_path("chat"), {"data": old["data"]})
    scene.api.merge(f"{scene.credential_path('chat')}/status", {"status": backup["status"]})
    scene.start_operator()

    eventually(lambda: scene.delivered("chat") == key, message="the key of now")
    scene.wait_ready("chat")


def test_an_old_status_written_while_the_operator_runs_is_corrected(scene: FaultScene) -> None:
    scene.proven("chat", scene.provider())
    backup = scene.status("chat")
    key = new_key()
    scene.simulator.set(key, Behaviour.GOOD)
    scene.source("chat-source", key)
    eventually(lambda: scene.delivered("chat") == key)
    scene.settle()
    current = scene.status("chat")["target"]

    scene.api.merge(f"{scene.credential_path('chat')}/status", {"status": backup})

    eventually(lambda: scene.status("chat")["target"]["key"] == current["key"], message="the status of now")
    assert scene.delivered("chat") == key


def test_a_whole_restore_ends_with_one_secret_of_the_new_owner(scene: FaultScene) -> None:
    provider = scene.provider()
    key = scene.proven("chat", provider)
    credential, secret = scene.api.get(scene.credential_path("chat")), scene.secret_there("chat")
    stopped(scene)
    scene.api.delete(scene.credential_path("chat"))
    eventually(lambda: scene.secret("chat") is None, timeout=60, message="garbage collection")
    scene.api.create(scene.secret_path("").rstrip("/"), restored(secret))
    created = scene.api.create(collection(scene), restored(credential))
    scene.api.merge(f"{scene.credential_path('chat')}/status", {"status": credential["status"]})

    scene.start_operator()

    def settled() -> bool:
        found = scene.secret_there("chat")
        owners = [one["uid"] for one in found["metadata"].get("ownerReferences", [])]
        assert owners == [created["metadata"]["uid"]]
        return scene.status("chat")["target"]["uid"] == found["metadata"]["uid"]

    # The garbage collector may take the restored Secret away before it is adopted; then it is made anew.
    eventually(settled, timeout=30)
    scene.wait_ready("chat")
    assert scene.delivered("chat") == key


def restored(backup: dict[str, Any]) -> dict[str, Any]:
    """As tools that restore write it: a new object with the old content, owners included."""
    made = copy.deepcopy(backup)
    made.pop("status", None)
    for name in ("uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"):
        made["metadata"].pop(name, None)
    return made


def test_credentials_and_namespaces_go_at_once_although_the_operator_is_down(scene: FaultScene) -> None:
    provider = scene.provider()
    scene.proven("alone", provider)
    scene.proven("chat", provider)
    stopped(scene)
    for name in ("alone", "chat"):
        assert "finalizers" not in scene.api.get(scene.credential_path(name))["metadata"]
        assert "finalizers" not in scene.secret_there(name)["metadata"]
    assert "finalizers" not in scene.api.get(scene.provider_path(provider))["metadata"]

    scene.api.delete(scene.credential_path("alone"))
    assert scene.api.get(scene.credential_path("alone")) is None
    eventually(lambda: scene.secret("alone") is None, timeout=60, message="garbage collection")
    scene.plane.delete_namespace(scene.namespace, wait=True)

    assert scene.api.get(f"/api/v1/namespaces/{scene.namespace}") is None


def test_what_was_deleted_meanwhile_is_forgotten_and_troubles_nobody(scene: FaultScene) -> None:
    provider = scene.provider()
    scene.proven("gone", provider)
    scene.proven("chat", provider)
    stopped(scene)
    scene.api.delete(scene.credential_path("gone"))

    scene.start_operator()

    eventually(lambda: counted(scene, provider)["total"] == 1, message="the count")
    assert scene.operator.metric("llmkeys_reconcile_errors_total") == 0


def forget_all_keys(running: FaultScene) -> None:
    """A cluster on which no operator has ever been."""
    own = f"/api/v1/namespaces/{DEFAULT_NAMESPACE}"
    # Their status would tell that there were keys, and that they are lost.
    running.plane.kubectl("delete", CREDENTIAL_PLURAL, "--all", "--all-namespaces")
    for path in (f"{own}/configmaps/{PUBLIC_KEYS}", *(f"{own}/secrets/{name}" for name in OWN_SECRETS)):
        if running.api.get(path) is not None:
            running.api.delete(path)


def test_two_operators_that_start_at_once_on_a_new_cluster_agree(
    running: FaultScene, tmp_path_factory: pytest.TempPathFactory
) -> None:
    forget_all_keys(running)
    running.new_namespace("restart")
    key = running.credential("chat", running.provider())
    folders = [tmp_path_factory.mktemp("operator") for _ in range(2)]
    pair = [OperatorProcess.start(running.plane, one, wait=False, election=True) for one in folders]
    try:
        for one in pair:
            one.wait_ready()
        running.wait_ready("chat")
        made = running.api.get(MAC_PATH)
    finally:
        for one in pair:
            one.stop()
    assert made is not None
    assert running.delivered("chat") == key
    created = [line for one in pair for line in one.lines() if line.get("event") == "a key ring was created"]
    assert len(created) == len({line["secret"] for line in created}) == len(RINGS)
    version = running.secret_there("chat")["metadata"]["resourceVersion"]
    running.start_operator()
    running.settle()
    running.stop_operator()
    assert running.secret_there("chat")["metadata"]["resourceVersion"] == version
