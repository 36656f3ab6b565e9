"""Providers that fail all at once or never answer: nobody loses a key by it, and nobody else waits for it."""

from collections.abc import Iterator

import pytest

from tests.support.fault_scene import FaultScene, by_type, fault_scene, new_key
from tests.support.simulator.behaviour import Behaviour
from tests.support.wait import eventually

HANGING = 50


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultScene]:
    types = ("openai", "openai:one", "openai:blip", "deepseek", "moonshot")
    with fault_scene(tmp_path_factory.mktemp("provider-faults"), types=types) as made:
        made.start_operator()
        yield made


@pytest.fixture
def scene(running: FaultScene) -> FaultScene:
    running.new_namespace("provider-faults")
    return running


def look_again(scene: FaultScene, provider: str, value: str) -> None:
    """Have all keys of a provider looked at: its requests are others now."""
    scene.api.merge(scene.provider_path(provider), {"spec": {"headers": {"X-Round": value}}})


def test_a_host_that_refuses_all_its_keys_at_once_is_not_believed_until_that_ends(scene: FaultScene) -> None:
    provider = scene.provider()
    names = [f"chat-{number}" for number in range(6)]
    keys = {name: scene.credential(name, provider) for name in names}
    scene.wait_ready(*names)
    scene.settle()
    before = {name: scene.secret_there(name) for name in names}

    scene.simulator.set_many(dict.fromkeys(keys.values(), Behaviour.REVOKED))
    look_again(scene, provider, "refused")
    for name in names:
        scene.wait_condition(name, "InvalidKey", "False", "ProviderSuspect", timeout=40)

    for name in names:
        conditions = scene.conditions(name)
        assert conditions["Active"]["status"] == "True"
        assert conditions["Ready"]["status"] == "True"
        now = scene.secret_there(name)
        assert now["data"] == before[name]["data"]
        assert now["metadata"]["resourceVersion"] == before[name]["metadata"]["resourceVersion"]
    eventually(lambda: scene.provider_conditions(provider)["Ready"]["reason"] == "ProviderSuspect")
    assert scene.provider_conditions(provider)["Ready"]["status"] == "False"
    told = [one for one in scene.events(provider, "default") if one["reason"] == "ProviderSuspect"]
    assert len(told) == 1
    assert not [one for name in names for one in scene.events(name) if one["reason"] == "Rejected"]
    assert scene.operator.metric("llmkeys_provider_suspect") == 1

    scene.simulator.set_many(dict.fromkeys(keys.values(), Behaviour.GOOD))
    look_again(scene, provider, "well again")
    for name in names:
        scene.wait_condition(name, "Active", "True", "Verified")

    eventually(lambda: scene.provider_conditions(provider)["Ready"]["status"] == "True", message="its recovery")
    assert scene.operator.metric("llmkeys_provider_suspect") == 0
    assert {name: scene.secret_there(name)["data"] for name in names} == {
        name: one["data"] for name, one in before.items()
    }


def test_one_refused_key_among_good_ones_is_believed_after_others_were_looked_at(scene: FaultScene) -> None:
    provider = scene.provider("openai", baseURL=scene.simulator.url("openai:one"))
    names = [f"chat-{number}" for number in range(6)]
    keys = {name: scene.credential(name, provider) for name in names}
    scene.wait_ready(*names)
    scene.settle()
    revoked = keys["chat-0"]
    scene.simulator.reset()
    scene.simulator.set(revoked, Behaviour.REVOKED)

    scene.api.merge(scene.credential_path("chat-0"), {"metadata": {"annotations": {"touched": "yes"}}})
    scene.source("chat-0-source", revoked)
    look_again(scene, provider, "one revoked")

    # The first refusal of a proven key and three more, after 10, 20 and 30 seconds.
    scene.wait_condition("chat-0", "InvalidKey", "True", "Rejected", timeout=90)
    assert len(scene.simulator.calls(revoked)) == 4
    assert scene.delivered("chat-0") == revoked
    for name in names[1:]:
        assert scene.conditions(name)["Ready"]["status"] == "True"
        assert scene.simulator.calls(keys[name])
    assert scene.provider_conditions(provider)["Ready"]["status"] == "True"


def test_a_provider_that_never_answers_delays_nobody_else(scene: FaultScene) -> None:
    hanging = scene.provider("deepseek")
    good = scene.provider("moonshot")
    scene.simulator.default("deepseek", Behaviour.HANGING)
    for number in range(HANGING):
        key = new_key()
        scene.source(f"stuck-{number}-source", key)
        scene.api.create(scene.credential_path("").rstrip("/"), scene.manifest(f"stuck-{number}", hanging))
    eventually(lambda: scene.simulator.calls_total("deepseek") > 0, message="a look that hangs")

    key = scene.credential("chat", good)

    scene.wait_ready("chat")
    states = [by_type(scene.status(f"stuck-{number}")).get("Ready", {}) for number in range(HANGING)]
    assert {one.get("status") for one in states} <= {"Unknown", None}
    assert {one.get("reason") for one in states} & {"Checking", "ProviderUnreachable", None}
    assert len(scene.simulator.calls(key)) == 1


def test_an_outage_leaves_what_was_proven_and_ends_by_itself(scene: FaultScene) -> None:
    provider = scene.provider("openai", baseURL=scene.simulator.url("openai:blip"))
    key = scene.proven("chat", provider)
    scene.settle()
    version = scene.secret_there("chat")["metadata"]["resourceVersion"]

    scene.simulator.down("openai:blip")
    look_again(scene, provider, "down")
    scene.wait_condition("chat", "InvalidKey", "False", "ProviderUnreachable")
    conditions = scene.conditions("chat")
    assert conditions["Active"]["status"] == "True"
    assert conditions["Ready"]["status"] == "True"
    scene.simulator.up("openai:blip")

    scene.wait_condition("chat", "Active", "True", "Verified", timeout=30)
    assert scene.delivered("chat") == key
    assert scene.secret_there("chat")["metadata"]["resourceVersion"] == version
