"""A file whose access token is renewed: kept sealed, delivered, and its refresh token never lost or used twice."""

import base64
import json
import secrets
import time
from collections.abc import Iterator
from typing import Any

import pytest

from llmkeys.api.names import DEFAULT_NAMESPACE, INTERNAL_LABEL, RENEWED_SECRET
from tests.support.fault_scene import FaultScene, fault_scene
from tests.support.simulator.tokens import Granted
from tests.support.stage import CANARY, traces
from tests.support.wait import eventually

TYPE = "qwen-code"
OWN = f"/api/v1/namespaces/{DEFAULT_NAMESPACE}/secrets/{RENEWED_SECRET}"
WRITES_OF_A_RENEWAL = 2  # that the Secret can be written, and the file


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultScene]:
    with fault_scene(tmp_path_factory.mktemp("renewals"), proxied=True, types=(TYPE,)) as made:
        yield made


@pytest.fixture
def at_work(scene: FaultScene) -> Iterator[FaultScene]:
    scene.new_namespace("renewals")
    scene.start_operator()
    try:
        yield scene
    finally:
        scene.proxy.release()
        scene.stop_operator()


def ended_file(scene: FaultScene, name: str) -> dict[str, Any]:
    """Put a file whose token has ended into a source; what it holds."""
    refresh = f"{CANARY}-{secrets.token_hex(12)}"
    scene.simulator.allow_refresh(TYPE, refresh, Granted(CANARY, 3600))
    ended = {"access_token": f"{CANARY}-ended", "expiry_date": 1_600_000_000_000.5}
    file = {**ended, "refresh_token": refresh, "kept": ["as", 1]}
    data = {"oauth_creds.json": base64.b64encode(json.dumps(file).encode()).decode()}
    metadata = {"name": name, "labels": {"llmkeys.dev/source": "true"}}
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": data}
    scene.api.create(f"/api/v1/namespaces/{scene.namespace}/secrets", body)
    return file


def apply(scene: FaultScene, name: str) -> None:
    """A credential of that source, whose provider may renew."""
    service = {"token": scene.simulator.origin(TYPE)}
    provider = scene.provider(TYPE, config={"refresh": "true"}, endpoints=service)
    scene.api.create(scene.credential_path("").rstrip("/"), scene.manifest(name, provider))


def delivered(scene: FaultScene, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(base64.b64decode(scene.secret_there(name)["data"]["oauth_creds.json"]))
    return found


def renewals(scene: FaultScene) -> int:
    return sum(call.method == "POST" for call in scene.simulator.calls(type=TYPE))


def test_the_renewed_file_is_delivered_and_the_source_is_not_touched(at_work: FaultScene) -> None:
    scene = at_work
    before = renewals(scene)
    file = ended_file(scene, "chat-source")
    source = scene.secret_there("chat-source")
    apply(scene, "chat")
    scene.wait_ready("chat")

    renewed = delivered(scene, "chat")
    assert renewed["access_token"].startswith(f"{CANARY}-access")
    assert renewed["refresh_token"] not in ("", file["refresh_token"])
    assert renewed["expiry_date"] == pytest.approx((time.time() + 3600) * 1000, abs=120_000)
    assert renewed["kept"] == file["kept"]
    assert set(renewed) == set(file)
    assert renewals(scene) - before == 1
    assert scene.secret_there("chat-source") == source


def test_what_is_kept_holds_nothing_in_clear_and_nothing_else_does(at_work: FaultScene) -> None:
    scene = at_work
    ended_file(scene, "chat-source")
    apply(scene, "chat")
    scene.wait_ready("chat")
    own = scene.api.get(OWN)
    assert own["metadata"]["labels"] == {INTERNAL_LABEL: "true"}
    assert own["data"]
    values = [base64.b64decode(value) for value in own["data"].values()]
    shown = json.dumps(own) + repr(values) + json.dumps(scene.status("chat")) + json.dumps(scene.events("chat"))
    shown += scene.operator.text() + scene.operator.page("/metrics")
    assert not [one for one in traces(CANARY) if one in shown]


def test_a_restart_asks_nobody_and_delivers_what_is_kept(at_work: FaultScene) -> None:
    scene = at_work
    ended_file(scene, "chat-source")
    apply(scene, "chat")
    scene.wait_ready("chat")
    scene.settle()
    file, calls = delivered(scene, "chat"), scene.simulator.calls_total(TYPE)
    scene.stop_operator()
    scene.start_operator()
    scene.settle()
    assert scene.simulator.calls_total(TYPE) == calls
    scene.api.delete(scene.secret_path("chat"))
    eventually(lambda: scene.secret("chat") is not None, timeout=20, message="the deleted Secret")
    assert delivered(scene, "chat") == file
    assert scene.simulator.calls_total(TYPE) == calls


@pytest.mark.parametrize("after", range(1, 4))
def test_killed_after_any_of_its_writes_it_never_uses_a_refresh_token_twice(at_work: FaultScene, after: int) -> None:
    scene = at_work
    before = renewals(scene)
    ended_file(scene, "chat-source")
    cut = scene.proxy.hold_after(after, path="secrets")
    apply(scene, "chat")
    eventually(cut.reached.is_set, timeout=20, message=f"write {after}")
    asked = renewals(scene) - before
    assert asked == (0 if after < WRITES_OF_A_RENEWAL else 1)
    scene.operator.kill()
    scene.proxy.release()
    scene.start_operator()
    scene.wait_ready("chat")
    assert renewals(scene) - before == 1
    assert delivered(scene, "chat")["access_token"].startswith(f"{CANARY}-access")
