"""`models.publish` over hours and days: what is written, when, and what never is."""

import json

import pytest

from llmkeys.api.models import PublishedModels
from llmkeys.api.objects import Key, condition_of
from llmkeys.delivery.model_list import LIST
from llmkeys.engine.effects import ApiUnavailableError, ConflictError, ForbiddenError, NotThereError, RefusedError
from llmkeys.probe.reply import Reply
from tests.unit.engine.doubles import ACCEPTED, DOWN, REFUSED, reply
from tests.unit.engine.published_world import (
    PUBLISH,
    condition,
    listed,
    other_type,
    publishing,
    shown,
    story,
    told,
    writes,
)
from tests.unit.engine.virtual import run
from tests.unit.engine.world import DAY, HOUR, World, until

INTL = "https://api.moonshot.ai/v1/models"


@story
async def test_models_are_listed_only_if_the_provider_asks_for_it(world: World) -> None:
    world.net.answers["sk-1"] = listed("gpt-5")
    world.simple("sk-1")
    await until(DAY)
    assert world.cluster.list_calls == []
    assert told(world) == ""


@story
async def test_a_list_shows_what_the_keys_of_all_credentials_open_by_name(world: World) -> None:
    world.provider(models=PUBLISH)
    world.net.answers |= {"sk-1": listed("gpt-5", "whisper-1"), "sk-2": listed("gpt-4o", "gpt-5")}
    world.simple("sk-1", "one")
    world.simple("sk-2", "two")
    await until(5)
    assert json.loads(world.cluster.model_lists["openai"][LIST]) == [
        {"name": "gpt-4o", "type": "llm"},
        {"name": "gpt-5", "type": "llm"},
        {"name": "whisper-1", "type": "speech-to-text"},
    ]
    assert told(world) == "True Published"
    assert world.cluster.providers["openai"].status.models == PublishedModels("llmkeys-models-openai", 3)


@story
async def test_it_takes_no_call_that_would_not_have_been_made(world: World) -> None:
    await publishing(world, "gpt-5")
    assert len(world.net.sent) == 1


@story
async def test_keys_that_are_good_are_looked_at_when_a_list_is_asked_for(world: World) -> None:
    world.net.answers["sk-1"] = listed("gpt-5")
    world.simple("sk-1")
    await until(60)
    world.provider(models=PUBLISH)
    await until(65)
    assert shown(world) == ["gpt-5"]


@story
async def test_they_are_too_where_their_models_were_of_interest_before(world: World) -> None:
    wishes = {"defaults": {"llm": "gpt-5"}}
    world.provider(models=wishes)
    world.net.answers["sk-1"] = listed("gpt-5")
    world.simple("sk-1")
    await until(60)
    world.provider(models=wishes | PUBLISH)
    await until(65)
    assert shown(world) == ["gpt-5"]


@story
async def test_before_the_first_list_nothing_is_written_and_the_condition_says_so(world: World) -> None:
    world.provider(models=PUBLISH)
    world.simple("sk-1")
    await until(HOUR)
    assert world.cluster.list_calls == []
    assert told(world) == "Unknown AwaitingModels"


@story
async def test_what_does_not_change_is_written_once(world: World) -> None:
    await publishing(world, "gpt-5")
    await until(7 * DAY)
    assert writes(world) == 1
    assert world.cluster.list_calls.count(("read", "openai")) <= 30


@story
async def test_models_that_come_and_go_are_written_at_the_next_look(world: World) -> None:
    await publishing(world, "gpt-4", "gpt-5")
    world.net.answers["sk-1"] = listed("gpt-5", "gpt-6")
    await until(8 * HOUR)
    assert shown(world) == ["gpt-5", "gpt-6"]
    assert writes(world) == 2


@pytest.mark.parametrize("answer", [DOWN, ACCEPTED.__class__(200, {}, b"{}"), reply(500, {})])
def test_a_look_that_shows_no_list_takes_nothing_away(answer: Reply) -> None:
    async def whole() -> None:
        async with World() as world:
            await publishing(world, "gpt-5")
            world.net.answers["sk-1"] = answer
            await until(2 * DAY)
            assert shown(world) == ["gpt-5"]

    run(whole())


@story
async def test_a_refused_key_opens_nothing(world: World) -> None:
    await publishing(world, "gpt-5")
    world.net.answers["sk-1"] = REFUSED
    await until(2 * DAY)
    assert shown(world) == []


@story
async def test_a_restart_neither_calls_nor_reads_nor_writes(world: World) -> None:
    world.provider(models=PUBLISH)
    world.net.answers |= {"sk-1": listed("gpt-5"), "sk-2": listed("gpt-4o")}
    world.simple("sk-1", "one")
    world.simple("sk-2", "two")
    await until(60)
    calls, patches, status = list(world.cluster.list_calls), len(world.cluster.patches), told(world)
    sent = len(world.net.sent)
    await world.restart()
    await until(HOUR)
    assert (world.cluster.list_calls, len(world.cluster.patches), len(world.net.sent)) == (calls, patches, sent)
    assert told(world) == status


@story
async def test_after_a_restart_the_first_look_takes_nothing_away_that_other_keys_open(world: World) -> None:
    world.provider(models=PUBLISH)
    world.net.answers |= {"sk-1": listed("gpt-5"), "sk-2": listed("gpt-4o")}
    world.simple("sk-1", "one", validation={"interval": "1h"})
    world.simple("sk-2", "two", validation={"interval": "24h"})
    await until(60)
    await world.restart()
    await until(5 * HOUR)
    assert shown(world) == ["gpt-4o", "gpt-5"]
    assert writes(world) <= 2
    world.net.answers["sk-2"] = listed("gpt-6")
    await until(2 * DAY)
    assert shown(world) == ["gpt-5", "gpt-6"]


@story
async def test_what_the_patterns_keep_out_is_not_listed(world: World) -> None:
    world.provider(models={"publish": True, "exclude": ["*-mini"], "add": [{"name": "mine", "type": "tts"}]})
    world.net.answers["sk-1"] = listed("gpt-5", "gpt-5-mini")
    world.simple("sk-1")
    await until(60)
    assert shown(world) == ["gpt-5", "mine"]
    world.net.takes = 9
    world.provider(models={"publish": True, "include": ["*-mini"]})
    await until(65)
    assert shown(world) == []
    await until(75)
    assert shown(world) == ["gpt-5-mini"]


@story
async def test_switched_off_the_list_is_emptied_once_and_nothing_is_said_of_it(world: World) -> None:
    await publishing(world, "gpt-5")
    world.provider()
    await until(DAY)
    assert world.cluster.model_lists["openai"] == {}
    assert told(world) == ""
    assert world.cluster.providers["openai"].status.models is None
    assert writes(world) == 2


@story
async def test_it_is_emptied_too_if_it_was_switched_off_while_no_controller_ran(world: World) -> None:
    await publishing(world, "gpt-5")
    await world.engine.stop()
    world.provider()
    await world.restart()
    await until(70)
    assert world.cluster.model_lists["openai"] == {}


@story
async def test_a_strangers_config_map_is_not_touched_and_the_condition_says_so(world: World) -> None:
    world.cluster.strange.add("openai")
    key = await publishing(world, "gpt-5")
    found = condition(world)
    assert found is not None
    assert (found.status, found.reason) == ("False", "ConfigMapConflict")
    assert found.message.startswith("ConfigMap llmkeys-models-openai exists")
    assert writes(world) == 0
    ready = condition_of(world.cluster.providers["openai"].status.conditions, "Ready")
    assert ready is not None
    assert ready.status == "True"
    assert str(world.seen(key)).startswith("Verified")
    world.cluster.strange.clear()
    await until(400)
    assert (told(world), shown(world)) == ("True Published", ["gpt-5"])


@pytest.mark.parametrize("error", [ForbiddenError("patch configmaps: no"), RefusedError("patch configmaps: a policy")])
def test_a_right_that_is_missing_holds_up_nothing_else(error: Exception) -> None:
    async def whole() -> None:
        async with World() as world:
            world.cluster.list_failures.append(error)
            await publishing(world, "gpt-5")
            assert told(world) == "False PublishRefused"
            counts = world.cluster.providers["openai"].status.credentials
            assert counts is not None
            assert counts.active == 1
            await until(400)
            assert told(world) == "True Published"

    run(whole())


@pytest.mark.parametrize(
    "error", [ApiUnavailableError("away"), ConflictError("changed"), NotThereError("the namespace is gone")]
)
def test_what_time_heals_is_tried_again(error: Exception) -> None:
    async def whole() -> None:
        async with World() as world:
            world.cluster.list_failures.append(error)
            await publishing(world, "gpt-5")
            assert (told(world), shown(world)) == ("True Published", ["gpt-5"])

    run(whole())


@story
async def test_a_list_that_somebody_deleted_or_edited_comes_back_with_a_later_look(world: World) -> None:
    await publishing(world, "gpt-5")
    world.cluster.model_lists["openai"] = {LIST: "[]", "more": "words"}
    await until(8 * HOUR)
    assert shown(world) == ["gpt-5"]
    del world.cluster.model_lists["openai"]
    await until(DAY)
    assert set(world.cluster.model_lists["openai"]) == {LIST}


@story
async def test_models_of_the_address_before_are_not_listed_for_the_one_now(world: World) -> None:
    await publishing(world, "gpt-5")
    world.net.answers["sk-1"] = DOWN
    world.provider(models=PUBLISH, baseURL="https://gateway.test/v1")
    await until(70)
    assert shown(world) == []


@story
async def test_that_holds_too_if_the_address_changed_while_no_controller_ran(world: World) -> None:
    await publishing(world, "gpt-5")
    await world.engine.stop()
    world.net.takes = 9
    world.provider(models=PUBLISH, baseURL="https://gateway.test/v1")
    await world.restart()
    await until(65)
    assert shown(world) == []


@story
async def test_what_a_key_shows_that_was_never_proven_is_not_listed(world: World) -> None:
    world.provider(type="minimax", models=PUBLISH)
    world.net.answers |= {"sk-1": listed("gpt-5"), "sk-2": listed("gpt-4o")}
    other_type(world, "sk-1", "one", validation={"interval": "24h"})
    await until(60)
    world.net.otherwise = ACCEPTED
    await until(30 * HOUR)
    other = other_type(world, "sk-2", "two")
    await until(31 * HOUR)
    assert str(world.seen(other)).startswith("Unverified")
    assert shown(world) == ["gpt-5"]


@story
async def test_a_key_that_a_server_calls_a_model_is_not_published(world: World) -> None:
    key = "sk-proj-Ab3x9Yz09qwertyuiop"
    world.provider(models=PUBLISH)
    world.net.answers[key] = listed("gpt-5", key, f"models/{key[3:20]}", key.encode().hex())
    world.simple(key)
    await until(60)
    assert shown(world) == ["gpt-5"]


@story
async def test_the_region_in_which_a_key_is_at_home_is_listed(world: World) -> None:
    world.provider(type="moonshot", region="auto", models=PUBLISH)
    world.net.at[INTL, "sk-1"] = listed("kimi-k3")
    other_type(world, "sk-1", "chat")
    await until(60)
    assert json.loads(world.cluster.model_lists["openai"][LIST]) == [
        {"name": "kimi-k3", "type": "llm", "regions": ["intl"]}
    ]


@story
async def test_a_key_that_is_gone_takes_its_models_along(world: World) -> None:
    world.provider(models=PUBLISH)
    world.net.answers |= {"sk-1": listed("gpt-5"), "sk-2": listed("gpt-4o")}
    world.simple("sk-1", "one")
    other = world.simple("sk-2", "two")
    await until(60)
    del world.cluster.credentials[other]
    world.engine.credential_gone(Key("team", "two"))
    await until(8 * HOUR)
    assert shown(world) == ["gpt-5"]
