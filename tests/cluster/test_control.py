"""Endpoints of which nobody knows whether they check keys: a made-up key tells, on a real API server."""

import pytest

from tests.support.simulator.behaviour import Behaviour
from tests.support.simulator.calls import Call
from tests.support.world import World

KIND = "openai-compatible"
EITHER = pytest.mark.parametrize("kind", [KIND, "openai"])
"""A type of which it is not known, and one of which it is, at an address that is not its own."""


def made_up(world: World, provider: str, *keys: str) -> list[Call]:
    """The calls at a provider that carried none of these keys."""
    server = world.server(provider)
    real = [call for key in keys for call in world.simulator.calls(key, server)]
    return [call for call in world.simulator.calls(type=server) if call not in real]


@EITHER
def test_a_gateway_that_refuses_a_made_up_key_verifies_a_real_one(world: World, kind: str) -> None:
    provider = world.provider(kind)
    key = world.proven(f"checked-{kind}", provider)
    (control,) = made_up(world, provider, key)
    (real,) = world.simulator.calls(key)
    assert control.path == real.path
    metric = world.stage.operator.metric
    assert metric("llmkeys_control_requests_total", provider=provider, result="Rejected") == 1
    assert metric("llmkeys_validations_total", provider=provider) == 1
    assert metric("llmkeys_provider_requests_total", provider=provider) == 2


@EITHER
def test_a_gateway_that_takes_any_key_verifies_none(world: World, kind: str) -> None:
    provider = world.provider(kind)
    world.simulator.default(world.server(provider), Behaviour.GOOD)
    key = world.key()
    world.credential(f"open-{kind}", provider, key)
    world.wait(f"open-{kind}", ready="True", reason="Unverified", synced="Synced")
    assert "does not check keys" in world.message(f"open-{kind}")
    assert len(made_up(world, provider, key)) == 1


def test_further_keys_need_no_further_made_up_one(world: World) -> None:
    provider = world.provider(KIND)
    keys = [world.proven(f"more-{number}", provider) for number in range(3)]
    assert len(made_up(world, provider, *keys)) == 1


def test_a_dead_key_at_a_gateway_is_dead(world: World) -> None:
    provider = world.provider(KIND)
    key = world.key(Behaviour.REVOKED)
    world.credential("dead", provider, key)
    world.wait("dead", ready="False", reason="Rejected")
    assert len(made_up(world, provider, key)) == 1


@EITHER
def test_a_restart_sends_no_made_up_key(world: World, kind: str) -> None:
    provider = world.provider(kind)
    key = world.proven(f"kept-{kind}", provider)
    world.stage.restart_operator()
    world.settle()
    assert len(world.simulator.calls(type=world.server(provider))) == 2
    assert world.calls(key) == 1


def test_a_base_url_with_one_version_too_many_is_corrected_in_the_message(world: World) -> None:
    right = world.provider("openai")
    url = world.simulator.url(world.server(right))
    world.change_provider(right, baseURL=f"{url}/v1/")
    key = world.key()
    world.credential("doubled", right, key)
    world.wait("doubled", ready="False", reason="BadEndpoint")
    assert world.message("doubled").endswith(f"The API answers below {url}/: set spec.baseURL to that.")
    world.change_provider(right, baseURL=f"{url}/")
    world.wait("doubled", ready="True", reason="Verified")
