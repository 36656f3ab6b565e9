"""What the policy on the published keys forbids and lets pass."""

from typing import Any

import pytest

from llmkeys.api.names import (
    PUBLIC_KEYS,
)
from tests.support.people import Change, Person
from tests.support.policy_objects import NOT_YOUR_KEYS, Existing, public_keys


@pytest.fixture(scope="module")
def published(existing: Existing, people: dict[str, Person]) -> dict[str, Any]:
    """The ConfigMap as the controller publishes it."""
    assert people
    return existing(public_keys())


def test_nobody_publishes_public_keys_in_our_name(writer: Person) -> None:
    assert NOT_YOUR_KEYS in writer.create(public_keys())


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize(
    "change",
    [
        {"data": {"sealing": "of a stranger"}},
        {"data": {"more": "keys"}},
        {"data": None},
        {"binaryData": {"more": "a2V5cw=="}},
        {"immutable": True},
    ],
)
def test_nobody_changes_our_public_keys(writer: Person, change: Change) -> None:
    assert NOT_YOUR_KEYS in writer.patch(f"configmap/{PUBLIC_KEYS}", change)


def test_public_keys_pass_as_they_are(writer: Person, published: dict[str, Any]) -> None:
    assert writer.replace(published) == ""
    assert writer.patch(f"configmap/{PUBLIC_KEYS}", {"metadata": {"annotations": {"note": "b"}}}) == ""


def test_other_config_maps_are_nobodys_business(writer: Person) -> None:
    assert writer.create(public_keys("settings")) == ""


@pytest.mark.usefixtures("published")
def test_the_controller_and_a_restore_write_public_keys_and_nobody_like_them(
    controller: Person, restorer: Person, namesake: Person, colleague: Person
) -> None:
    change = {"data": {"sealing": "another public key"}}
    what = f"configmap/{PUBLIC_KEYS}"

    # Elsewhere than in its own namespace another policy refuses it: test_controller_config_maps.py.
    assert NOT_YOUR_KEYS not in controller.patch(what, change)
    assert restorer.patch(what, change) == ""
    assert NOT_YOUR_KEYS in namesake.patch(what, change)
    assert NOT_YOUR_KEYS in colleague.patch(what, change)
