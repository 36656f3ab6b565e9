"""What the policy on generated Secrets forbids and lets pass."""

from typing import Any

import pytest

from llmkeys.api.names import (
    CREDENTIAL_LABEL,
    SOURCE_LABEL,
)
from tests.support.cluster import ControlPlane
from tests.support.people import Change, Person
from tests.support.policy_objects import (
    COLLECTORS,
    LABELLED,
    NOT_YOUR_CONTENT,
    NOT_YOUR_LABEL,
    NOT_YOUR_LABELS,
    Existing,
    secret,
)


@pytest.fixture(scope="module")
def generated(existing: Existing, people: dict[str, Person]) -> dict[str, Any]:
    """A Secret as the controller writes it."""
    assert people
    return existing(secret("generated", LABELLED))


@pytest.fixture(scope="module")
def plain(existing: Existing, people: dict[str, Person]) -> dict[str, Any]:
    """A Secret that is none of ours."""
    assert people
    return existing(secret("plain"))


@pytest.mark.parametrize("labels", [LABELLED, {CREDENTIAL_LABEL: ""}])
def test_nobody_makes_a_secret_that_passes_for_a_generated_one(writer: Person, labels: dict[str, str]) -> None:
    assert NOT_YOUR_LABEL in writer.create(secret("forged", labels))


@pytest.mark.usefixtures("plain")
def test_nobody_makes_a_secret_of_theirs_one_of_ours(writer: Person) -> None:
    assert NOT_YOUR_LABEL in writer.patch("secret/plain", {"metadata": {"labels": LABELLED}})


@pytest.mark.usefixtures("generated")
@pytest.mark.parametrize(
    "change",
    [
        {"data": {"KEY": "c3RyYW5nZQ=="}},
        {"data": {"MORE": "bW9yZQ=="}},
        {"data": {"KEY": None}},
        {"data": None},
        {"stringData": {"KEY": "strange"}},
        {"immutable": True},
    ],
)
def test_nobody_changes_what_a_generated_secret_holds(writer: Person, change: Change) -> None:
    assert NOT_YOUR_CONTENT in writer.patch("secret/generated", change)


@pytest.mark.usefixtures("generated")
@pytest.mark.parametrize(
    "labels", [{CREDENTIAL_LABEL: None}, {CREDENTIAL_LABEL: "other"}, {SOURCE_LABEL: "true"}, {"llmkeys.dev/new": ""}]
)
def test_nobody_changes_our_labels_on_a_generated_secret(writer: Person, labels: dict[str, str | None]) -> None:
    assert NOT_YOUR_LABELS in writer.patch("secret/generated", {"metadata": {"labels": labels}})


@pytest.mark.usefixtures("generated")
def test_nobody_changes_the_type_of_a_generated_secret(writer: Person) -> None:
    assert "field is immutable" in writer.patch("secret/generated", {"type": "kubernetes.io/tls"})


def test_whoever_only_reads_does_not_get_as_far_as_a_policy(people: dict[str, Person]) -> None:
    assert "cannot create resource" in people["view"].create(secret("forged", LABELLED))


def test_writing_a_generated_secret_as_it_is_passes_as_when_encryption_at_rest_gets_another_key(
    writer: Person, generated: dict[str, Any]
) -> None:
    assert writer.replace(generated) == ""


def test_that_holds_for_an_emptied_one_too(writer: Person, existing: Existing) -> None:
    emptied = existing(secret(f"emptied-{writer.name}", LABELLED, data={}))

    assert writer.replace(emptied) == ""
    assert writer.replace(emptied | {"data": {}, "immutable": False}) == ""


@pytest.mark.usefixtures("generated")
@pytest.mark.parametrize("metadata", [{"labels": {"team": "a"}}, {"annotations": {"note": "b"}}])
def test_labels_and_annotations_of_others_pass(writer: Person, metadata: Change) -> None:
    assert writer.patch("secret/generated", {"metadata": metadata}) == ""


@pytest.mark.usefixtures("generated")
def test_whoever_may_delete_secrets_may_delete_a_generated_one(writer: Person) -> None:
    assert writer.delete("secret/generated") == ""


@pytest.mark.usefixtures("plain")
def test_secrets_that_are_not_ours_are_nobodys_business(writer: Person) -> None:
    assert writer.create(secret("source", {SOURCE_LABEL: "true"})) == ""
    assert writer.patch("secret/plain", {"data": {"KEY": "c3RyYW5nZQ=="}, "immutable": True}) == ""


@pytest.mark.usefixtures("generated")
def test_the_controller_writes_generated_secrets(controller: Person) -> None:
    assert controller.create(secret("new", LABELLED)) == ""
    assert controller.patch("secret/generated", {"data": {"KEY": "bmV3"}}) == ""


@pytest.mark.usefixtures("generated")
def test_an_account_of_the_controllers_name_in_another_namespace_is_not_the_controller(namesake: Person) -> None:
    assert NOT_YOUR_LABEL in namesake.create(secret("forged", LABELLED))
    assert NOT_YOUR_CONTENT in namesake.patch("secret/generated", {"data": {"KEY": "c3RyYW5nZQ=="}})


@pytest.mark.usefixtures("generated")
def test_rights_like_the_controllers_do_not_make_a_person_the_controller(colleague: Person) -> None:
    assert NOT_YOUR_LABEL in colleague.create(secret("forged", LABELLED))
    assert NOT_YOUR_CONTENT in colleague.patch("secret/generated", {"data": {"KEY": "c3RyYW5nZQ=="}})


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("collector", COLLECTORS)
def test_the_garbage_collector_is_never_held_up(
    collector: str, installed: ControlPlane, namespace: str, generated: dict[str, Any]
) -> None:
    """Whatever a later version of it changes: a finalizer that cannot be taken off keeps a namespace for ever."""
    person = Person(installed, collector, namespace)

    assert person.replace(generated | {"data": {}}) == ""


@pytest.mark.usefixtures("generated")
def test_a_backup_is_restored_by_whoever_may_restore(restorer: Person) -> None:
    assert restorer.create(secret("restored", LABELLED)) == ""
    assert restorer.patch("secret/generated", {"data": {"KEY": "b2xk"}}) == ""


@pytest.mark.usefixtures("generated")
def test_a_right_to_restore_in_one_namespace_is_none_in_another(restorer_elsewhere: Person) -> None:
    assert NOT_YOUR_LABEL in restorer_elsewhere.create(secret("restored", LABELLED))
