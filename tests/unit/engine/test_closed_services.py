"""A service that closed keeps its type, and its LLMProvider says so."""

import pytest

from tests.unit.engine.virtual import run, until
from tests.unit.engine.world import World


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("qwen-code", "closed: the free OAuth login was closed"),
        ("github-models", "closed: GitHub Models"),
        ("openai", ""),
    ],
)
def test_a_provider_of_a_service_that_closed_is_usable_and_says_that_it_closed(kind: str, said: str) -> None:
    async def story() -> None:
        async with World() as world:
            world.provider(type=kind)
            await until(1)
            conditions = {one.type: one for one in world.cluster.providers["openai"].status.conditions}
            assert conditions["Ready"].status == "True"
            assert conditions["Ready"].message.startswith("The provider is ready to be used.")
            assert (said in conditions["Ready"].message) if said else ("closed" not in conditions["Ready"].message)
            assert conditions["Stalled"].message == ""

    run(story())
