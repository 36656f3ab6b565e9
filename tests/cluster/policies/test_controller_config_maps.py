"""What the policy on the controller's ConfigMaps forbids and lets pass, whatever roles would allow."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from llmkeys.api.names import API_VERSION, DEFAULT_NAMESPACE, INTERNAL_LABEL, PROVIDER_KIND, PROVIDER_LABEL, PUBLIC_KEYS
from tests.support.cluster import ControlPlane
from tests.support.people import Person, Rights
from tests.support.policy_objects import ALL_OF_OURS, CONTROLLER, OBJECTS, Existing, public_keys
from tests.support.wait import eventually

NOT_ITS_OWN = "writes only its own ConfigMaps in its own namespace"
NOT_ITS_LIST = "changes no list of models that it did not write"
NAME = "llmkeys-models-of-policies"
LABELS = {INTERNAL_LABEL: "true", PROVIDER_LABEL: "of-policies"}
OWNER = {"apiVersion": API_VERSION, "kind": PROVIDER_KIND, "name": "of-policies", "uid": "u"}


def model_list(name: str = NAME, labels: dict[str, str] | None = None, **owner: str) -> dict[str, Any]:
    metadata = {"name": name, "labels": LABELS if labels is None else labels, "ownerReferences": [{**OWNER, **owner}]}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"models.json": "[]"}}


@pytest.fixture(scope="module")
def at_home(installed: ControlPlane, controller: Person) -> Iterator[Person]:
    """The controller in its own namespace, where it may here write what its policies let it."""
    rights = Rights(installed, DEFAULT_NAMESPACE)
    rights.person("", OBJECTS, ALL_OF_OURS, name=CONTROLLER)
    person = Person(installed, controller.name, DEFAULT_NAMESPACE)
    eventually(lambda: NOT_ITS_OWN in person.create(public_keys("early")), message="the policy's coming into force")
    yield person
    installed.kubectl("delete", "role,rolebinding", "policies-1", f"--namespace={DEFAULT_NAMESPACE}")


@pytest.fixture
def foreign(installed: ControlPlane) -> Iterator[Existing]:
    """Create a ConfigMap in the controller's namespace as the admin."""
    made: list[str] = []

    def create(body: dict[str, Any]) -> dict[str, Any]:
        installed.kubectl("create", f"--namespace={DEFAULT_NAMESPACE}", "-f", "-", input=json.dumps(body))
        made.append(body["metadata"]["name"])
        return body

    yield create
    installed.kubectl("delete", "configmap", *made, f"--namespace={DEFAULT_NAMESPACE}")


def why_not(person: Person, body: dict[str, Any]) -> str:
    """Another test's controller may have made the object: that is found out behind admission."""
    why = person.create(body)
    return "" if "(AlreadyExists)" in why else why


def test_the_controller_creates_its_own_config_maps(at_home: Person) -> None:
    assert why_not(at_home, public_keys()) == ""
    assert why_not(at_home, model_list()) == ""


@pytest.mark.parametrize(
    "body",
    [
        public_keys("settings"),
        public_keys(f"{PUBLIC_KEYS}-2"),
        model_list("of-models"),
        model_list(labels={}),
        model_list(labels={INTERNAL_LABEL: "true"}),
        model_list(labels={PROVIDER_LABEL: "of-policies"}),
        model_list(labels={INTERNAL_LABEL: "false", PROVIDER_LABEL: "of-policies"}),
        model_list(labels={INTERNAL_LABEL: "true", PROVIDER_LABEL: ""}),
        model_list(kind="LLMCredential"),
        model_list(apiVersion="example.com/v1"),
        model_list() | {"metadata": {"name": NAME, "labels": LABELS}},
        {**public_keys(), "metadata": {"name": PUBLIC_KEYS}},
    ],
    ids=lambda body: f"{body['metadata']['name']} {body['metadata'].get('labels')}",
)
def test_the_controller_creates_no_other_config_maps(at_home: Person, body: dict[str, Any]) -> None:
    assert NOT_ITS_OWN in at_home.create(body)


@pytest.mark.parametrize("body", [public_keys(), model_list()], ids=["public keys", "a list of models"])
def test_the_controller_creates_none_in_another_namespace(controller: Person, body: dict[str, Any]) -> None:
    assert NOT_ITS_OWN in controller.create(body)


def test_the_controller_changes_what_it_wrote(at_home: Person, foreign: Existing) -> None:
    mine = model_list()
    del mine["metadata"]["ownerReferences"]
    foreign(mine)
    change = {"metadata": {"ownerReferences": [OWNER]}, "data": {"models.json": "[1]"}}
    assert at_home.patch(f"configmap/{NAME}", change) == ""
    assert NOT_ITS_OWN in at_home.patch(f"configmap/{NAME}", {"metadata": {"labels": {PROVIDER_LABEL: None}}})


@pytest.mark.parametrize(
    "labels",
    [
        {},
        {INTERNAL_LABEL: "true"},
        {INTERNAL_LABEL: "true", PROVIDER_LABEL: "x"},
        {PROVIDER_LABEL: LABELS[PROVIDER_LABEL]},
    ],
)
def test_the_controller_makes_no_config_map_of_somebody_else_a_list_of_its_own(
    at_home: Person, foreign: Existing, labels: dict[str, str]
) -> None:
    theirs = model_list(labels=labels)
    del theirs["metadata"]["ownerReferences"]
    foreign(theirs)
    change = {"metadata": {"labels": LABELS, "ownerReferences": [OWNER]}, "data": {"models.json": "[1]"}}
    assert NOT_ITS_LIST in at_home.patch(f"configmap/{NAME}", change)


def test_the_controller_changes_no_config_map_of_somebody_else(at_home: Person, foreign: Existing) -> None:
    foreign(public_keys("of-somebody-else"))
    assert NOT_ITS_OWN in at_home.patch("configmap/of-somebody-else", {"data": {"more": "words"}})
