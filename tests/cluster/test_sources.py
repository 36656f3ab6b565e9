"""Where keys come from: what may be a source, what is in it, and what is never sent."""

import base64
from collections.abc import Iterator
from typing import Final

import pytest

from llmkeys.api.names import CREDENTIAL_KIND, CREDENTIAL_LABEL, SOURCE_LABEL
from tests.support.simulator.behaviour import Behaviour
from tests.support.stage import CANARY, new_key, traces
from tests.support.wait import eventually
from tests.support.world import World

MEBIBYTE: Final = 1024 * 1024


@pytest.fixture(scope="module")
def openai(world: World) -> str:
    return world.provider()


def ref(name: str, key: str = "k1", **fields: str) -> dict[str, object]:
    return {"name": key, "secretRef": {"name": name, **({"fields": fields} if fields else {})}}


def names_and_verdicts(world: World, name: str) -> list[tuple[str, str]]:
    return [(one["name"], one["verdict"]) for one in world.status(name)["keys"]]


# -- what is no key at all -----------------------------------------------------------------------------------

MALFORMED: Final = {
    "empty": "",
    "blank": " \n\t ",
    "only-separators": ",\n,",
    "blank-within": f"sk-{CANARY} with-a-blank",
    "tab-within": f"sk-{CANARY}\twith-a-tab",
    "control": f"sk-{CANARY}\x07bell",
    "nul-within": f"sk-{CANARY}\0nul",
    "chinese": f"sk-{CANARY}-密钥",
    "accent": f"sk-{CANARY}-clé",
    "zero-width": f"sk-{CANARY}-\u200bzero",
    "not-utf-8": f"sk-{CANARY}-".encode() + b"\xff\xfe",
    "too-long": f"sk-{CANARY}-" + "x" * 9000,
    # The API server takes at most one mebibyte for the whole object's data.
    "one-megabyte": f"sk-{CANARY}-" + "x" * (MEBIBYTE - 100),
}


@pytest.fixture(scope="module")
def malformed(world: World) -> Iterator[str]:
    """All of them at one server, which must never be called."""
    provider = world.provider()
    for name, value in MALFORMED.items():
        world.credential(f"malformed-{name}", provider, value)
    return provider


@pytest.mark.parametrize("name", MALFORMED)
def test_a_malformed_key_is_invalid_and_never_sent(world: World, malformed: str, name: str) -> None:
    credential = f"malformed-{name}"
    world.wait(credential, ready="False", reason="MalformedKey")

    seen = world.conditions(credential)
    assert seen["InvalidKey"] == ("True", "MalformedKey")
    assert seen["Active"] == ("False", "MalformedKey")
    assert seen["Stalled"] == ("True", "MalformedKey")
    assert f"Check Secret {credential}-1." in world.message(credential)
    assert world.secret(credential) is None
    assert world.simulator.calls_total(world.server(malformed)) == 0


def test_another_kind_of_credential_is_invalid_and_never_sent(world: World) -> None:
    provider = world.provider()
    key = world.key(prefix="sk-admin-")
    world.credential("admin-key", provider, key)

    world.wait("admin-key", ready="False", reason="WrongCredentialType")
    assert world.conditions("admin-key")["InvalidKey"] == ("True", "WrongCredentialType")
    assert world.calls(key) == 0


def test_white_space_around_a_key_is_taken_off_and_said(world: World, openai: str) -> None:
    key = world.key()
    world.credential("trimmed", openai, f"\ufeff \t{key}\r\n")

    world.wait("trimmed", ready="True", reason="Verified")
    assert world.message("trimmed").endswith("White space around its value was taken off.")
    assert (world.secret("trimmed") or {})["OPENAI_API_KEY"] == key


def test_a_malformed_key_that_is_corrected_is_proven(world: World, openai: str) -> None:
    key = world.key()
    world.credential("corrected", openai, f"{key[:12]} {key[12:]}")
    world.wait("corrected", ready="False", reason="MalformedKey")

    world.source("corrected-1", apiKey=key)

    world.wait("corrected", ready="True", reason="Verified")


# -- several keys --------------------------------------------------------------------------------------------


def test_a_dead_first_key_is_passed_over_and_named(world: World) -> None:
    dead, good = world.key(Behaviour.REVOKED), world.key()
    world.credential("second", world.provider(), dead, good)

    world.wait("second", ready="True", reason="Verified", timeout=20)
    assert names_and_verdicts(world, "second") == [("k1", "Rejected"), ("k2", "Verified")]
    assert world.status("second")["activeKey"] == "k2"
    assert "Passed over: k1 (Rejected)." in world.message("second")
    assert world.conditions("second")["InvalidKey"] == ("False", "Verified")
    assert (world.secret("second") or {})["OPENAI_API_KEY"] == good


def test_a_throttled_first_key_does_not_keep_a_good_second_one_waiting(world: World) -> None:
    world.credential("rested", world.provider(), world.key(Behaviour.throttled(3600)), world.key())

    world.wait("rested", ready="True", reason="Verified")
    assert world.status("rested")["activeKey"] == "k2"


def test_a_missing_first_source_does_not_keep_a_good_second_one_waiting(world: World, openai: str) -> None:
    world.source("spare", apiKey=world.key())
    world.credential("spared", openai, entries=[ref("not-there"), ref("spare", "k2")])

    world.wait("spared", ready="True", reason="Verified")
    assert names_and_verdicts(world, "spared") == [("k1", "SourceNotFound"), ("k2", "Verified")]


SEPARATORS: Final = {"commas": ", ", "lines": "\n", "windows-lines": "\r\n", "chinese-commas": "\uff0c"}


@pytest.mark.parametrize("name", SEPARATORS)
def test_a_list_in_one_field_becomes_numbered_keys(world: World, openai: str, name: str) -> None:
    slip, good = f"sk-{CANARY} slip", world.key()
    world.credential(f"list-{name}", openai, SEPARATORS[name].join([slip, good, ""]))

    world.wait(f"list-{name}", ready="True", reason="Verified")
    assert names_and_verdicts(world, f"list-{name}") == [("k1-1", "MalformedKey"), ("k1-2", "Verified")]
    assert world.status(f"list-{name}")["activeKey"] == "k1-2"
    assert (world.secret(f"list-{name}") or {})["OPENAI_API_KEY"] == good


def test_editing_the_list_moves_no_state_from_one_key_to_another(world: World) -> None:
    dead, good, more = world.key(Behaviour.REVOKED), world.key(), world.key()
    provider = world.provider()
    world.credential("edited", provider, dead, good)
    world.wait("edited", ready="True", reason="Verified", timeout=20)
    calls = world.calls(dead), world.calls(good)

    world.source("edited-3", apiKey=more)
    world.change("edited", keys=[ref("edited-3", "k1"), ref("edited-1", "k2"), ref("edited-2", "k3")])

    eventually(lambda: world.status("edited").get("activeKey") == "k1", message="the new first key in use")
    assert names_and_verdicts(world, "edited") == [("k1", "Verified"), ("k2", "Rejected"), ("k3", "Verified")]
    assert (world.calls(dead), world.calls(good)) == calls
    assert (world.secret("edited") or {})["OPENAI_API_KEY"] == more


# -- what may be a source ------------------------------------------------------------------------------------


def test_a_missing_source_is_named_and_picked_up_when_it_comes(world: World, openai: str) -> None:
    world.credential("early", openai, entries=[ref("late")])
    world.wait("early", ready="Unknown", reason="SourceNotFound")
    seen = world.conditions("early")
    assert seen["Reconciling"] == ("True", "SourceNotFound")
    assert seen["Active"] == ("Unknown", "SourceNotFound")
    assert f"kubectl label secret -n {world.namespace} late llmkeys.dev/source=true" in world.message("early")

    world.source("late", apiKey=world.key())

    world.wait("early", ready="True", reason="Verified")


def test_an_unlabelled_source_is_not_read_until_it_is_labelled(world: World, openai: str) -> None:
    key = world.key()
    world.source("unlabelled", apiKey=key, labelled=False)
    world.credential("unallowed", openai, entries=[ref("unlabelled")])
    world.wait("unallowed", ready="Unknown", reason="SourceNotAllowed")
    assert world.calls(key) == 0

    world.patch("Secret", "unlabelled", {"metadata": {"labels": {SOURCE_LABEL: "true"}}})

    world.wait("unallowed", ready="True", reason="Verified")


def test_a_source_that_loses_its_label_keeps_what_was_delivered(world: World, openai: str) -> None:
    key = world.proven("unlabelled-later", openai)

    world.patch("Secret", "unlabelled-later-1", {"metadata": {"labels": {SOURCE_LABEL: None}}})

    world.wait("unlabelled-later", ready="Unknown", reason="SourceNotAllowed")
    assert world.conditions("unlabelled-later")["SecretSynced"] == ("True", "Synced")
    assert (world.secret("unlabelled-later") or {})["OPENAI_API_KEY"] == key


@pytest.mark.parametrize("labelled", [False, True])
def test_a_secret_that_we_generated_is_never_a_source(world: World, openai: str, labelled: bool) -> None:
    name = f"generated-{labelled}".lower()
    key = world.proven(name, openai)
    if labelled:
        world.patch("Secret", name, {"metadata": {"labels": {SOURCE_LABEL: "true"}}})
    elsewhere = world.provider()
    world.credential(f"thief-{name}", elsewhere, entries=[ref(name, apiKey="OPENAI_API_KEY")])

    world.wait(f"thief-{name}", ready="Unknown", reason="SourceNotAllowed")
    assert world.simulator.calls(key, world.server(elsewhere)) == []


def test_a_secret_of_another_type_is_never_a_source(world: World, openai: str) -> None:
    key = world.key()
    login = {"username": base64.b64encode(b"me").decode(), "password": base64.b64encode(key.encode()).decode()}
    world.create("Secret", "login", labels={SOURCE_LABEL: "true"}, data=login, type="kubernetes.io/basic-auth")
    world.credential("from-login", openai, entries=[ref("login", apiKey="password")])

    world.wait("from-login", ready="Unknown", reason="SourceNotAllowed")
    assert world.calls(key) == 0


def test_a_missing_field_is_named_and_picked_up_when_it_comes(world: World, openai: str) -> None:
    world.source("fieldless", other="something")
    world.credential("without-field", openai, entries=[ref("fieldless", apiKey="TEAM_KEY")])
    world.wait("without-field", ready="Unknown", reason="SourceFieldMissing")
    assert 'Secret fieldless has no value for "TEAM_KEY".' in world.message("without-field")

    world.source("fieldless", TEAM_KEY=world.key())

    world.wait("without-field", ready="True", reason="Verified")


@pytest.mark.parametrize("field", ["apiKey", "OPENAI_API_KEY"])
def test_a_field_is_found_by_its_name_and_by_its_variable(world: World, openai: str, field: str) -> None:
    name = field.lower().replace("_", "-")
    world.source(f"by-{name}", {field: world.key()})
    world.credential(f"found-by-{name}", openai, entries=[ref(f"by-{name}")])

    world.wait(f"found-by-{name}", ready="True", reason="Verified")


def test_a_changed_source_is_proven_and_delivered(world: World, openai: str) -> None:
    world.proven("rotated", openai)
    new = world.key()

    world.source("rotated-1", apiKey=new)

    eventually(lambda: (world.secret("rotated") or {})["OPENAI_API_KEY"] == new, message="the new key in the Secret")
    world.wait("rotated", ready="True", reason="Verified")


# -- no key is ever shown ------------------------------------------------------------------------------------


def test_a_key_in_an_event_would_be_found(world: World) -> None:
    """The search for leaks at the end of each module is worth something."""
    key = new_key()
    about = {"kind": CREDENTIAL_KIND, "namespace": world.namespace, "name": "leak"}
    for number, text in enumerate(sorted(traces(key))):
        world.create_event(f"leak-{number}", about, text)
        assert world.stage.leaks() == [f"/api/v1/events leak-{number}"], text
        world.delete("Event", f"leak-{number}")
    assert world.stage.leaks() == []


@pytest.mark.parametrize("before", ["", "a", "ab"])
def test_the_search_for_leaks_knows_base64_at_each_offset(before: str) -> None:
    whole = base64.b64encode(f"{before}{new_key()}".encode()).decode()

    assert any(trace in whole for trace in traces(CANARY))


def test_a_credential_that_is_applied_with_kubectl_gets_no_annotation_of_ours(world: World, openai: str) -> None:
    world.proven("plain", openai)

    assert "annotations" not in world.object(CREDENTIAL_KIND, "plain")["metadata"]
    metadata = world.object("Secret", "plain")["metadata"]
    assert metadata["labels"] == {CREDENTIAL_LABEL: "plain"}
    assert "annotations" not in metadata
    assert "finalizers" not in metadata
