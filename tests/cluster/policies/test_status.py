"""What the policy on status forbids and lets pass."""

import json
from typing import Final

import pytest

from llmkeys.api.names import (
    API_VERSION,
    CREDENTIAL_KIND,
    GROUP,
    PROVIDER_KIND,
)
from tests.support.cluster import ControlPlane
from tests.support.people import Person, Rights, rule
from tests.support.policy_objects import (
    ALL_OF_OURS,
    NOT_YOUR_STATUS,
    RESTORE,
    WRITE,
    Existing,
    credential,
)


@pytest.fixture(scope="module")
def asked_for(existing: Existing, people: dict[str, Person]) -> str:
    """A credential that is there."""
    assert people
    existing(credential("chat", encryption="None"))
    return f"{CREDENTIAL_KIND}/chat"


STATUS: Final = {"status": {"observedGeneration": 1, "secretName": "somebodys"}}
OF_STATUS: Final = "--subresource=status"


def test_by_the_clusters_roles_nobody_may_write_status(writer: Person, asked_for: str) -> None:
    assert 'resource "llmcredentials/status"' in writer.patch(asked_for, STATUS, OF_STATUS)


def test_a_role_on_all_of_ours_does_not_reach_status(
    rights: Rights, namesake: Person, colleague: Person, asked_for: str
) -> None:
    wide = rights.person("", ALL_OF_OURS)

    for person in (wide, namesake, colleague):
        assert NOT_YOUR_STATUS in person.patch(asked_for, STATUS, OF_STATUS)


def test_such_a_role_still_writes_spec_and_metadata(rights: Rights, asked_for: str) -> None:
    wide = rights.person("", ALL_OF_OURS)

    assert wide.patch(asked_for, {"metadata": {"labels": {"team": "a"}}, "spec": {"enabled": False}}) == ""


def test_the_status_of_a_provider_is_written_by_the_controller_and_by_a_restore_of_everything(
    rights: Rights, installed: ControlPlane, provider_prefix: str, controller: Person
) -> None:
    name = f"{provider_prefix}guarded"
    body = {"apiVersion": API_VERSION, "kind": PROVIDER_KIND, "metadata": {"name": name}, "spec": {"type": "openai"}}
    installed.kubectl("create", "-f", "-", input=json.dumps(body))
    platform = rights.in_cluster(rights.person("view"), rule(GROUP, ["*"], WRITE))
    forged = {"status": {"observedGeneration": 1, "type": "forged"}}

    assert NOT_YOUR_STATUS in platform.patch(f"{PROVIDER_KIND}/{name}", forged, OF_STATUS)
    assert platform.patch(f"{PROVIDER_KIND}/{name}", {"spec": {"enabled": False}}) == ""
    # kubectl reads what it patches, for which the controller has no need.
    rights.in_cluster(controller, rule(GROUP, ["llmproviders/status"], ["get"]))
    assert controller.patch(f"{PROVIDER_KIND}/{name}", forged, OF_STATUS) == ""
    rights.in_cluster(platform, RESTORE)
    assert platform.patch(f"{PROVIDER_KIND}/{name}", forged, OF_STATUS) == ""


def test_the_controller_and_a_restore_write_status(controller: Person, restorer: Person, asked_for: str) -> None:
    assert controller.patch(asked_for, STATUS, OF_STATUS) == ""
    assert restorer.patch(asked_for, STATUS, OF_STATUS) == ""


def test_a_right_to_restore_elsewhere_writes_no_status_here(restorer_elsewhere: Person, asked_for: str) -> None:
    assert NOT_YOUR_STATUS in restorer_elsewhere.patch(asked_for, STATUS, OF_STATUS)
