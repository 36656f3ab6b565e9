from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.cli.main import main
from llmkeys.cli.manifest import unseal_grant

NAMES = st.from_regex(r"[a-z0-9]([-a-z0-9.]{0,10}[a-z0-9])?", fullmatch=True)


def rolebinding(*args: str) -> Result:
    return CliRunner().invoke(main, ["manifest", "rolebinding", *args])


def printed(*args: str) -> tuple[Any, Any]:
    done = rolebinding(*args)
    assert done.exit_code == 0, done.output
    role, binding = yaml.safe_load_all(done.stdout)
    return role, binding


def test_one_account_gets_one_right_on_one_credential() -> None:
    role, binding = printed("openai", "--service-account", "chat", "-n", "team-a")

    assert role["kind"] == "Role"
    assert role["rules"] == [
        {
            "apiGroups": ["llmkeys.dev"],
            "resources": ["llmcredentials/unseal"],
            "resourceNames": ["openai"],
            "verbs": ["create"],
        }
    ]
    assert binding["kind"] == "RoleBinding"
    assert binding["roleRef"] == {
        "apiGroup": "rbac.authorization.k8s.io",
        "kind": "Role",
        "name": role["metadata"]["name"],
    }
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "chat", "namespace": "team-a"}]
    assert {role["metadata"]["namespace"], binding["metadata"]["namespace"]} == {"team-a"}


def test_without_a_namespace_it_is_that_of_whoever_applies_it() -> None:
    role, binding = printed("openai", "--service-account", "chat")

    assert "namespace" not in role["metadata"]
    assert "namespace" not in binding["metadata"]
    assert binding["subjects"] == [{"kind": "ServiceAccount", "name": "chat"}]


@given(first=st.tuples(NAMES, NAMES), second=st.tuples(NAMES, NAMES))
def test_no_two_grants_overwrite_each_other(first: tuple[str, str], second: tuple[str, str]) -> None:
    names = [unseal_grant(*pair, None)[1]["metadata"]["name"] for pair in (first, second)]

    assert (names[0] == names[1]) == (first == second)


def test_credential_and_account_are_told_apart_in_the_name() -> None:
    names = [unseal_grant(*pair, None)[1]["metadata"]["name"] for pair in (("a-b", "c"), ("a", "b-c"))]

    assert names[0] != names[1]


@pytest.mark.parametrize(
    "args",
    [
        ("Open_AI", "--service-account", "chat"),
        ("o" * 64, "--service-account", "chat"),
        ("openai", "--service-account", "chat:admin"),
        ("openai", "--service-account", "c" * 254),
        ("openai", "--service-account", ""),
        ("openai\nkind: ClusterRole", "--service-account", "chat"),
        ("openai\n", "--service-account", "chat"),
        ("openai", "--service-account", "chat", "-n", "team.a"),
        ("openai", "--service-account", "chat", "-n", "n" * 64),
    ],
)
def test_a_name_that_kubernetes_does_not_take_is_refused(args: tuple[str, ...]) -> None:
    done = rolebinding(*args)

    assert done.exit_code == 2
    assert "is not a name that Kubernetes takes" in done.stderr
    assert done.stdout == ""


def test_the_account_must_be_named() -> None:
    done = rolebinding("openai")

    assert done.exit_code == 2
    assert "--service-account" in done.stderr


@pytest.mark.parametrize("args", [(), ("--help",), ("rolebinding", "--help")])
def test_help_says_what_there_is(args: tuple[str, ...]) -> None:
    done = CliRunner().invoke(main, ["manifest", *args])

    assert "rolebinding" in done.output
