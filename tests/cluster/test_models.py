"""Models on a real API server: counted, required, delivered as defaults, and what is said when one is gone."""

from typing import Any

from tests.support.simulator.behaviour import Behaviour
from tests.support.wait import eventually
from tests.support.world import World

LISTED = ("gpt-5", "gpt-5-mini", "gpt-4o", "text-embedding-3-large", "text-embedding-3-small", "whisper-1")


def models(world: World, name: str) -> dict[str, Any]:
    found: dict[str, Any] = world.status(name)["models"]
    return found


def delivered(world: World, name: str, variable: str) -> str | None:
    secret = world.secret(name)
    return None if secret is None else secret.get(variable)


def test_the_models_that_a_key_opens_are_counted_without_a_call_of_their_own(world: World) -> None:
    key = world.proven("counted", world.provider())
    assert models(world, "counted")["available"] == len(LISTED)
    assert world.calls(key) == 1


def test_patterns_and_additions_are_counted_with(world: World) -> None:
    provider = world.provider(
        models={"include": ["gpt-*"], "exclude": ["*-mini"], "add": [{"name": "ft:gpt-5:team", "type": "llm"}]}
    )
    world.proven("patterns", provider)
    assert models(world, "patterns")["available"] == 3


def test_a_required_model_that_is_missing_is_said_before_the_workload_hits_it(world: World) -> None:
    key = world.key()
    world.credential("required", world.provider(), key, requiredModels=["gpt-5", "gpt-9"])
    world.wait("required", ready="False", reason="ModelUnavailable", synced="Synced")
    assert models(world, "required")["missing"] == ["gpt-9"]
    assert "does not open: gpt-9." in world.message("required")
    assert world.conditions("required")["Active"][0] == "True"
    assert delivered(world, "required", "OPENAI_API_KEY") == key


def test_a_required_model_is_looked_for_again_when_the_wish_changes(world: World) -> None:
    world.credential("wish", world.provider(), world.key(), requiredModels=["gpt-9"])
    world.wait("wish", ready="False", reason="ModelUnavailable")
    world.change("wish", requiredModels=["gpt-5"])
    world.wait("wish", ready="True", reason="Verified")


def test_a_model_that_disappears_is_said_at_the_next_look(world: World) -> None:
    provider = world.provider()
    world.proven("retired", provider, requiredModels=["gpt-5"])
    world.simulator.models(world.server(provider), ["gpt-4o"])
    world.look_again(provider)
    world.wait("retired", ready="False", reason="ModelUnavailable")
    assert [event["type"] for event in world.events("retired", "ModelUnavailable")] == ["Warning"]


def test_defaults_are_delivered_under_the_names_that_the_status_tells(world: World) -> None:
    defaults = {"llm": "gpt-4o", "embedding": ""}
    world.proven("defaults", world.provider(models={"defaults": defaults}))
    assert models(world, "defaults")["defaults"] == {"embedding": "text-embedding-3-large", "llm": "gpt-4o"}
    assert {"LLM_MODEL", "EMBEDDING_MODEL"} <= set(world.status("defaults")["env"])
    assert delivered(world, "defaults", "LLM_MODEL") == "gpt-4o"
    assert delivered(world, "defaults", "EMBEDDING_MODEL") == "text-embedding-3-large"
    assert delivered(world, "defaults", "TTS_MODEL") is None


def test_a_choice_is_not_changed_when_its_model_disappears(world: World) -> None:
    provider = world.provider(models={"defaults": {"llm": ""}})
    world.proven("choice", provider)
    assert delivered(world, "choice", "LLM_MODEL") == "gpt-5"
    world.simulator.models(world.server(provider), ["gpt-4o"])
    world.look_again(provider)
    world.wait("choice", ready="False", reason="ModelUnavailable")
    assert delivered(world, "choice", "LLM_MODEL") == "gpt-5"


def test_another_default_reaches_the_workload(world: World) -> None:
    provider = world.provider(models={"defaults": {"llm": "gpt-5"}})
    world.proven("moved", provider)
    world.change_provider(provider, models={"defaults": {"llm": "gpt-4o"}})
    eventually(lambda: delivered(world, "moved", "LLM_MODEL") == "gpt-4o", message="the other default")
    world.wait("moved", ready="True", reason="Verified")


def test_a_list_in_pages_is_read_to_its_end_if_something_depends_on_it(world: World) -> None:
    provider = world.provider("anthropic")
    names = [f"claude-{number}" for number in range(1500)]
    world.simulator.models(world.server(provider), names)
    key = world.key()
    world.credential("pages", provider, key, requiredModels=["claude-1499"])
    world.wait("pages", ready="True", reason="Verified")
    assert models(world, "pages")["available"] == 1500
    assert world.calls(key) == 3


def test_what_is_no_name_of_a_model_is_left_out(world: World) -> None:
    provider = world.provider("anthropic")
    key = world.key(Behaviour.GOOD)
    world.simulator.models(world.server(provider), ["claude-1", "bad\nname", "x" * 300])
    world.credential("odd", provider, key, requiredModels=["claude-1"])
    world.wait("odd", ready="True", reason="Verified")
    assert models(world, "odd")["available"] == 1


def test_the_next_key_is_used_if_it_opens_what_the_first_does_not(world: World) -> None:
    provider = world.provider()
    poor, rich = world.key(), world.key()
    listed = '{"object": "list", "data": [{"id": "gpt-4o", "object": "model"}]}'
    world.simulator.set(poor, Behaviour.raw(200, {"Content-Type": "application/json"}, listed))
    world.credential("richer", provider, poor, rich, requiredModels=["gpt-5"])
    world.wait("richer", ready="True", reason="Verified")
    assert delivered(world, "richer", "OPENAI_API_KEY") == rich
