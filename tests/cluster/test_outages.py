"""An API server that is away, forgetful, overloaded or unwilling: the operator lives, and comes back to the truth."""

import time
from collections.abc import Iterator

import pytest

from llmkeys.api.names import OWN_SECRETS
from tests.support.fault_scene import FaultScene, fault_scene, new_key
from tests.support.simulator.behaviour import Behaviour
from tests.support.wait import eventually

AWAY = 30.0  # seconds
SECRET_WATCHES = 2 + len(OWN_SECRETS) + 1  # two sets; our own, and the input of a bootstrap
WATCHES = SECRET_WATCHES + 3 + 1  # both kinds, namespaces; our public keys
SECRETS = r"/secrets(\?|$)"
ONE_SECRET = r"/secrets/chat"
STATUS = r"/llmcredentials/chat/status"
EVENTS = r"/events"
GENERATED = r"watch=1.*labelSelector=llmkeys.dev/credential"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultScene]:
    with fault_scene(tmp_path_factory.mktemp("outages"), proxied=True) as made:
        made.start_operator()
        yield made


@pytest.fixture
def scene(running: FaultScene) -> Iterator[FaultScene]:
    """The operator at work behind the proxy, in a namespace of its own; no fault is left behind."""
    running.new_namespace("outage")
    pid = running.operator.pid
    # Watches may be waiting still after the fault before.
    eventually(lambda: running.proxy.watches() >= WATCHES, timeout=60, message="open watches")
    yield running
    running.proxy.forget()
    assert running.operator.running
    assert running.operator.pid == pid


# -- unwilling -----------------------------------------------------------------------------------------------


def test_a_look_that_ends_while_the_api_server_is_away_is_not_lost(scene: FaultScene) -> None:
    provider = scene.provider()
    away = scene.proxy.fail("POST|PATCH", ".*", 503, times=10_000)

    key = scene.credential("chat", provider)
    eventually(lambda: scene.simulator.calls(key), message="the look")
    eventually(lambda: away.met >= 3, message="refused writes")
    scene.proxy.forget()

    scene.wait_ready("chat", timeout=60)
    assert scene.delivered("chat") == key
    assert len(scene.simulator.calls(key)) == 1


# -- watches -------------------------------------------------------------------------------------------------


def test_a_watch_that_came_too_late_lists_anew(scene: FaultScene) -> None:
    provider = scene.provider()
    key = scene.proven("chat", provider)

    assert scene.proxy.expire_watches("/secrets") == SECRET_WATCHES
    assert scene.proxy.expire_watches("/llmcredentials") == 1
    assert scene.proxy.expire_watches("/llmproviders") == 1
    scene.api.delete(scene.secret_path("chat"))

    eventually(lambda: scene.delivered("chat") == key, message="the healed Secret")
    scene.proven("later", provider)


def test_what_happened_between_a_lost_watch_and_the_new_list_is_seen(scene: FaultScene) -> None:
    provider = scene.provider()
    key = scene.proven("chat", provider)
    scene.credential("rotated", provider)
    scene.wait_ready("rotated")
    deaf = scene.proxy.fail("GET", "watch=", 503, times=12)
    assert scene.proxy.drop_watches() == WATCHES
    eventually(lambda: deaf.met >= 4, message="watches that are refused")

    scene.proxy.fail("GET", r"/secrets\?.*watch=", 410, times=2)
    scene.api.delete(scene.secret_path("chat"))
    fresh = new_key()
    scene.simulator.set(fresh, Behaviour.GOOD)
    scene.source("rotated-source", fresh)
    scene.credential("new", provider)

    eventually(lambda: scene.delivered("chat") == key, timeout=60, message="the healed Secret")
    eventually(lambda: scene.delivered("rotated") == fresh, timeout=60, message="the new key")
    scene.wait_ready("new", timeout=60)


def test_watches_that_are_cut_off_again_and_again_lose_nothing(scene: FaultScene) -> None:
    provider = scene.provider()
    names = [f"chat-{number}" for number in range(5)]
    for name in names:
        scene.proxy.drop_watches()
        scene.credential(name, provider)
    scene.wait_ready(*names, timeout=60)


def test_a_watch_that_has_worked_comes_back_soon_however_often_it_was_cut_before(scene: FaultScene) -> None:
    provider = scene.provider()
    scene.proven("chat", provider)
    for number in range(8):
        # Something to hear, so that each of them has worked.
        version = scene.api.merge(scene.secret_path("chat"), {"metadata": {"annotations": {"n": str(number)}}})
        heard = version["metadata"]["resourceVersion"]
        eventually(lambda heard=heard: scene.status("chat")["target"]["resourceVersion"] == heard)
        opened = len(scene.proxy.passed("GET", GENERATED))
        assert scene.proxy.drop_watches("dev/credential") == 1
        eventually(
            lambda opened=opened: (
                len(scene.proxy.passed("GET", GENERATED)) > opened and scene.proxy.watches("dev/credential")
            ),
            timeout=5,
            message="the watch",
        )


# -- writes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 500, 409, 503])
@pytest.mark.parametrize(("method", "path"), [("POST", SECRETS), ("PATCH", STATUS)])
def test_a_write_that_is_refused_twice_is_made_once(scene: FaultScene, method: str, path: str, status: int) -> None:
    provider = scene.provider()
    fault = scene.proxy.fail(method, path, status, times=2, retry_after=1 if status == 429 else None)

    key = scene.credential("chat", provider)

    scene.wait_ready("chat")
    assert fault.met == 2
    assert scene.delivered("chat") == key
    assert len(scene.simulator.calls(key)) == 1
    created = [one for one in scene.proxy.passed("POST", rf"/{scene.namespace}{SECRETS}") if one.status == 201]
    assert len(created) == 1


@pytest.mark.parametrize("status", [429, 500, 409, 422])
def test_a_heal_that_is_refused_twice_is_made_once(scene: FaultScene, status: int) -> None:
    key = scene.proven("chat", scene.provider())
    scene.settle()
    fault = scene.proxy.fail("PATCH", ONE_SECRET, status, times=2)

    scene.api.merge(scene.secret_path("chat"), {"data": {"OPENAI_API_KEY": "c3RyYW5nZQ=="}})

    eventually(lambda: scene.delivered("chat") == key, message="the healed Secret")
    scene.wait_condition("chat", "SecretSynced", "True", "Synced")
    assert fault.met == 2
    healed = [one for one in scene.proxy.passed("PATCH", f"/{scene.namespace}{ONE_SECRET}") if one.status == 200]
    assert len(healed) == 1


def test_nothing_is_written_again_before_the_api_server_wants_it(scene: FaultScene) -> None:
    provider = scene.provider()
    scene.settle()
    fault = scene.proxy.fail("POST", SECRETS, 429, times=1, retry_after=4)
    scene.credential("chat", provider)
    eventually(lambda: fault.met == 1)
    refused = time.monotonic()
    scene.wait_ready("chat")
    assert time.monotonic() - refused >= 3.5


def test_an_event_that_cannot_be_written_leaves_status_and_secret_right(scene: FaultScene) -> None:
    provider = scene.provider()
    scene.proxy.fail("POST", EVENTS, 500, times=3)

    scene.credential("chat", provider, behaviour=Behaviour.NO_MONEY)

    scene.wait_condition("chat", "RateLimited", "True", "QuotaExhausted")
    scene.settle()
    assert scene.secret("chat") is None


def test_a_slow_api_server_only_delays(scene: FaultScene) -> None:
    provider = scene.provider()
    scene.proxy.delay("POST|PATCH", ".*", 1.0, times=6)
    key = scene.credential("chat", provider)
    scene.wait_ready("chat")
    assert scene.delivered("chat") == key
    assert len(scene.simulator.calls(key)) == 1


# -- deletion while it runs ----------------------------------------------------------------------------------


def test_a_namespace_that_is_deleted_under_the_operator_is_no_trouble(scene: FaultScene) -> None:
    provider = scene.provider()
    names = [f"chat-{number}" for number in range(4)]
    for name in names:
        scene.credential(name, provider)
    scene.wait_ready(*names)
    scene.settle()

    scene.plane.delete_namespace(scene.namespace, wait=True)

    scene.settle()
    assert "check the roles" not in scene.operator.text()


# -- away ----------------------------------------------------------------------------------------------------


def test_an_api_server_that_is_gone_for_half_a_minute_is_waited_for(scene: FaultScene) -> None:
    provider = scene.provider()
    key = scene.proven("before", provider)
    scene.settle()
    calls = len(scene.simulator.calls(key))

    scene.plane.stop_apiserver(grace=0)
    back = time.monotonic() + AWAY
    eventually(lambda: time.monotonic() > back, timeout=2 * AWAY, message="the end of the outage")
    assert scene.operator.page("/healthz").strip() == "ok"
    scene.plane.start_apiserver()

    scene.credential("after", provider)
    scene.wait_ready("after", timeout=60)
    scene.api.delete(scene.secret_path("before"))
    eventually(lambda: scene.delivered("before") == key, timeout=30, message="the healed Secret")
    assert len(scene.simulator.calls(key)) == calls
