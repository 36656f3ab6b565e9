"""People and accounts with the rights that the policies tell apart."""

import json
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from llmkeys.api.names import (
    CONTROLLER_ACCOUNT,
)
from tests.support.cluster import ControlPlane
from tests.support.people import Person, Rights, refused
from tests.support.policy_objects import (
    A_RIGHT_OF_THE_CONTROLLER,
    ALL_OF_OURS,
    CONTROLLER,
    LABELLED,
    NOT_YOUR_KEYS,
    NOT_YOUR_LABEL,
    OBJECTS,
    RESTORE,
    Existing,
    public_keys,
    secret,
)
from tests.support.wait import eventually


@pytest.fixture(scope="module")
def rights(installed: ControlPlane, namespace: str) -> Iterator[Rights]:
    made = Rights(installed, namespace)
    yield made
    made.take_back()


@pytest.fixture(scope="module")
def people(installed: ControlPlane, rights: Rights) -> dict[str, Person]:
    """Somebody for each of the cluster's roles in this namespace, once policies and roles are in force."""
    if not installed.has_controllers:
        pytest.skip("KUBEBUILDER_ASSETS holds no kube-controller-manager: nothing aggregates roles")
    found = {role: rights.person(role) for role in ("view", "edit", "admin")}
    for person in (found["edit"], found["admin"]):
        for words, body in ((NOT_YOUR_LABEL, secret("early", LABELLED)), (NOT_YOUR_KEYS, public_keys())):
            eventually(partial(refused, person, body, words), timeout=30, message=f'"{words}" for {person.name}')
    return found


@pytest.fixture(scope="module", params=["edit", "admin"])
def writer(request: pytest.FixtureRequest, people: dict[str, Person]) -> Person:
    """Somebody who may write Secrets here."""
    return people[request.param]


@pytest.fixture(scope="module")
def admin(people: dict[str, Person]) -> Person:
    """Who administers this namespace, and no more."""
    return people["admin"]


@pytest.fixture(scope="module")
def controller(people: dict[str, Person], rights: Rights, namespace: str, installed: ControlPlane) -> Person:
    """The controller's account, which may here write whatever its policies let it."""
    assert people
    rights.person("", OBJECTS, ALL_OF_OURS, name=CONTROLLER)
    return Person(installed, CONTROLLER, namespace)


@pytest.fixture(scope="module")
def namesake(people: dict[str, Person], rights: Rights, namespace: str) -> Person:
    """An account called like the controller's, in a tenant's namespace, with all rights there."""
    assert people
    return rights.person("", OBJECTS, ALL_OF_OURS, name=f"system:serviceaccount:{namespace}:{CONTROLLER_ACCOUNT}")


@pytest.fixture(scope="module")
def colleague(people: dict[str, Person], rights: Rights) -> Person:
    """Somebody with the controller's rights, under another name."""
    assert people
    return rights.in_cluster(rights.person("", OBJECTS, ALL_OF_OURS), A_RIGHT_OF_THE_CONTROLLER)


@pytest.fixture(scope="module")
def restorer(people: dict[str, Person], rights: Rights) -> Person:
    """A backup tool that may restore in this namespace."""
    assert people
    return rights.person("", OBJECTS, ALL_OF_OURS, RESTORE)


@pytest.fixture(scope="module")
def restorer_elsewhere(people: dict[str, Person], rights: Rights, installed: ControlPlane) -> Iterator[Person]:
    """A backup tool that may write here, and restore in another namespace."""
    assert people
    person = rights.person("", OBJECTS, ALL_OF_OURS)
    elsewhere = installed.new_namespace("policies-elsewhere")
    other = Rights(installed, elsewhere)
    other.person("", RESTORE, name=person.name)
    yield person
    installed.delete_namespace(elsewhere)


@pytest.fixture(scope="module")
def existing(installed: ControlPlane, namespace: str) -> Existing:
    """Create an object as the cluster's admin, and give what the API server made of it."""

    def create(body: dict[str, Any]) -> dict[str, Any]:
        made = installed.kubectl("create", f"--namespace={namespace}", "-f", "-", "-o", "json", input=json.dumps(body))
        found: dict[str, Any] = json.loads(made.stdout)
        return found

    return create
