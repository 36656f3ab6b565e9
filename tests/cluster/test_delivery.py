"""What workloads find: formats, names, whose Secret it is, and when it may not be written."""

import datetime as dt
import json
from typing import Any, Final

import pytest

from llmkeys.api.names import API_VERSION, CREDENTIAL_KIND, CREDENTIAL_LABEL
from tests.support.simulator.behaviour import Behaviour
from tests.support.wait import eventually
from tests.support.world import World

DAY: Final = 24 * 3600


@pytest.fixture(scope="module")
def openai(world: World) -> str:
    return world.provider()


def base_url(world: World, provider: str) -> str:
    return world.simulator.url(world.server(provider))


# -- formats -------------------------------------------------------------------------------------------------


def test_env_holds_a_variable_for_each_field(world: World, openai: str) -> None:
    key = world.proven("env", openai)

    assert world.secret("env") == {"OPENAI_API_KEY": key, "OPENAI_BASE_URL": base_url(world, openai)}
    assert world.status("env")["env"] == ["OPENAI_API_KEY", "OPENAI_BASE_URL"]
    assert world.object("Secret", "env")["type"] == "Opaque"


def test_env_holds_the_settings_of_the_provider_too(world: World) -> None:
    provider = world.provider(config={"organization": "org-1", "project": "proj-2"})
    world.proven("env-config", provider)

    found = world.secret("env-config") or {}
    assert (found["OPENAI_ORG_ID"], found["OPENAI_PROJECT_ID"]) == ("org-1", "proj-2")


def test_json_is_one_file(world: World, openai: str) -> None:
    key = world.proven("json", openai, target={"format": "JSON"})

    found = world.secret("json") or {}
    assert list(found) == ["credentials.json"]
    assert json.loads(found["credentials.json"]) == {"apiKey": key, "baseURL": base_url(world, openai)}
    assert world.status("json").get("env", []) == []


def test_dotenv_is_one_file(world: World, openai: str) -> None:
    key = world.proven("dotenv", openai, target={"format": "Dotenv"})

    text = f'OPENAI_API_KEY="{key}"\nOPENAI_BASE_URL="{base_url(world, openai)}"\n'
    assert world.secret("dotenv") == {".env": text}


def test_files_are_one_for_each_field(world: World, openai: str) -> None:
    key = world.proven("files", openai, target={"format": "Files"})

    assert world.secret("files") == {"apiKey": key, "baseURL": base_url(world, openai)}


def test_data_renames_and_replaces_the_usual_entries(world: World, openai: str) -> None:
    data = {"MY_KEY": "$(apiKey)", "MY_URL": "$(baseURL)/chat"}
    key = world.proven("renamed", openai, target={"data": data})

    assert world.secret("renamed") == {"MY_KEY": key, "MY_URL": f"{base_url(world, openai)}/chat"}
    assert world.status("renamed")["env"] == ["MY_KEY", "MY_URL"]


def test_data_that_uses_a_field_that_is_not_there_is_refused_with_what_there_is(world: World, openai: str) -> None:
    key = world.key()
    world.credential("wrong-field", openai, key, target={"data": {"MY_KEY": "$(apikey)"}})

    world.wait("wrong-field", ready="False", reason="DataInvalid")
    assert "MY_KEY uses $(apikey); type openai has: apiKey, baseURL" in world.message("wrong-field")
    assert world.calls(key) == 0


def test_another_format_is_written_without_another_look(world: World, openai: str) -> None:
    key = world.proven("reshaped", openai)

    world.change("reshaped", target={"format": "Files"})

    eventually(
        lambda: world.secret("reshaped") == {"apiKey": key, "baseURL": base_url(world, openai)}, message="the files"
    )
    assert world.calls(key) == 1


def test_names_are_known_before_the_key_is_proven(world: World, openai: str) -> None:
    world.credential("names-first", openai, world.key(Behaviour.slow(5)), target={"name": "elsewhere"})

    def told() -> bool:
        status = world.status("names-first")
        assert status["secretName"] == "elsewhere"
        assert status["env"] == ["OPENAI_API_KEY", "OPENAI_BASE_URL"]
        assert status["conditions"]
        return True

    eventually(told, timeout=4, message="the names")
    assert world.conditions("names-first")["Ready"] == ("Unknown", "Checking")
    assert world.secret("elsewhere") is None


# -- whose Secret it is --------------------------------------------------------------------------------------


def test_the_secret_belongs_to_its_credential_and_goes_with_it(world: World, openai: str) -> None:
    world.proven("owned", openai)
    uid = world.object(CREDENTIAL_KIND, "owned")["metadata"]["uid"]

    (owner,) = world.object("Secret", "owned")["metadata"]["ownerReferences"]
    assert owner == {
        "apiVersion": API_VERSION,
        "kind": CREDENTIAL_KIND,
        "name": "owned",
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }
    if world.stage.plane.has_controllers:
        world.delete(CREDENTIAL_KIND, "owned")
        eventually(lambda: world.secret("owned") is None, timeout=90, message="the Secret's garbage collection")


def test_two_credentials_with_one_target_leave_it_to_the_first(world: World, openai: str) -> None:
    key = world.proven("first", openai, target={"name": "contended"})
    before = world.object("Secret", "contended")["metadata"]["resourceVersion"]
    second = world.key()
    world.credential("second", openai, second, target={"name": "contended"})

    world.wait("second", ready="False", reason="TargetConflict", synced="TargetConflict")
    seen = world.conditions("second")
    assert seen["Stalled"] == ("True", "TargetConflict")
    assert seen["Active"] == ("True", "Verified")
    assert "Secret contended exists and belongs to somebody else; it was not touched." in world.message("second")
    world.settle()
    assert world.conditions("first")["Ready"] == ("True", "Verified")
    assert (world.secret("contended") or {})["OPENAI_API_KEY"] == key
    assert world.object("Secret", "contended")["metadata"]["resourceVersion"] == before

    # Not only what is delivered: what is withdrawn leaves it alone, too.
    world.change("second", enabled=False)
    world.wait("second", ready="False", reason="Disabled")
    world.settle()
    assert (world.secret("contended") or {})["OPENAI_API_KEY"] == key


def test_the_second_takes_over_when_the_first_is_gone(world: World, openai: str) -> None:
    if not world.stage.plane.has_controllers:
        pytest.skip("this control plane collects no garbage")
    world.proven("heir-first", openai, target={"name": "inherited"})
    key = world.key()
    world.credential("heir-second", openai, key, target={"name": "inherited"})
    world.wait("heir-second", ready="False", reason="TargetConflict")

    world.delete(CREDENTIAL_KIND, "heir-first")

    world.wait("heir-second", ready="True", reason="Verified", synced="Synced", timeout=30)
    assert (world.secret("inherited") or {})["OPENAI_API_KEY"] == key


def test_a_secret_of_somebody_else_stays_untouched(world: World, openai: str) -> None:
    world.source("theirs", {"PASSWORD": "of somebody else"}, labelled=False)
    before = world.object("Secret", "theirs")
    world.credential("intruder", openai, world.key(), target={"name": "theirs"})

    world.wait("intruder", ready="False", reason="TargetConflict")
    world.delete(CREDENTIAL_KIND, "intruder")
    world.settle()
    assert world.object("Secret", "theirs") == before


def test_a_source_of_its_own_is_never_the_target(world: World, openai: str) -> None:
    key = world.key()
    world.credential("self", openai, key, target={"name": "self-1"})

    world.wait("self", ready="False", reason="TargetConflict")
    assert world.secret("self-1") == {"apiKey": key}


# -- drift ---------------------------------------------------------------------------------------------------

EDITS: Final[dict[str, dict[str, Any]]] = {
    "edited": {"data": {"OPENAI_API_KEY": "c29tZXRoaW5nIGVsc2U="}},
    "added-to": {"data": {"MORE": "bW9yZQ=="}},
    "emptied": {"data": None},
    "unlabelled": {"metadata": {"labels": {CREDENTIAL_LABEL: None}}},
    "relabelled": {"metadata": {"labels": None}},
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edited_secret_is_healed_without_a_call(world: World, openai: str, name: str) -> None:
    credential = f"drift-{name}"
    key = world.proven(credential, openai)
    before = world.secret(credential)

    world.patch("Secret", credential, EDITS[name])

    def healed() -> bool:
        labels = world.object("Secret", credential)["metadata"].get("labels")
        return world.secret(credential) == before and labels == {CREDENTIAL_LABEL: credential}

    eventually(healed, message="the Secret as it was")
    world.wait(credential, ready="True", reason="Verified", synced="Synced")
    assert world.calls(key) == 1


def test_a_deleted_secret_is_made_again_without_a_call(world: World, openai: str) -> None:
    key = world.proven("deleted", openai)
    before = world.secret("deleted")

    world.delete("Secret", "deleted")

    eventually(lambda: world.secret("deleted") == before, message="the Secret as it was")
    assert world.calls(key) == 1


def test_labels_of_others_on_the_secret_are_left_alone(world: World, openai: str) -> None:
    world.proven("marked", openai)
    world.patch("Secret", "marked", {"metadata": {"labels": {"team": "a"}}})
    world.settle()

    world.source("marked-1", apiKey=(new := world.key()))

    eventually(lambda: (world.secret("marked") or {})["OPENAI_API_KEY"] == new, message="the new key")
    assert world.object("Secret", "marked")["metadata"]["labels"]["team"] == "a"


# -- expiry --------------------------------------------------------------------------------------------------


def at(seconds: float) -> str:
    """RFC 3339, this many seconds from now."""
    return (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_what_has_expired_is_invalid_without_a_call(world: World, openai: str) -> None:
    key = world.key()
    world.credential("expired", openai, key, expiresAt=at(-60))

    world.wait("expired", ready="False", reason="Expired")
    assert world.conditions("expired")["InvalidKey"] == ("True", "Expired")
    assert world.calls(key) == 0

    world.change("expired", expiresAt=at(30 * DAY))
    world.wait("expired", ready="True", reason="Verified")


def test_expiry_comes_by_itself_when_its_time_is_there(world: World, openai: str) -> None:
    key = world.key()
    world.credential("expiring", openai, key, expiresAt=at(5))
    world.wait("expiring", ready="True", reason="Verified", timeout=4)

    world.wait("expiring", ready="False", reason="Expired")
    assert world.conditions("expiring")["Active"] == ("False", "Expired")
    assert world.calls(key) == 1


def test_expiry_within_seven_days_is_warned_about_once_whatever_restarts(world: World, openai: str) -> None:
    world.proven("trial", openai, expiresAt=at(6 * DAY))
    world.proven("long-trial", openai, expiresAt=at(8 * DAY))
    (warning,) = eventually(lambda: world.events("trial", "ExpiresSoon"), message="the warning")
    assert warning["type"] == "Warning"

    world.stage.restart_operator()
    world.change("trial", validation={"interval": "12h"})
    world.wait("trial", ready="True", reason="Verified")
    world.settle()

    assert len(world.events("trial", "ExpiresSoon")) == 1
    assert world.events("long-trial", "ExpiresSoon") == []

    world.change("trial", expiresAt=at(5 * DAY))
    eventually(lambda: len(world.events("trial", "ExpiresSoon")) == 2, message="a warning about the new date")
