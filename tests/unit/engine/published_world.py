"""What tests of `models.publish` share: answers, a provider that publishes, and what is seen of its list."""

import json
from collections.abc import Callable
from typing import Any

from llmkeys.api.objects import Condition, Key, condition_of
from llmkeys.delivery.model_list import LIST
from llmkeys.probe.reply import Reply
from tests.unit.engine.doubles import reply
from tests.unit.engine.virtual import run
from tests.unit.engine.world import World, until

PUBLISH: Any = {"publish": True}


def listed(*names: str) -> Reply:
    return reply(200, {"object": "list", "data": [{"id": name, "object": "model"} for name in names]})


def shown(world: World) -> list[str]:
    """The names that the ConfigMap of `openai` shows."""
    return [one["name"] for one in json.loads(world.cluster.model_lists["openai"][LIST])]


def condition(world: World) -> Condition | None:
    return condition_of(world.cluster.providers["openai"].status.conditions, "ModelsPublished")


def told(world: World) -> str:
    found = condition(world)
    return f"{found.status} {found.reason}" if found else ""


def writes(world: World) -> int:
    return world.cluster.list_calls.count(("write", "openai"))


def other_type(world: World, text: str, name: str, **spec: Any) -> Key:
    """A credential of a type whose variable has another name than OpenAI's."""
    world.source(text, f"raw-{name}")
    ref = {"name": f"raw-{name}", "fields": {"apiKey": "OPENAI_API_KEY"}}
    return world.credential(name, keys=[{"name": "k", "secretRef": ref}], **spec)


async def publishing(world: World, *names: str) -> Key:
    """A provider that publishes, and a minute with a key that opens these models."""
    world.provider(models=PUBLISH)
    world.net.answers["sk-1"] = listed(*names)
    key = world.simple("sk-1")
    await until(60)
    return key


def story(asked: Callable[[World], Any]) -> Callable[[], None]:
    """A test in virtual time."""

    async def whole() -> None:
        async with World() as world:
            await asked(world)

    def test() -> None:
        run(whole())

    test.__name__ = asked.__name__
    return test
