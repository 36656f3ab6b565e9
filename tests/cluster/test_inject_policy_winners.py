"""Which of two credentials gives a variable that both have: a rule, whatever order the API server invokes them in."""

from collections.abc import Iterator
from typing import Final

import pytest

from tests.support.cluster import ControlPlane
from tests.support.inject_objects import FILES, container, pod
from tests.support.inject_policies import added_by_another_policy
from tests.support.inject_scene import Injection, injection

TIMES: Final = 10
KEY: Final = "API_KEY"
PATH: Final = "DOCUMENT"


@pytest.fixture(scope="module")
def inject(installed: ControlPlane, namespace: str) -> Iterator[Injection]:
    """Of each way to be delivered two that have the same variables, and one that has its own."""
    with injection(installed, namespace) as made:
        for name in ("alpha", "omega"):
            made.credential(name, KEY, f"{name.upper()}_URL")
        for name in ("beta-clear", "psi-clear"):
            made.credential(name, KEY, encryption="None")
        for name in ("gamma-file", "phi-file"):
            made.credential(name, files=[{"name": "key.json", "variable": PATH}])
        yield made


def origins(inject: Injection, asked: str | None, variable: str) -> set[str]:
    """Where a variable came from in ten identical requests."""
    return {inject.create(pod(asked)).variables()[variable] for _ in range(TIMES)}


@pytest.mark.parametrize(
    ("asked", "origin"),
    [
        ("alpha, omega", "file:alpha.env"),
        ("omega, alpha", "file:omega.env"),
        ("beta-clear, psi-clear", "secret:beta-clear-secret"),
        ("psi-clear, beta-clear", "secret:psi-clear-secret"),
        ("alpha, psi-clear", "file:alpha.env"),
        ("psi-clear, alpha", "secret:psi-clear-secret"),
        ("psi-clear, omega, alpha, beta-clear", "secret:psi-clear-secret"),
        ("omega, psi-clear, beta-clear, alpha", "file:omega.env"),
    ],
)
def test_the_credential_named_first_gives_the_variable(asked: str, origin: str, inject: Injection) -> None:
    assert origins(inject, asked, KEY) == {origin}


@pytest.mark.parametrize("first", ["gamma-file", "phi-file"])
def test_so_it_is_with_the_path_of_a_document(first: str, inject: Injection) -> None:
    other = "phi-file" if first == "gamma-file" else "gamma-file"
    assert origins(inject, f"{first}, {other}", PATH) == {f"{FILES}/{first}/key.json"}


def test_where_none_is_named_the_alphabetically_first_gives_it(inject: Injection) -> None:
    assert origins(inject, None, KEY) == {"file:alpha.env?"}
    assert origins(inject, None, PATH) == {f"{FILES}/gamma-file/key.json"}


def test_the_other_still_gives_what_it_has_alone(inject: Injection) -> None:
    made = inject.create(pod("omega, alpha"))

    assert made.variables() == {KEY: "file:omega.env", "OMEGA_URL": "file:omega.env", "ALPHA_URL": "file:alpha.env"}


def test_the_users_own_variable_goes_before_both(inject: Injection) -> None:
    for own in ({"value": "mine"}, {"valueFrom": {"secretKeyRef": {"name": "mine", "key": KEY}}}):
        body = pod("omega, beta-clear, alpha", containers=[container(env=[{"name": KEY, **own}])])
        assert {inject.create(body).variables()[KEY] for _ in range(TIMES)} <= {"mine", "secret:mine"}


def test_the_users_own_file_of_the_same_name_is_not_taken_for_ours(inject: Injection) -> None:
    own = {"name": KEY, "valueFrom": {"fileKeyRef": {"volumeName": "mine", "path": "omega.env", "key": KEY}}}
    volumes = [{"name": "mine", "emptyDir": {}}]
    body = pod("alpha, omega", containers=[container(env=[own])], volumes=volumes)

    for _ in range(TIMES):
        (entry,) = [one for one in inject.create(body).container()["env"] if one["name"] == KEY]
        assert entry["valueFrom"]["fileKeyRef"]["volumeName"] == "mine"


def test_another_variable_of_the_users_may_read_the_same_secret_or_file(inject: Injection) -> None:
    entries = [
        {"name": KEY, "valueFrom": {"fileKeyRef": {"volumeName": "llmkeys", "path": "omega.env", "key": KEY}}},
        {"name": "OTHER", "valueFrom": {"secretKeyRef": {"name": "psi-clear-secret", "key": KEY}}},
    ]
    made = inject.create(pod("omega, psi-clear", containers=[container(env=entries)]))

    assert made.container()["env"][-1]["name"] == "OTHER"
    assert [one["name"] for one in made.container()["env"]] == ["OMEGA_URL", KEY, "OTHER"]


def test_a_container_that_is_added_later_gets_the_same_winner(inject: Injection) -> None:
    # None of the two in clear has a variable of its own, by which it would be seen that it has not been here yet.
    body = pod("psi-clear, beta-clear, alpha")

    with added_by_another_policy(inject, body):
        late = {inject.create(body).variables("late")[KEY] for _ in range(TIMES)}

    assert late == {"secret:psi-clear-secret"}
