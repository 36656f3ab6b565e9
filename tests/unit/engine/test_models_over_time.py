"""Models over hours and days: when they are listed, what is delivered, and what a list that fails may change."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from llmkeys.api.models import ModelsStatus
from llmkeys.api.objects import Key
from llmkeys.api.provider import Network
from llmkeys.engine.models import ModelLister
from llmkeys.probe.models_request import ListPlan
from llmkeys.probe.reply import Reply
from llmkeys.probe.request import ProbeRequest
from tests.unit.engine.doubles import DOWN, REFUSED, reply, throttled
from tests.unit.engine.virtual import run
from tests.unit.engine.world import CATALOGUE, DAY, HOUR, World, until

GOOD = "Verified: Active Ready SecretSynced"
LACKING = "ModelUnavailable: Active SecretSynced"
PROBE = "https://api.anthropic.com/v1/models?limit=1"
FIRST = "https://api.anthropic.com/v1/models?limit=1000"


def listed(*names: str) -> Reply:
    return reply(200, {"object": "list", "data": [{"id": name, "object": "model"} for name in names]})


def page(*names: str, more: bool = False) -> Reply:
    return reply(200, {"data": [{"id": name} for name in names], "has_more": more, "last_id": names[-1]})


def models(world: World, key: Key) -> ModelsStatus:
    found = world.status(key).models
    assert found is not None
    return found


def variable(world: World, key: Key, name: str) -> str | None:
    data = world.cluster.secrets[Key(key.namespace, f"{key.name}-out")].data
    return data[name].decode() if name in data else None


def anthropic(world: World, *names: str, text: str = "sk-1", **spec: Any) -> Key:
    """A credential of a type whose probe is not its list."""
    world.provider("openai", type="anthropic", **spec)
    world.source(text, f"raw-{text}")
    source = {"name": f"raw-{text}", "fields": {"apiKey": "OPENAI_API_KEY"}}
    return world.credential("chat", keys=[{"name": "k1", "secretRef": source}], requiredModels=list(names))


def story(told: Callable[[World], Any]) -> Callable[[], None]:
    """A test in virtual time."""

    async def whole() -> None:
        async with World() as world:
            await told(world)

    def test() -> None:
        run(whole())

    test.__name__ = told.__name__
    return test


@story
async def test_models_are_counted_from_the_probes_own_reply(world: World) -> None:
    world.net.answers["sk-1"] = listed("gpt-5", "gpt-4o", "whisper-1")
    key = world.simple("sk-1")
    await until(1)
    assert models(world, key).available == 3
    assert len(world.net.sent) == 1


@story
async def test_the_patterns_of_the_provider_are_counted_with(world: World) -> None:
    world.net.answers["sk-1"] = listed("gpt-5", "gpt-4o", "whisper-1")
    world.provider(models={"include": ["gpt-*"], "add": [{"name": "mine"}]})
    key = world.simple("sk-1")
    await until(1)
    assert models(world, key).available == 3


@story
async def test_a_required_model_that_is_missing_is_said_and_the_key_is_delivered(world: World) -> None:
    world.net.answers["sk-1"] = listed("gpt-4o")
    key = world.simple("sk-1", requiredModels=["gpt-5", "gpt-4o"])
    await until(1)
    assert str(world.seen(key)) == LACKING
    assert world.delivered(key) == "sk-1"
    assert models(world, key).missing == ("gpt-5",)
    message = world.seen(key).condition("Ready").message
    assert message.startswith('Key "key-raw-chat" does not open: gpt-5. ')


@story
async def test_a_model_that_comes_makes_it_good_at_the_next_look(world: World) -> None:
    world.net.answers["sk-1"] = listed("gpt-4o")
    key = world.simple("sk-1", requiredModels=["gpt-5"])
    await until(1)
    world.net.answers["sk-1"] = listed("gpt-4o", "gpt-5")
    await until(8 * HOUR)
    assert str(world.seen(key)) == GOOD
    assert models(world, key).missing == ()


@story
async def test_a_model_that_goes_is_said_at_the_next_look_and_once(world: World) -> None:
    world.net.answers["sk-1"] = listed("gpt-5")
    key = world.simple("sk-1", requiredModels=["gpt-5"])
    await until(1)
    world.net.answers["sk-1"] = listed("gpt-4o")
    await until(2 * DAY)
    assert str(world.seen(key)) == LACKING
    assert world.delivered(key) == "sk-1"
    assert world.events_of(key) == ["ModelUnavailable"]
    assert len(world.net.sent) <= 10


@story
async def test_only_defaults_that_the_provider_names_are_delivered(world: World) -> None:
    world.net.answers["sk-1"] = listed("gpt-5", "text-embedding-3-large")
    world.provider(models={"defaults": {"llm": "gpt-5"}})
    key = world.simple("sk-1")
    await until(1)
    assert variable(world, key, "LLM_MODEL") == "gpt-5"
    assert variable(world, key, "EMBEDDING_MODEL") is None
    assert "LLM_MODEL" in world.status(key).env


@story
async def test_nothing_of_models_is_delivered_without_defaults(world: World) -> None:
    world.net.answers["sk-1"] = listed("gpt-5")
    key = world.simple("sk-1", requiredModels=["gpt-5"])
    await until(1)
    assert not [name for name in world.status(key).env if name.endswith("_MODEL")]
    assert variable(world, key, "LLM_MODEL") is None


@story
async def test_defaults_travel_in_the_envelope_too(world: World) -> None:
    world.net.answers["sk-1"] = listed("gpt-5")
    world.provider(models={"defaults": {"llm": "gpt-5"}})
    key = world.enveloped(world.sealed("sk-1"))
    await until(1)
    assert world.opened(key)["LLM_MODEL"] == b"gpt-5"


@story
async def test_renames_may_use_a_default(world: World) -> None:
    world.net.answers["sk-1"] = listed("gpt-5")
    world.provider(models={"defaults": {"llm": "gpt-5"}})
    data = {"MY_KEY": "$(apiKey)", "MY_MODEL": "openai/$(llmModel)"}
    key = world.simple("sk-1", target={"name": "chat-out", "encryption": "None", "data": data})
    await until(1)
    assert variable(world, key, "MY_MODEL") == "openai/gpt-5"


@story
async def test_a_default_that_is_missing_is_delivered_and_said(world: World) -> None:
    world.net.answers["sk-1"] = listed("gpt-4o")
    world.provider(models={"defaults": {"llm": "gpt-5"}})
    key = world.simple("sk-1")
    await until(1)
    assert str(world.seen(key)) == LACKING
    assert variable(world, key, "LLM_MODEL") == "gpt-5"


@story
async def test_a_choice_of_the_catalogue_is_never_changed_by_itself(world: World) -> None:
    world.net.answers["sk-1"] = listed("gpt-4o", "other")
    world.provider(models={"defaults": {"llm": ""}})
    key = world.simple("sk-1")
    await until(1)
    assert variable(world, key, "LLM_MODEL") == "gpt-4o"
    world.net.answers["sk-1"] = listed("gpt-4o", "gpt-5")
    await until(8 * HOUR)
    assert (str(world.seen(key)), variable(world, key, "LLM_MODEL")) == (GOOD, "gpt-4o")
    world.net.answers["sk-1"] = listed("gpt-5")
    await until(16 * HOUR)
    assert (str(world.seen(key)), variable(world, key, "LLM_MODEL")) == (LACKING, "gpt-4o")
    await world.restart()
    await until(2 * DAY)
    assert variable(world, key, "LLM_MODEL") == "gpt-4o"


@story
async def test_other_wishes_are_looked_into_at_once_and_others_edits_are_not(world: World) -> None:
    world.net.answers["sk-1"] = listed("gpt-4o")
    key = world.simple("sk-1")
    await until(1)
    world.simple("sk-1", requiredModels=["gpt-5"])
    await until(10)
    assert str(world.seen(key)) == LACKING
    assert len(world.net.sent) == 2
    world.simple("sk-1", requiredModels=["gpt-5"], rotation={"overlap": "1h"})
    await until(20)
    assert len(world.net.sent) == 2
    world.simple("sk-1")
    await until(30)
    assert str(world.seen(key)) == GOOD


@story
async def test_other_defaults_are_delivered_at_once(world: World) -> None:
    world.net.answers["sk-1"] = listed("gpt-4o", "gpt-5")
    world.provider(models={"defaults": {"llm": "gpt-4o"}})
    key = world.simple("sk-1")
    await until(1)
    world.provider(models={"defaults": {"llm": "gpt-5"}})
    await until(10)
    assert (str(world.seen(key)), variable(world, key, "LLM_MODEL")) == (GOOD, "gpt-5")


@story
async def test_other_wishes_do_not_undercut_what_the_provider_asked_to_wait(world: World) -> None:
    world.net.answers["sk-1"] = throttled(3600)
    world.simple("sk-1")
    await until(10)
    world.simple("sk-1", requiredModels=["gpt-5"])
    await until(HOUR)
    assert len(world.net.sent) == 1


@story
async def test_a_restart_lists_nothing_and_writes_nothing(world: World) -> None:
    key = anthropic(world, "claude-9")
    world.net.at |= {(PROBE, "sk-1"): page("claude-1"), (FIRST, "sk-1"): page("claude-9")}
    await until(10)
    assert models(world, key).available == 1
    calls, patches = len(world.net.sent), len(world.cluster.patches)
    await world.restart()
    await until(HOUR)
    assert (len(world.net.sent), len(world.cluster.patches)) == (calls, patches)


@story
async def test_a_list_of_its_own_is_not_read_if_nobody_asks(world: World) -> None:
    key = anthropic(world)
    world.net.at[PROBE, "sk-1"] = page("claude-1", more=True)
    await until(10)
    assert str(world.seen(key)) == GOOD
    assert [one.url for one in world.net.sent] == [PROBE]
    assert world.status(key).models is None


@story
async def test_a_list_is_read_to_its_last_page(world: World) -> None:
    key = anthropic(world, "claude-3")
    second = f"{FIRST}&after_id=claude-2"
    world.net.at |= {
        (PROBE, "sk-1"): page("claude-1", more=True),
        (FIRST, "sk-1"): page("claude-1", "claude-2", more=True),
        (second, "sk-1"): page("claude-3"),
    }
    await until(10)
    assert str(world.seen(key)) == GOOD
    assert [one.url for one in world.net.sent] == [PROBE, FIRST, second]
    assert models(world, key).available == 3


@story
async def test_credentials_that_share_a_key_share_its_list(world: World) -> None:
    anthropic(world, "claude-1")
    world.net.at |= {(PROBE, "sk-1"): page("claude-1"), (FIRST, "sk-1"): page("claude-1")}
    source = {"name": "raw-sk-1", "fields": {"apiKey": "OPENAI_API_KEY"}}
    other = world.credential("other", keys=[{"name": "k1", "secretRef": source}], requiredModels=["claude-7"])
    await until(10)
    assert [one.url for one in world.net.sent] == [PROBE, FIRST]
    assert str(world.seen(other)) == LACKING


FAILURES = {
    "down": DOWN,
    "refused": REFUSED,
    "throttled": throttled(60),
    "no-list": reply(200, {"data": "claude-9"}),
    "cut": Reply(200, {"content-type": "application/json"}, b'{"data": [', truncated=True),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_list_that_fails_changes_nothing(failure: str) -> None:
    async def whole(world: World) -> None:
        key = anthropic(world, "claude-9", models={"defaults": {"llm": "claude-1"}})
        world.net.at |= {(PROBE, "sk-1"): page("claude-1"), (FIRST, "sk-1"): page("claude-1")}
        await until(10)
        assert str(world.seen(key)) == LACKING
        before = models(world, key)
        world.net.at[FIRST, "sk-1"] = FAILURES[failure]
        await until(DAY)
        assert len(world.net.sent) >= 6
        assert str(world.seen(key)) == LACKING
        assert models(world, key) == before

    story(whole)()


@pytest.mark.parametrize("failure", FAILURES)
def test_a_list_that_was_never_read_makes_no_good_key_bad(failure: str) -> None:
    async def whole(world: World) -> None:
        key = anthropic(world, "claude-9", models={"defaults": {"llm": "claude-1"}})
        world.net.at |= {(PROBE, "sk-1"): page("claude-1"), (FIRST, "sk-1"): FAILURES[failure]}
        await until(10)
        assert str(world.seen(key)) == GOOD
        assert variable(world, key, "LLM_MODEL") == "claude-1"

    story(whole)()


@story
async def test_a_list_that_never_answers_holds_a_key_up_for_its_timeout_only(world: World) -> None:
    key = anthropic(world, "claude-9")
    world.net.at[PROBE, "sk-1"] = page("claude-1")
    world.net.hanging.add(FIRST)
    await until(15)
    assert str(world.seen(key)) == GOOD


@story
async def test_further_pages_keep_to_the_budget_of_their_host(world: World) -> None:
    validation = {"requestsPerSecond": 1, "maxConcurrent": 1}
    key = anthropic(world, "claude-9", validation=validation)
    world.net.at |= {(PROBE, "sk-1"): page("claude-1"), (FIRST, "sk-1"): page("p0", more=True)}
    for number in range(5):
        url = f"{FIRST}&after_id=p{number}"
        world.net.at[url, "sk-1"] = page(f"p{number + 1}", more=number < 4)
    await until(30)
    assert str(world.seen(key)) == LACKING
    times = world.net.times("sk-1")
    assert len(times) == 7
    assert times[-1] - times[0] > 4


@story
async def test_a_list_without_an_end_is_left_and_proves_nothing_missing(world: World) -> None:
    key = anthropic(world, "claude-9")
    world.net.at[PROBE, "sk-1"] = page("claude-1")
    send = world.net.send

    async def endless(request: Any, network: Any, timeout: float, limit: int) -> Reply:  # noqa: ASYNC109
        await send(request, network, timeout, limit)
        if request.url == PROBE:
            return page("claude-1")
        last = re.search(r"after_id=p(\d+)", request.url)
        return page(f"p{int(last[1]) + 1 if last else 0}", more=True)

    world.net.send = endless  # type: ignore[method-assign]
    await until(60)
    assert str(world.seen(key)) == GOOD
    assert len(world.net.sent) < 30


@story
async def test_a_page_that_comes_again_ends_the_list(world: World) -> None:
    key = anthropic(world, "claude-9")
    again = f"{FIRST}&after_id=claude-1"
    full = page("claude-1", more=True)
    world.net.at |= {(PROBE, "sk-1"): full, (FIRST, "sk-1"): full, (again, "sk-1"): full}
    await until(10)
    assert [one.url for one in world.net.sent] == [PROBE, FIRST, again]
    assert str(world.seen(key)) == LACKING


@story
async def test_a_wish_for_models_is_not_met_by_a_look_that_listed_none(world: World) -> None:
    anthropic(world)
    world.net.at |= {(PROBE, "sk-1"): page("claude-1"), (FIRST, "sk-1"): page("claude-1")}
    await until(10)
    source = {"name": "raw-sk-1", "fields": {"apiKey": "OPENAI_API_KEY"}}
    other = world.credential("other", keys=[{"name": "k1", "secretRef": source}], requiredModels=["claude-7"])
    await until(20)
    assert str(world.seen(other)) == LACKING


@story
async def test_what_one_key_lacks_is_not_held_against_the_next(world: World) -> None:
    world.net.at |= {(PROBE, "sk-1"): page("claude-1"), (FIRST, "sk-1"): page("claude-1")}
    key = anthropic(world, "claude-9")
    await until(10)
    assert str(world.seen(key)) == LACKING
    world.net.at |= {(PROBE, "sk-2"): page("claude-1"), (FIRST, "sk-2"): DOWN}
    world.source("sk-2", "raw-sk-1")
    await until(20)
    assert (str(world.seen(key)), variable(world, key, "ANTHROPIC_API_KEY")) == (GOOD, "sk-2")


@story
async def test_a_key_that_lacks_a_model_and_is_throttled_is_throttled(world: World) -> None:
    world.net.answers["sk-1"] = listed("gpt-4o")
    key = world.simple("sk-1", requiredModels=["gpt-5"])
    await until(1)
    world.net.answers["sk-1"] = throttled(DAY)
    await until(8 * HOUR)
    assert str(world.seen(key)).startswith("Throttled: ")
    assert models(world, key).missing == ("gpt-5",)


@story
async def test_a_wish_that_changed_while_the_credential_was_off_is_looked_into(world: World) -> None:
    world.net.answers["sk-1"] = listed("gpt-4o")
    key = world.simple("sk-1")
    await until(1)
    world.simple("sk-1", enabled=False, requiredModels=["gpt-5"])
    await until(2)
    world.simple("sk-1", requiredModels=["gpt-5"])
    await until(10)
    assert str(world.seen(key)) == LACKING


@story
async def test_a_choice_outlives_a_look_that_takes_long(world: World) -> None:
    world.net.answers["sk-1"] = listed("gpt-4o")
    world.provider(models={"defaults": {"llm": ""}})
    key = world.simple("sk-1")
    await until(1)
    world.net.answers["sk-1"] = listed("gpt-4o", "gpt-5")
    world.net.takes = 5
    world.simple("sk-1", requiredModels=["gpt-4o"])
    await until(2)
    assert world.seen(key).condition("Ready").reason == "Checking"
    assert models(world, key).defaults == {"llm": "gpt-4o"}
    await until(20)
    assert (str(world.seen(key)), variable(world, key, "LLM_MODEL")) == (GOOD, "gpt-4o")


@story
async def test_a_probe_that_is_the_first_of_several_pages_counts_nothing_if_nobody_asks(world: World) -> None:
    plan = ListPlan(CATALOGUE.providers["cohere"], url="https://api.test/models", is_probe=True)
    first = reply(200, {"models": [{"name": "command-a"}], "next_page_token": "more"})
    probe = ProbeRequest("GET", plan.url)
    assert await ModelLister(world.net, world.engine.hosts).read(plan, probe, first, Network(), 10) is None
    assert world.net.sent == []


@story
async def test_a_key_that_is_refused_is_not_asked_for_models(world: World) -> None:
    anthropic(world, "claude-9")
    await until(60)
    assert {one.url for one in world.net.sent} == {PROBE}


@story
async def test_the_next_key_is_tried_where_the_first_lacks_a_model(world: World) -> None:
    world.net.answers |= {"sk-1": listed("gpt-4o"), "sk-2": listed("gpt-5")}
    world.source("sk-1", "one")
    world.source("sk-2", "two")
    key = world.credential(sources=("one", "two"), requiredModels=["gpt-5"])
    await until(10)
    assert str(world.seen(key)) == GOOD
    assert world.delivered(key) == "sk-2"


@story
async def test_the_first_key_is_used_where_no_other_has_the_model_either(world: World) -> None:
    world.net.answers |= {"sk-1": listed("gpt-4o"), "sk-2": REFUSED}
    world.source("sk-1", "one")
    world.source("sk-2", "two")
    key = world.credential(sources=("one", "two"), requiredModels=["gpt-5"])
    await until(1)
    assert (str(world.seen(key)), world.delivered(key)) == (LACKING, "sk-1")
    await until(DAY)
    assert (str(world.seen(key)), world.delivered(key)) == (LACKING, "sk-1")


@story
async def test_models_of_a_host_of_many_are_checked_one_by_one(world: World) -> None:
    base = "https://api.replicate.com/v1"
    world.provider("openai", type="replicate", models={"add": [{"name": "meta/own"}, {"name": "meta/gone"}]})
    world.source("sk-1", "raw")
    world.net.at |= {
        (f"{base}/account", "sk-1"): reply(200, {"username": "me"}),
        (f"{base}/models/meta/own", "sk-1"): reply(200, {"owner": "meta", "name": "own"}),
        (f"{base}/models/meta/gone", "sk-1"): reply(404, {"detail": "Not found", "title": "Not found"}),
        (f"{base}/models/meta/shy", "sk-1"): reply(500, {}),
    }
    source = {"name": "raw", "fields": {"apiKey": "OPENAI_API_KEY"}}
    key = world.credential(
        keys=[{"name": "k1", "secretRef": source}], requiredModels=["meta/own", "meta/gone", "meta/shy"]
    )
    await until(10)
    assert str(world.seen(key)) == LACKING
    assert models(world, key).missing == ("meta/gone",)
    assert len(world.net.sent) == 4
