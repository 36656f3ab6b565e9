"""`models.publish` with statuses that are not written yet, after failures, and where nothing is new."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import pytest

from llmkeys.api.credential import LLMCredential
from llmkeys.delivery.model_list import LIST, ListedModel, ModelList, model_list
from llmkeys.engine import model_lists
from llmkeys.engine.effects import ApiUnavailableError, RefusedError
from llmkeys.probe.echo import Echo
from tests.unit.engine.doubles import REFUSED
from tests.unit.engine.published_world import PUBLISH, listed, publishing, shown, story, told, writes
from tests.unit.engine.world import DAY, HOUR, World, until


@story
async def test_what_a_key_shows_is_kept_although_another_is_looked_at_before_its_status_is_written(
    world: World,
) -> None:
    world.provider(models=PUBLISH)
    world.net.answers |= {"sk-1": listed("gpt-5"), "sk-2": listed("gpt-4o")}
    write = world.cluster.patch_credential_status

    async def slow(credential: LLMCredential, patch: Mapping[str, Any]) -> LLMCredential:
        if credential.metadata.name == "two":
            await asyncio.sleep(60)
        return await write(credential, patch)

    world.cluster.patch_credential_status = slow  # type: ignore[method-assign]
    world.simple("sk-2", "two")
    await until(5)
    world.simple("sk-1", "one")
    await until(30)
    assert shown(world) == ["gpt-5"]
    await until(120)
    assert shown(world) == ["gpt-4o", "gpt-5"]


@story
async def test_what_a_look_shows_is_kept_although_nobody_could_be_told_of_its_outcome(world: World) -> None:
    world.provider(models=PUBLISH)
    world.net.answers["sk-1"] = REFUSED
    world.simple("sk-1")
    await until(60)
    world.net.answers["sk-1"] = listed("gpt-5")
    posted = asyncio.Event()

    async def away(_: dict[str, Any]) -> None:
        posted.set()
        raise ApiUnavailableError("post events: away")

    world.cluster.post_event = away  # type: ignore[method-assign]
    await posted.wait()
    await asyncio.sleep(60)
    assert shown(world) == ["gpt-5"]


@story
async def test_what_a_key_shows_is_not_published_before_a_status_tells_of_the_key(world: World) -> None:
    await publishing(world, "gpt-5")
    world.net.answers["sk-2"] = listed("gpt-4o")
    write, failures = world.cluster.patch_credential_status, [ApiUnavailableError("away", retry_after=300.0)]

    async def failing(credential: LLMCredential, patch: Mapping[str, Any]) -> LLMCredential:
        if credential.metadata.name == "two" and failures:
            raise failures.pop()
        return await write(credential, patch)

    world.cluster.patch_credential_status = failing  # type: ignore[method-assign]
    world.simple("sk-2", "two")
    await until(70)
    world.simple("sk-1", "three")
    await until(200)
    assert shown(world) == ["gpt-5"]
    await until(500)
    assert shown(world) == ["gpt-4o", "gpt-5"]


@story
async def test_without_news_the_list_is_not_made_anew(world: World) -> None:
    made: list[ModelList] = []

    def noted(models: Iterable[ListedModel], *, whole: bool) -> ModelList:
        made.append(model_list(models, whole=whole))
        return made[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model_lists, "model_list", noted)
        world.provider(models=PUBLISH)
        world.net.answers |= {f"sk-{number}": listed("gpt-5") for number in range(3)}
        world.simple("sk-0", "chat-0")
        await until(60)
        assert made
        made.clear()
        for number in (1, 2):
            world.simple(f"sk-{number}", f"chat-{number}")
        await until(DAY)
        assert made == []
        world.provider(models={"publish": True, "exclude": ["gpt-5"]})
        await until(DAY + 60)
        assert shown(world) == []


@story
async def test_only_names_that_are_new_are_compared_with_the_key(world: World) -> None:
    asked: list[str] = []
    shows = Echo.shows

    def noted(self: Echo, text: str) -> bool:
        asked.append(text)
        return shows(self, text)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Echo, "shows", noted)
        await publishing(world, "gpt-5")
        world.net.answers["sk-1"] = listed("gpt-5", "gpt-6")
        await until(DAY)
    assert shown(world) == ["gpt-5", "gpt-6"]
    assert (asked.count("gpt-5"), asked.count("gpt-6")) == (1, 1)


@story
async def test_after_a_restart_a_conflict_that_is_over_is_noticed_without_a_look(world: World) -> None:
    world.cluster.strange.add("openai")
    await publishing(world, "gpt-5")
    await world.restart()
    await until(120)
    assert told(world) == "False ConfigMapConflict"
    looks = len(world.net.sent)
    world.cluster.strange.clear()
    await until(500)
    assert told(world) == "Unknown AwaitingModels"
    assert (len(world.net.sent), writes(world)) == (looks, 0)
    await until(DAY)
    assert (told(world), shown(world)) == ("True Published", ["gpt-5"])


@story
async def test_after_a_restart_a_refusal_that_is_over_leaves_the_list_as_it_was(world: World) -> None:
    key = await publishing(world, "gpt-5")
    world.net.answers["sk-1"] = listed("gpt-6")
    refusal = RefusedError("patch configmaps: a policy")
    world.cluster.list_failures += [refusal] * 500
    for hour in range(1, 25):
        await until(hour * HOUR)
        if told(world) == "False PublishRefused":
            break
    await world.restart()
    await asyncio.sleep(60)
    assert told(world) == "False PublishRefused"
    world.cluster.list_failures.clear()
    await asyncio.sleep(400)
    assert told(world) == "True Published"
    assert world.cluster.providers["openai"].status.models is not None
    assert shown(world) == ["gpt-5"]
    await asyncio.sleep(DAY)
    assert shown(world) == ["gpt-6"]
    assert set(world.cluster.model_lists["openai"]) == {LIST}
    assert str(world.seen(key)).startswith("Verified")
