"""The roles in config/: what no file of it grants, and who may have envelopes opened."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from click.testing import CliRunner

from llmkeys.api.names import GROUP
from llmkeys.cli.main import main
from tests.support.cluster import ControlPlane
from tests.support.cluster_install import ROOT
from tests.support.wait import eventually

CONFIG: Final = ROOT / "config"
FILES: Final = sorted(CONFIG.rglob("*.yaml"))
Object = dict[str, Any]

named = pytest.mark.parametrize("file", FILES, ids=lambda path: str(path.relative_to(CONFIG)))


def objects(file: Path) -> list[Object]:
    return [one for one in yaml.safe_load_all(file.read_text(encoding="utf-8")) if one]


def rules(role: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Every group, resource and verb that a role grants."""
    for rule in role.get("rules") or []:
        for group in rule.get("apiGroups", []):
            for resource in rule.get("resources", []):
                for verb in rule["verbs"]:
                    yield group, resource, verb


def roles() -> Iterator[Object]:
    for file in FILES:
        yield from (one for one in objects(file) if one["kind"] in {"Role", "ClusterRole"})


def test_there_are_roles_to_look_at() -> None:
    assert {"llmkeys-edit", "llmkeys-tenant", "llmkeys:unseal"} <= {one["metadata"]["name"] for one in roles()}


def wide(role: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Grants that reach what nobody named: every group, kind, subresource or verb."""
    return [grant for grant in rules(role) if any("*" in part for part in grant)]


@named
def test_no_role_grants_what_it_does_not_name(file: Path) -> None:
    assert [wide(one) for one in objects(file) if wide(one)] == []


@pytest.mark.parametrize("resource", ["*", "llmcredentials/*", "*/status"])
def test_a_role_that_did_would_be_found(resource: str) -> None:
    assert wide({"rules": [{"apiGroups": [GROUP], "resources": ["llmcredentials", resource], "verbs": ["patch"]}]})


def test_only_the_controllers_roles_write_status_and_they_only_patch_it() -> None:
    found = {
        (one["metadata"]["name"], resource, verb)
        for one in roles()
        for _, resource, verb in rules(one)
        if resource.endswith("/status")
    }

    assert found == {
        ("llmkeys-tenant", "llmcredentials/status", "patch"),
        ("llmkeys-controller", "llmproviders/status", "patch"),
    }


def test_no_role_for_people_holds_a_right_of_the_controllers() -> None:
    for one in roles():
        labels = one["metadata"].get("labels", {})
        if any("aggregate-to" in label for label in labels):
            assert {group for group, _, _ in rules(one)} == {GROUP}
            assert "/status" not in "".join(resource for _, resource, _ in rules(one))
            assert "restore" not in {verb for _, _, verb in rules(one)}


def test_the_right_to_unseal_is_part_of_admin_alone() -> None:
    holders = {
        one["metadata"]["name"]: one["metadata"].get("labels", {})
        for one in roles()
        if "llmcredentials/unseal" in {resource for _, resource, _ in rules(one)}
    }

    assert holders == {"llmkeys:unseal": {"rbac.authorization.k8s.io/aggregate-to-admin": "true"}}


@named
def test_what_is_for_others_to_bind_is_bound_by_no_file(file: Path) -> None:
    bound = {one["roleRef"]["name"] for one in objects(file) if one["kind"].endswith("RoleBinding")}

    assert not bound & {"llmkeys:unseal", "llmkeys:restore"}


@named
def test_a_binding_is_to_accounts_of_ours_or_to_reading_public_keys(file: Path) -> None:
    for one in objects(file):
        for subject in one.get("subjects", []):
            ours = subject["kind"] == "ServiceAccount" and subject["name"].startswith("llmkeys-")
            assert ours or (file.name == "public-keys.yaml" and subject["name"] == "system:authenticated")


def test_an_installation_has_every_policy_and_every_role_but_those_for_a_few_namespaces() -> None:
    listed = set(yaml.safe_load((CONFIG / "kustomization.yaml").read_text(encoding="utf-8"))["resources"])
    there = {
        str(file.relative_to(CONFIG)) for folder in ("rbac", "policies") for file in (CONFIG / folder).glob("*.yaml")
    }

    assert there <= listed


@named
def test_a_policy_refuses_when_it_cannot_be_evaluated_and_is_bound_to_deny(file: Path) -> None:
    found = objects(file)
    policies = {one["metadata"]["name"]: one["spec"] for one in found if one["kind"] == "ValidatingAdmissionPolicy"}
    bindings = [one["spec"] for one in found if one["kind"] == "ValidatingAdmissionPolicyBinding"]

    assert {one["failurePolicy"] for one in policies.values()} <= {"Fail"}
    assert {one["policyName"] for one in bindings} == set(policies)
    assert all(one["validationActions"] == ["Deny"] for one in bindings)


# -- on an API server ----------------------------------------------------------------------------------------


def may_unseal(plane: ControlPlane, who: str, namespace: str, name: str) -> bool:
    """What the unsealer asks of the API server."""
    ask = ("auth", "can-i", "create", f"llmcredentials.{GROUP}/{name}", "--subresource=unseal")
    return plane.kubectl(*ask, f"--as={who}", f"--namespace={namespace}", check=False).stdout.strip() == "yes"


@pytest.fixture(scope="module")
def people(installed: ControlPlane, namespace: str) -> dict[str, str]:
    """Users with the cluster's own roles here, once `admin` has what is aggregated to it."""
    if not installed.has_controllers:
        pytest.skip("KUBEBUILDER_ASSETS holds no kube-controller-manager: nothing aggregates roles")
    found = {role: f"{namespace}-{role}" for role in ("view", "edit", "admin")}
    for role, user in found.items():
        bind = ("create", "rolebinding", role, f"--clusterrole={role}", f"--user={user}")
        installed.kubectl(*bind, f"--namespace={namespace}")
    eventually(lambda: may_unseal(installed, found["admin"], namespace, "openai"), timeout=30, message="aggregation")
    return found


def account(namespace: str, name: str) -> str:
    return f"system:serviceaccount:{namespace}:{name}"


def test_of_the_clusters_roles_admin_alone_may_unseal(
    installed: ControlPlane, namespace: str, people: dict[str, str]
) -> None:
    assert not may_unseal(installed, people["view"], namespace, "openai")
    assert not may_unseal(installed, people["edit"], namespace, "openai")
    assert not may_unseal(installed, people["admin"], "default", "openai")
    assert not may_unseal(installed, account(namespace, "default"), namespace, "openai")


@pytest.mark.parametrize("by_flag", [True, False], ids=["named namespace", "namespace of whoever applies it"])
def test_the_printed_manifests_let_one_account_open_one_credential(
    by_flag: bool, installed: ControlPlane, namespace: str, people: dict[str, str]
) -> None:
    credential, chat = ("openai", "chat") if by_flag else ("anthropic", "batch")
    here = ["-n", namespace] if by_flag else []
    args = ["manifest", "rolebinding", credential, "--service-account", chat, *here]
    printed = CliRunner().invoke(main, args).stdout
    apply = ("apply", f"--namespace={namespace}", "-f", "-")

    refused = installed.kubectl(*apply, f"--as={people['edit']}", input=printed, check=False)
    installed.kubectl(*apply, f"--as={people['admin']}", input=printed)

    assert "forbidden" in refused.stderr.lower()
    eventually(lambda: may_unseal(installed, account(namespace, chat), namespace, credential))
    assert not may_unseal(installed, account(namespace, chat), namespace, "other")
    assert not may_unseal(installed, account(namespace, "other"), namespace, credential)
    assert not may_unseal(installed, account("other", chat), namespace, credential)
    assert not may_unseal(installed, account(namespace, chat), "other", credential)
