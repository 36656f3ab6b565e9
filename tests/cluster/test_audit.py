"""Least privilege: the roles in config/ against what the two accounts really asked of the API servers of all tests.

These tests run last (conftest). That nothing is missing in the roles is checked in every run, by what was asked in it;
that nothing is too much only where all files of this folder ran whole, in one process: a part of them asks for less.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, cast

import pytest

from llmkeys.api.names import CONTROLLER_ACCOUNT, CREDENTIAL_PLURAL, DEFAULT_NAMESPACE, GROUP
from tests.support.audit_roles import (
    EVERYWHERE,
    SERVED,
    WHERE_LISTED,
    WHOLE_CLUSTER,
    Grant,
    beyond,
    grants_in,
    names_in,
    ungranted,
)
from tests.support.audit_session import FOLDER_VARIABLE, audit_last, leave, left_uses, why_not_whole
from tests.support.audit_trail import Trail, Use, uses_in
from tests.support.cluster_source import EXISTING_VARIABLE

GRANTS: Final = sorted({*EVERYWHERE, *WHERE_LISTED})


def shown(things: Iterable[object]) -> str:
    return "\n".join(map(str, things))


# -- what no run has to show -----------------------------------------------------------------------------------


def test_nobody_of_ours_may_delete_anything_or_whatever_somebody_thinks_of_later() -> None:
    assert GRANTS
    assert [str(one) for one in GRANTS if one.verb in {"delete", "deletecollection", "update", "*"}] == []
    assert [str(one) for one in GRANTS if "*" in (one.group, one.resource, one.name)] == []
    assert [str(one) for one in GRANTS if one.verb in {"bind", "escalate", "impersonate"}] == []


def test_where_namespaces_are_listed_no_secret_and_no_credential_of_another_can_be_read() -> None:
    wide = [one for one in WHERE_LISTED if one.namespace == WHOLE_CLUSTER and one.account == CONTROLLER_ACCOUNT]

    assert wide
    assert [str(one) for one in wide if one.resource == "secrets"] == []
    assert [str(one) for one in wide if one.resource.startswith(CREDENTIAL_PLURAL) and one.verb != "create"] == []
    own = [one for one in WHERE_LISTED if one.namespace == DEFAULT_NAMESPACE and one.resource == "secrets"]
    assert [str(one) for one in own if not one.name and one.verb != "create"] == []


def test_the_rights_for_all_namespaces_are_those_for_listed_ones_made_wider() -> None:
    def tenants(grants: list[Grant]) -> set[tuple[str, str, str]]:
        return {(one.group, one.resource, one.verb) for one in grants if one.role == "llmkeys-tenant"}

    assert tenants(EVERYWHERE) == tenants(WHERE_LISTED)
    assert {one.namespace for one in EVERYWHERE if one.role == "llmkeys-tenant"} == {WHOLE_CLUSTER}
    assert {one.namespace for one in WHERE_LISTED if one.role == "llmkeys-tenant"} == {SERVED}


# -- what the runs show ------------------------------------------------------------------------------------------


def test_nothing_was_asked_that_the_roles_do_not_grant(audit_trail: Trail) -> None:
    assert shown(ungranted(EVERYWHERE, audit_trail.uses())) == ""


def test_nothing_is_granted_that_nobody_asked_for(audit_trail: Trail, request: pytest.FixtureRequest) -> None:
    reason = why_not_whole(request.session)
    if reason:
        pytest.skip(f"what the whole suite asks for is not known: {reason}")
    assert shown(beyond(GRANTS, audit_trail.uses())) == ""


# -- that these would find it ------------------------------------------------------------------------------------


def use(verb: str, resource: str = "secrets", namespace: str = "team-a", name: str = "", group: str = "") -> Use:
    return Use(CONTROLLER_ACCOUNT, group, resource, verb, namespace, name)


def grant(verb: str, resource: str = "secrets", namespace: str = WHOLE_CLUSTER, name: str = "") -> Grant:
    return Grant(CONTROLLER_ACCOUNT, namespace, "", resource, verb, name)


OWN: Final = use("get", namespace=DEFAULT_NAMESPACE, name="llmkeys-mac")
OTHER: Final = use("get", name="raw")


@pytest.mark.parametrize(
    ("held", "uses", "needed"),
    [
        (grant("get"), [OTHER], True),
        (grant("patch"), [OTHER], False),
        (grant("get"), [], False),
        # Only in its own namespace, which a Role would do for.
        (grant("get"), [use("get", namespace=DEFAULT_NAMESPACE, name="raw")], False),
        (grant("list"), [use("list", namespace="")], True),
        # Only of objects that a role can name, and does.
        (grant("get", namespace=DEFAULT_NAMESPACE), [OWN], False),
        (grant("get", namespace=DEFAULT_NAMESPACE, name="llmkeys-mac"), [OWN], True),
        (
            grant("list", namespace=DEFAULT_NAMESPACE),
            [use("list", namespace=DEFAULT_NAMESPACE, name="llmkeys-mac")],
            False,
        ),
        (grant("create", namespace=DEFAULT_NAMESPACE), [use("create", namespace=DEFAULT_NAMESPACE)], True),
        # A list of the whole cluster needs no right in a namespace.
        (grant("list", namespace=SERVED), [use("list", namespace="")], False),
        (grant("list", namespace=SERVED), [use("list")], True),
        (grant("get", resource="namespaces"), [use("get", "namespaces", "", DEFAULT_NAMESPACE)], True),
    ],
)
def test_a_grant_is_needed_where_nothing_narrower_would_do(held: Grant, uses: list[Use], needed: bool) -> None:
    named = grant("watch", namespace=DEFAULT_NAMESPACE, name="llmkeys-mac")

    assert (held not in beyond([held, named], uses)) is needed


@pytest.mark.parametrize(
    "asked",
    [
        use("delete", name="raw"),
        use("get", "pods", name="p"),
        use("get", "secrets/x", name="raw"),
        use("get", group=GROUP),
    ],
)
def test_what_is_asked_beyond_the_roles_is_found(asked: Use) -> None:
    assert ungranted([grant("get"), grant("list")], [asked, OTHER]) == [asked]


def test_a_right_in_a_namespace_is_none_in_another() -> None:
    assert ungranted([grant("get", namespace=DEFAULT_NAMESPACE)], [OWN, OTHER]) == [OTHER]
    assert ungranted([grant("get", namespace=SERVED)], [OWN, OTHER]) == [OWN]


def test_names_are_those_that_roles_speak_of() -> None:
    assert {"llmkeys-mac", "llmkeys-public-keys"} <= names_in(GRANTS)


def test_a_binding_to_somebody_else_grants_us_nothing() -> None:
    role = {
        "kind": "ClusterRole",
        "metadata": {"name": "r"},
        "rules": [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}],
    }
    binding = {
        "kind": "ClusterRoleBinding",
        "metadata": {"name": "b"},
        "roleRef": {"kind": "ClusterRole", "name": "r"},
        "subjects": [{"kind": "ServiceAccount", "name": CONTROLLER_ACCOUNT, "namespace": "elsewhere"}],
    }

    assert grants_in([role, binding]) == []
    binding["subjects"] = [{"kind": "ServiceAccount", "name": CONTROLLER_ACCOUNT, "namespace": DEFAULT_NAMESPACE}]
    assert [str(one) for one in grants_in([role, binding])] == [
        f"{CONTROLLER_ACCOUNT}: get pods in the whole cluster (role r)"
    ]


def event(**changed: object) -> dict[str, Any]:
    made = {
        "verb": "patch",
        "user": {"username": f"system:serviceaccount:{DEFAULT_NAMESPACE}:{CONTROLLER_ACCOUNT}"},
        "userAgent": "llmkeys/0.1.0",
        "objectRef": {
            "resource": CREDENTIAL_PLURAL,
            "subresource": "status",
            "apiGroup": GROUP,
            "namespace": "team-a",
            "name": "chat",
        },
    }
    return {**made, **changed}


@pytest.mark.parametrize(
    "nobody",
    [
        {"user": {"username": "admin"}},
        {"userAgent": "kubectl/v1.37.0"},  # a test that tries what the account may not do
        {"objectRef": None},
    ],
)
def test_a_log_tells_of_our_programs_only(nobody: dict[str, object]) -> None:
    lines = [json.dumps(event()), json.dumps(event(**nobody)), '{"verb": "half wri']

    found = list(uses_in("\n".join(lines).encode()))

    assert found == [Use(CONTROLLER_ACCOUNT, GROUP, f"{CREDENTIAL_PLURAL}/status", "patch", "team-a", "chat")]


def test_an_account_s_own_namespace_is_the_operators_whatever_it_is_called() -> None:
    user = {"username": "system:serviceaccount:rings-1:llmkeys-unsealer"}
    own, other = (
        event(
            verb="get", user=user, objectRef={"resource": "secrets", "namespace": namespace, "name": "llmkeys-envelope"}
        )
        for namespace in ("rings-1", "team-a")
    )

    found = uses_in(f"{json.dumps(own)}\n{json.dumps(other)}\n".encode())

    assert [one.namespace for one in found] == [DEFAULT_NAMESPACE, "team-a"]


# -- that it knows what ran --------------------------------------------------------------------------------------


@dataclass
class Config:
    args: list[str] = field(default_factory=lambda: ["tests/cluster"])
    options: dict[str, object] = field(default_factory=dict)

    def getoption(self, name: str, default: object) -> object:
        return self.options.get(name, default)


@dataclass
class Item:
    path: Path


@dataclass
class Session:
    """What a run collected, and how it went."""

    items: list[Item]
    config: Config = field(default_factory=Config)
    testsfailed: int = 0


@pytest.fixture
def collected(tmp_path: Path) -> list[Item]:
    """Three files, the audit's among them, all of which were collected."""
    for name in ("test_one.py", "test_two.py", "test_audit.py"):
        (tmp_path / name).touch()
    return [Item(file) for file in sorted(tmp_path.iterdir())]


def why(session: Session) -> str:
    return why_not_whole(cast("pytest.Session", session))


@pytest.fixture
def _in_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTEST_XDIST_WORKER", EXISTING_VARIABLE, FOLDER_VARIABLE):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.usefixtures("_in_one_process")
def test_a_run_of_all_files_is_whole(collected: list[Item]) -> None:
    assert why(Session(collected)) == ""


@pytest.mark.usefixtures("_in_one_process")
def test_a_run_of_a_part_is_not(collected: list[Item]) -> None:
    assert why(Session(collected[:-1])) == "test_two.py did not run"
    assert "keyword" in why(Session(collected, Config(options={"keyword": "leader"})))
    assert "single tests" in why(Session(collected, Config(args=["tests/cluster/test_one.py::test_it"])))
    assert why(Session(collected, testsfailed=2)) == "2 tests failed"


@pytest.mark.parametrize("variable", ["PYTEST_XDIST_WORKER", EXISTING_VARIABLE])
def test_nor_is_one_whose_uses_are_written_down_elsewhere(
    variable: str, collected: list[Item], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "gw0")

    assert why(Session(collected)) != ""


@pytest.mark.usefixtures("_in_one_process")
@pytest.mark.parametrize(("failed", "reason"), [(0, ""), (1, "1 tests failed")])
def test_what_several_processes_saw_is_judged_by_the_session_after_them(
    failed: int, reason: str, collected: list[Item], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "left"))
    for worker, seen, failures in (("gw0", OWN, 0), ("gw1", OTHER, failed)):
        monkeypatch.setenv("PYTEST_XDIST_WORKER", worker)
        leave(cast("pytest.Session", Session(collected, testsfailed=failures)), Trail({seen}))
    monkeypatch.delenv("PYTEST_XDIST_WORKER")

    alone = Session([one for one in collected if one.path.name == "test_audit.py"])
    assert why(alone) == reason
    assert left_uses() == {OWN, OTHER}


def test_the_audit_comes_last_and_the_others_keep_their_order(collected: list[Item]) -> None:
    audit_last(cast("list[pytest.Item]", collected))

    assert [one.path.name for one in collected] == ["test_one.py", "test_two.py", "test_audit.py"]
