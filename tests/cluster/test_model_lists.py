"""`models.publish` on a real API server: a ConfigMap in the operator's namespace, and nobody else's is touched."""

import json
import secrets
from collections.abc import Iterator
from typing import Any

import pytest

from llmkeys.api.names import DEFAULT_NAMESPACE, PROVIDER_KIND
from llmkeys.delivery.model_list import LIST, config_map_name
from tests.support.admin_api import AdminApi
from tests.support.simulator.behaviour import Behaviour
from tests.support.wait import eventually
from tests.support.world import World

OWN = f"/api/v1/namespaces/{DEFAULT_NAMESPACE}/configmaps"
PUBLISH = {"publish": True}
LISTED = ["gpt-4o", "gpt-5", "gpt-5-mini", "text-embedding-3-large", "text-embedding-3-small", "whisper-1"]


@pytest.fixture(scope="module")
def api(world: World) -> AdminApi:
    return world.stage.api


@pytest.fixture
def named(world: World) -> Iterator[str]:
    """A name for a provider whose ConfigMap the test makes itself."""
    name = world.provider_name()
    yield name
    world.stage.api.delete(f"{OWN}/{config_map_name(name)}")


def config_map(api: AdminApi, provider: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = api.get(f"{OWN}/{config_map_name(provider)}")
    return found


def names(api: AdminApi, provider: str) -> list[str]:
    found = config_map(api, provider)
    assert found is not None, "there is no list"
    return [one["name"] for one in json.loads(found["data"][LIST])]


def reason(world: World, provider: str) -> str:
    conditions: dict[str, tuple[str, str]] = world.conditions(provider, PROVIDER_KIND)
    return conditions.get("ModelsPublished", ("", ""))[1]


def published(world: World, api: AdminApi, provider: str, *expected: str) -> None:
    def reached() -> bool:
        assert names(api, provider) == list(expected)
        return reason(world, provider) == "Published"

    eventually(reached, message=f"the list of {provider}")


def test_a_list_shows_what_all_keys_open_and_belongs_to_its_provider(world: World, api: AdminApi) -> None:
    provider = world.provider(models=PUBLISH)
    world.proven("listed", provider)
    published(world, api, provider, *LISTED)
    found = config_map(api, provider)
    assert found is not None
    assert json.loads(found["data"][LIST])[-1] == {"name": "whisper-1", "type": "speech-to-text"}
    (owner,) = found["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"]) == (PROVIDER_KIND, world.object(PROVIDER_KIND, provider)["metadata"]["uid"])
    status = world.status(provider, PROVIDER_KIND)
    assert status["models"] == {"configMap": config_map_name(provider), "count": len(LISTED)}


def test_a_list_follows_what_the_keys_open(world: World, api: AdminApi) -> None:
    provider = world.provider(models=PUBLISH)
    world.proven("follows", provider)
    published(world, api, provider, *LISTED)
    world.simulator.models(world.server(provider), ["gpt-6", "gpt-5"])
    world.look_again(provider)
    published(world, api, provider, "gpt-5", "gpt-6")


def test_a_look_that_shows_the_same_and_a_restart_write_nothing(world: World, api: AdminApi) -> None:
    provider = world.provider(models=PUBLISH)
    key = world.proven("stable", provider)
    published(world, api, provider, *LISTED)
    world.settle()
    before = config_map(api, provider)
    world.look_again(provider)
    eventually(lambda: world.calls(key) == 2, message="another look")
    world.settle()
    world.stage.restart_operator()
    world.settle()
    assert config_map(api, provider) == before
    assert world.calls(key) == 2
    requests = world.stage.operator.metric("llmkeys_kube_requests_total", resource="configmaps", verb="patch")
    assert requests == 0


def test_a_key_that_a_server_calls_a_model_is_not_published(world: World, api: AdminApi) -> None:
    provider = world.provider(models=PUBLISH)
    key = world.key()
    models = [{"id": name, "object": "model"} for name in ("gpt-5", key, f"models/{key}", key.encode().hex())]
    answer = json.dumps({"object": "list", "data": models})
    world.simulator.set(key, Behaviour.raw(200, {"Content-Type": "application/json"}, answer))
    world.credential("echo", provider, key)
    published(world, api, provider, "gpt-5")


def test_switched_off_a_list_is_emptied(world: World, api: AdminApi) -> None:
    provider = world.provider(models=PUBLISH)
    world.proven("off", provider)
    published(world, api, provider, *LISTED)
    world.change_provider(provider, models={"publish": False})

    def emptied() -> bool:
        found = config_map(api, provider)
        assert found is not None
        assert "data" not in found
        return "models" not in world.status(provider, PROVIDER_KIND)

    eventually(emptied, message="an empty list")


@pytest.mark.parametrize(
    "labels",
    [{}, {"llmkeys.dev/internal": "true"}, {"llmkeys.dev/internal": "true", "llmkeys.dev/provider": "another"}],
)
def test_a_strangers_config_map_is_left_alone(labels: dict[str, str], named: str, world: World, api: AdminApi) -> None:
    body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": config_map_name(named), "labels": labels}}
    before = api.create(OWN, body | {"data": {LIST: "mine"}})
    world.provider(name=named, models=PUBLISH)
    world.proven(f"stranger-{len(labels)}", named)
    eventually(lambda: reason(world, named) == "ConfigMapConflict", message="the conflict's being told")
    assert config_map(api, named) == before
    assert world.conditions(named, PROVIDER_KIND)["Ready"][0] == "True"
    assert config_map_name(named) in world.message(named, "ModelsPublished", PROVIDER_KIND)


def test_the_longest_name_of_a_provider_has_a_list(world: World, api: AdminApi) -> None:
    name = f"{world.provider_name()}-{secrets.token_hex(4)}"
    name += "x" * (253 - len(name))
    world.provider(name=name, models=PUBLISH)
    world.proven("long", name)
    published(world, api, name, *LISTED)


def test_the_api_server_takes_the_longest_list(world: World, api: AdminApi) -> None:
    provider = world.provider("anthropic", models=PUBLISH)
    long = [f"claude-{number:04}-{'模' * 80}" for number in range(3000)]
    added = [{"name": f"zz-{number:02}-{'x' * 240}", "type": "embedding"} for number in range(64)]
    world.change_provider(provider, models={"publish": True, "add": added})
    world.simulator.models(world.server(provider), long)
    world.proven("most", provider)
    eventually(lambda: reason(world, provider) == "Published", timeout=30, message="a long list")
    assert len(names(api, provider)) == len(long) + len(added)


def test_a_provider_that_is_deleted_takes_its_list_along(world: World, api: AdminApi) -> None:
    if not world.stage.plane.has_controllers:
        pytest.skip("KUBEBUILDER_ASSETS holds no kube-controller-manager: nothing collects garbage")
    provider = world.provider(models=PUBLISH)
    world.credential("gone", provider, world.key())
    published(world, api, provider, *LISTED)
    world.delete(PROVIDER_KIND, provider)
    eventually(lambda: config_map(api, provider) is None, timeout=60, message="the list's being collected")
