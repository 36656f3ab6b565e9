"""A person who has repaired something, and does not want to wait for the next look."""

import subprocess

from llmkeys.api.names import CREDENTIAL_KIND, CREDENTIAL_PLURAL
from tests.support.simulator.behaviour import Behaviour
from tests.support.wait import eventually
from tests.support.world import World


def request(world: World, name: str, value: str) -> subprocess.CompletedProcess[str]:
    """The command of docs/gitops.md."""
    annotation = f"llmkeys.dev/requestedAt={value}"
    return world.stage.plane.kubectl(
        "annotate", "--overwrite", "llmcredential", name, annotation, "-n", world.namespace
    )


def handled(world: World, name: str) -> str:
    return str(world.status(name).get("lastHandledRequest", ""))


def patches(world: World) -> float:
    return world.stage.operator.metric("llmkeys_kube_requests_total", verb="patch", resource=CREDENTIAL_PLURAL)


def test_a_request_has_the_keys_looked_at_now_and_is_echoed_in_one_patch(world: World) -> None:
    key = world.proven("chat", world.provider())
    world.settle()
    calls, before = world.calls(key), patches(world)

    request(world, "chat", "2026-01-01T00:00:00Z")

    eventually(lambda: handled(world, "chat") == "2026-01-01T00:00:00Z", message="the request")
    world.settle()
    assert world.calls(key) == calls + 1
    assert patches(world) == before + 1


def test_a_dead_key_that_was_repaired_is_delivered_upon_request(world: World) -> None:
    key = world.key(Behaviour.REVOKED)
    world.credential("dead", world.provider(), key)
    world.wait("dead", ready="False", reason="Rejected")
    world.simulator.set(key, Behaviour.GOOD)

    request(world, "dead", "now")

    world.wait("dead", ready="True", reason="Verified")
    assert (world.secret("dead") or {}).get("OPENAI_API_KEY") == key


def test_neither_a_restart_nor_the_same_value_again_is_a_request(world: World) -> None:
    key = world.proven("still", world.provider())
    request(world, "still", "once")
    eventually(lambda: handled(world, "still") == "once")
    world.settle()
    calls = world.calls(key)
    version = world.object(CREDENTIAL_KIND, "still")["metadata"]["resourceVersion"]

    world.stage.restart_operator()
    world.settle()
    request(world, "still", "once")
    world.settle()

    assert world.calls(key) == calls
    assert world.object(CREDENTIAL_KIND, "still")["metadata"]["resourceVersion"] == version


def test_a_request_made_while_the_operator_is_away_is_handled_when_it_is_back(world: World) -> None:
    key = world.proven("later", world.provider())
    world.settle()
    calls = world.calls(key)
    world.stage.operator.stop()
    try:
        request(world, "later", "meanwhile")
    finally:
        world.stage.restart_operator()

    eventually(lambda: handled(world, "later") == "meanwhile", message="the request")
    assert world.calls(key) == calls + 1


def test_a_provider_that_asked_to_be_left_alone_is_left_alone(world: World) -> None:
    key = world.key(Behaviour.throttled(600))
    world.credential("slowed", world.provider(), key)
    world.wait("slowed", ready="Unknown", reason="Throttled")
    world.settle()
    calls = world.calls(key)

    request(world, "slowed", "now")

    eventually(lambda: handled(world, "slowed") == "now", message="the request")
    world.settle()
    assert world.calls(key) == calls


def test_a_value_of_any_length_is_handled_once(world: World) -> None:
    key = world.proven("long", world.provider())
    world.settle()
    calls = world.calls(key)

    request(world, "long", "ü" * 10_000)

    eventually(lambda: handled(world, "long") == "ü" * 256, message="the request")
    world.settle()
    assert world.calls(key) == calls + 1
