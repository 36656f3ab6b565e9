"""A pipeline applies in any order: what was missing is missed for as long as it is missing, and no longer."""

import time
from typing import Final

from llmkeys.api.names import CREDENTIAL_KIND
from tests.support.wait import eventually
from tests.support.world import World

RECOVERED: Final = 2.0  # seconds


def test_a_credential_that_came_before_its_provider_is_ready_within_two_seconds_of_it(world: World) -> None:
    name = world.provider_name()
    key = world.key()
    world.credential("early", name, key)
    world.wait("early", ready="Unknown", reason="ProviderNotFound")
    world.settle()

    appeared = time.monotonic()
    world.provider(name=name)

    world.wait("early", ready="True", reason="Verified", timeout=RECOVERED)
    print(f"recovered {time.monotonic() - appeared:.2f} s after the provider appeared")  # noqa: T201  a number of the report
    assert (world.secret("early") or {}).get("OPENAI_API_KEY") == key


def test_a_credential_that_came_before_its_source_is_ready_within_two_seconds_of_it(world: World) -> None:
    entries = [{"name": "primary", "secretRef": {"name": "late"}}]
    world.credential("sourceless", world.provider(), entries=entries)
    world.wait("sourceless", ready="Unknown", reason="SourceNotFound")
    world.settle()

    world.source("late", apiKey=world.key())

    world.wait("sourceless", ready="True", reason="Verified", timeout=RECOVERED)


def test_a_provider_that_is_taken_away_and_comes_back_leaves_the_secret_alone(world: World) -> None:
    provider = world.provider()
    key = world.proven("kept", provider)
    spec = world.object("LLMProvider", provider)["spec"]
    version = world.object("Secret", "kept")["metadata"]["resourceVersion"]

    world.delete("LLMProvider", provider)
    eventually(
        lambda: world.conditions("kept")["Active"][1] == "ProviderNotFound" or reason(world) == "ProviderNotFound"
    )
    world.create("LLMProvider", provider, spec=spec)

    world.wait("kept", ready="True", reason="Verified", timeout=RECOVERED)
    assert (world.secret("kept") or {}).get("OPENAI_API_KEY") == key
    assert world.object("Secret", "kept")["metadata"]["resourceVersion"] == version


def reason(world: World) -> str:
    return world.conditions("kept")["Ready"][1]


def test_all_that_a_pipeline_applies_at_once_ends_well_in_any_order(world: World) -> None:
    names = [f"any-{number}" for number in range(8)]
    provider = world.provider_name()
    for number, name in enumerate(names):
        if number == len(names) // 2:
            world.provider(name=provider)
        world.credential(name, provider, world.key())

    for name in names:
        world.wait(name, ready="True", reason="Verified")
        assert world.object(CREDENTIAL_KIND, name)["status"]["secretName"] == name
