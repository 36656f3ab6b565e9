"""What config/ grants and forbids, asked of the API server as the accounts themselves."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from llmkeys.api.names import (
    API_VERSION,
    CREDENTIAL_KIND,
    CREDENTIAL_LABEL,
    DEFAULT_NAMESPACE,
    INTERNAL_LABEL,
    MAC_SECRET,
    OWN_SECRETS,
    RENEWED_SECRET,
)
from tests.support.cluster import ControlPlane
from tests.support.cluster_install import ROOT
from tests.support.wait import eventually

ACCOUNT: Final = "llmkeys-controller"
LABELLED: Final = {CREDENTIAL_LABEL: "chat"}
INTERNAL: Final = {INTERNAL_LABEL: "true"}
NOT_OURS: Final = "writes only Secrets labelled llmkeys.dev/credential"
NOT_OURS_BEFORE: Final = "changes no Secret that was not generated for an LLMCredential"
NOT_OPAQUE: Final = "writes only Secrets of type Opaque"


@dataclass(frozen=True, slots=True)
class Account:
    """A ServiceAccount, by its own token."""

    plane: ControlPlane
    kubeconfig: Path
    namespace: str

    def kubectl(self, *args: str, content: dict[str, Any] | None = None) -> subprocess.CompletedProcess[str]:
        body = None if content is None else json.dumps(content)
        return self.plane.kubectl(*args, input=body, check=False, kubeconfig=self.kubeconfig)

    def may(self, verb: str, resource: str, *args: str) -> bool:
        return self.kubectl("auth", "can-i", verb, resource, *args).stdout.strip() == "yes"

    def create(self, secret: dict[str, Any]) -> str:
        """Create a Secret (dry run); empty if it may, else why not."""
        return _why_not(self.kubectl("create", "--dry-run=server", "-f", "-", content=secret))

    def patch(self, name: str, metadata: dict[str, Any]) -> str:
        """Change a Secret; empty if it may, else why not."""
        change = json.dumps({"metadata": metadata, "data": {"KEY": "dmFsdWU="}})
        return _why_not(
            self.kubectl("patch", "secret", name, f"--namespace={self.namespace}", "--type=merge", "-p", change)
        )


def _why_not(done: subprocess.CompletedProcess[str]) -> str:
    # Another test's controller may have made it: that is found out behind admission, so nothing forbade it.
    return done.stderr if done.returncode and "(AlreadyExists)" not in done.stderr else ""


def secret(
    namespace: str, name: str = "generated", labels: dict[str, str] | None = None, **more: Any
) -> dict[str, Any]:
    metadata = {"name": name, "namespace": namespace, "labels": labels or {}, **more.pop("metadata", {})}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", **more}


def owned_by(kind: str, version: str, uid: str) -> dict[str, Any]:
    return {"ownerReferences": [{"apiVersion": version, "kind": kind, "name": "chat", "uid": uid}]}


def apply(plane: ControlPlane, file: str, namespace: str, *args: str) -> None:
    """Apply a file of config/rbac with an account that lives in another namespace than ours."""
    text = (ROOT / "config" / "rbac" / file).read_text(encoding="utf-8").replace(DEFAULT_NAMESPACE, namespace)
    plane.kubectl("apply", "--server-side", *args, "-f", "-", input=text)


@pytest.fixture(scope="module")
def controller(installed: ControlPlane, namespace: str) -> Account:
    """The controller's account as it is installed, once the policy is in force."""
    kubeconfig = installed.service_account_kubeconfig(DEFAULT_NAMESPACE, ACCOUNT)
    account = Account(installed, kubeconfig, namespace)
    eventually(lambda: NOT_OURS in account.create(secret(namespace)), message="the policy's coming into force")
    return account


@pytest.fixture
def existing(installed: ControlPlane, namespace: str) -> Iterator[Any]:
    """Create a Secret as the admin, for the controller to try its hands on."""
    names: list[str] = []

    def create(labels: dict[str, str] | None = None, **more: Any) -> str:
        name = f"existing-{len(names)}"
        installed.kubectl("create", "-f", "-", input=json.dumps(secret(namespace, name, labels, **more)))
        names.append(name)
        return name

    yield create
    installed.kubectl("delete", "secret", *names, f"--namespace={namespace}")


@pytest.fixture(scope="module")
def credential(installed: ControlPlane, namespace: str) -> str:
    """The UID of a credential that is there; what belongs to one that is not is collected at any moment."""
    spec = {"providerRef": {"name": "nobody"}, "keys": [{"name": "main", "secretRef": {"name": "nothing"}}]}
    body = {"apiVersion": API_VERSION, "kind": CREDENTIAL_KIND, "metadata": {"name": "chat"}, "spec": spec}
    made = installed.kubectl("create", f"--namespace={namespace}", "-o", "json", "-f", "-", input=json.dumps(body))
    return str(json.loads(made.stdout)["metadata"]["uid"])


@pytest.mark.parametrize(
    ("verb", "resource"),
    [
        *((verb, kind) for verb in ("get", "list", "watch") for kind in ("llmproviders.llmkeys.dev", "namespaces")),
        *((verb, kind) for verb in ("get", "list", "watch") for kind in ("llmcredentials.llmkeys.dev", "secrets")),
        ("create", "secrets"),
        ("patch", "secrets"),
        ("create", "events"),
    ],
)
def test_the_controller_may_do_what_it_must(verb: str, resource: str, controller: Account) -> None:
    assert controller.may(verb, resource, "--all-namespaces")


@pytest.mark.parametrize("resource", ["llmcredentials.llmkeys.dev", "llmproviders.llmkeys.dev"])
def test_the_controller_patches_status_and_cannot_replace_it(resource: str, controller: Account) -> None:
    assert controller.may("patch", resource, "--subresource=status", "--all-namespaces")
    assert not controller.may("update", resource, "--subresource=status", f"--namespace={controller.namespace}")


def test_the_controller_makes_no_tokens(controller: Account) -> None:
    assert not controller.may("create", "serviceaccounts", "--subresource=token", f"--namespace={DEFAULT_NAMESPACE}")


@pytest.mark.parametrize(
    ("verb", "resource"),
    [
        *((verb, "secrets") for verb in ("delete", "deletecollection", "update")),
        *((verb, "llmcredentials.llmkeys.dev") for verb in ("create", "update", "patch", "delete")),
        *((verb, "llmproviders.llmkeys.dev") for verb in ("create", "update", "patch", "delete")),
        ("get", "pods"),
        ("patch", "deployments.apps"),
        ("get", "configmaps"),
        ("patch", "namespaces"),
        ("impersonate", "users"),
    ],
)
def test_the_controller_may_not_do_more(verb: str, resource: str, controller: Account) -> None:
    assert not controller.may(verb, resource, f"--namespace={controller.namespace}")
    assert not controller.may(verb, resource, f"--namespace={DEFAULT_NAMESPACE}")


def test_the_controller_creates_generated_secrets(controller: Account, namespace: str) -> None:
    assert controller.create(secret(namespace, labels=LABELLED)) == ""


@pytest.mark.parametrize("labels", [{}, {CREDENTIAL_LABEL: ""}, {"llmkeys.dev/source": "true"}, INTERNAL])
def test_the_controller_creates_no_other_secrets(labels: dict[str, str], controller: Account, namespace: str) -> None:
    assert NOT_OURS in controller.create(secret(namespace, labels=labels))


def test_an_owner_alone_does_not_make_a_new_secret_ours(controller: Account, namespace: str, credential: str) -> None:
    owner = owned_by(CREDENTIAL_KIND, API_VERSION, credential)
    assert NOT_OURS in controller.create(secret(namespace, metadata=owner))


def test_the_controller_creates_no_secret_that_gets_a_token(controller: Account, namespace: str) -> None:
    """Such a Secret, made and then read, would be any account of any namespace."""
    account = {"annotations": {"kubernetes.io/service-account.name": "default"}}
    of_account = secret(namespace, labels=LABELLED, metadata=account) | {"type": "kubernetes.io/service-account-token"}

    assert NOT_OPAQUE in controller.create(of_account)


@pytest.mark.parametrize("name", [*OWN_SECRETS, RENEWED_SECRET])
def test_the_controller_creates_its_own_secrets_in_its_own_namespace(name: str, controller: Account) -> None:
    assert controller.create(secret(DEFAULT_NAMESPACE, name, INTERNAL)) == ""


TLS: Final = {"type": "kubernetes.io/tls", "data": {"tls.crt": "LS0t", "tls.key": "LS0t"}}


def test_a_certificate_is_the_controllers_own_alone(controller: Account, namespace: str) -> None:
    own = secret(DEFAULT_NAMESPACE, "llmkeys-unsealer-tls", INTERNAL) | TLS
    generated = secret(namespace, labels=LABELLED) | TLS

    assert controller.create(own) == ""
    assert NOT_OPAQUE in controller.create(generated)


@pytest.mark.parametrize("labels", [{}, {INTERNAL_LABEL: "false"}])
def test_the_controllers_own_secrets_must_be_labelled(labels: dict[str, str], controller: Account) -> None:
    assert NOT_OURS in controller.create(secret(DEFAULT_NAMESPACE, MAC_SECRET, labels))


def test_a_name_of_the_controllers_own_means_nothing_elsewhere(controller: Account, namespace: str) -> None:
    assert NOT_OURS in controller.create(secret(namespace, MAC_SECRET, INTERNAL))
    assert NOT_OURS in controller.create(secret(DEFAULT_NAMESPACE, "bootstrap", INTERNAL))


def test_the_controller_changes_a_generated_secret(controller: Account, existing: Any) -> None:
    assert controller.patch(existing(LABELLED), {}) == ""


def test_the_controller_labels_a_secret_again_that_a_credential_owns(
    controller: Account, existing: Any, credential: str
) -> None:
    owner = owned_by(CREDENTIAL_KIND, API_VERSION, credential)
    assert controller.patch(existing(metadata=owner), {"labels": LABELLED}) == ""


def test_another_owner_does_not_make_a_secret_ours(
    controller: Account, existing: Any, installed: ControlPlane, namespace: str
) -> None:
    account = installed.kubectl("get", "serviceaccount", "default", f"--namespace={namespace}", "-o", "json").stdout
    owner = owned_by("ServiceAccount", "v1", json.loads(account)["metadata"]["uid"])
    owner["ownerReferences"][0]["name"] = "default"
    assert NOT_OURS_BEFORE in controller.patch(existing(metadata=owner), {"labels": LABELLED})


def test_the_controller_cannot_make_a_strangers_secret_its_own(controller: Account, existing: Any) -> None:
    assert NOT_OURS_BEFORE in controller.patch(existing(), {"labels": LABELLED})
    assert NOT_OURS_BEFORE in controller.patch(existing({CREDENTIAL_LABEL: ""}), {"labels": LABELLED})


def test_the_controller_cannot_take_the_label_off(controller: Account, existing: Any) -> None:
    assert NOT_OURS in controller.patch(existing(LABELLED), {"labels": {CREDENTIAL_LABEL: None}})


def test_the_policy_is_about_the_controller_only(installed: ControlPlane, namespace: str, controller: Account) -> None:
    plain = json.dumps(secret(namespace))

    assert controller.create(secret(namespace)) != ""
    assert installed.kubectl("create", "--dry-run=server", "-f", "-", input=plain).stderr == ""


@pytest.fixture(scope="module")
def elsewhere(installed: ControlPlane, namespace: str) -> Account:
    """A controller that lives in `namespace` and serves only what a test binds it to."""
    for file in ("service-account.yaml", "watch-namespaces/own-namespace.yaml"):
        apply(installed, file, namespace)
    return Account(installed, installed.service_account_kubeconfig(namespace, ACCOUNT), namespace)


def test_a_controller_of_a_few_namespaces_may_do_there_what_it_must_and_nothing_in_others(
    installed: ControlPlane, elsewhere: Account
) -> None:
    watched = f"{elsewhere.namespace}-watched"
    installed.kubectl("create", "namespace", watched)
    apply(installed, "watch-namespaces/watched-namespace.yaml", elsewhere.namespace, f"--namespace={watched}")

    for verb in ("get", "list", "watch", "create", "patch"):
        assert elsewhere.may(verb, "secrets", f"--namespace={watched}")
        assert not elsewhere.may(verb, "secrets", "--namespace=default")
    assert elsewhere.may("patch", "llmcredentials.llmkeys.dev", "--subresource=status", f"--namespace={watched}")
    assert not elsewhere.may("list", "llmcredentials.llmkeys.dev", "--all-namespaces")
    installed.delete_namespace(watched)


def test_a_controller_of_a_few_namespaces_reads_of_its_own_namespace_its_own_secrets_alone(elsewhere: Account) -> None:
    here = f"--namespace={elsewhere.namespace}"

    for name in (*OWN_SECRETS, RENEWED_SECRET):
        assert elsewhere.may("get", f"secrets/{name}", here)
    assert not elsewhere.may("get", "secrets/somebodys", here)
    assert not elsewhere.may("list", "secrets", here)


def test_an_overlay_moves_everything_to_another_namespace(installed: ControlPlane, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "config", tmp_path / "config")
    overlay = tmp_path / "overlay"
    overlay.mkdir()
    (overlay / "kustomization.yaml").write_text("namespace: keys\nresources: [../config]\n", encoding="utf-8")

    text = installed.kubectl("kustomize", overlay).stdout

    assert DEFAULT_NAMESPACE not in text
    objects = list(yaml.safe_load_all(text))
    assert [one["metadata"]["name"] for one in objects if one["kind"] == "Namespace"] == ["keys"]
    subjects = [subject for one in objects for subject in one.get("subjects", [])]
    accounts = [subject for subject in subjects if subject["kind"] == "ServiceAccount"]
    assert accounts
    assert all(subject["namespace"] == "keys" for subject in accounts)


def verbs(plane: ControlPlane, role: str) -> dict[str, set[str]]:
    rules = json.loads(plane.kubectl("get", "clusterrole", role, "-o", "json").stdout)["rules"] or []
    found: dict[str, set[str]] = {}
    for rule in rules:
        if "llmkeys.dev" in rule.get("apiGroups", []):
            for resource in rule["resources"]:
                found.setdefault(resource, set()).update(rule["verbs"])
    return found


READ: Final = {"get", "list", "watch"}
WRITE: Final = {"create", "update", "patch", "delete", "deletecollection"}


@pytest.mark.parametrize(("role", "credentials"), [("view", READ), ("edit", READ | WRITE), ("admin", READ | WRITE)])
def test_people_get_rights_by_the_clusters_own_roles_and_none_on_status(
    role: str, credentials: set[str], installed: ControlPlane
) -> None:
    if not installed.has_controllers:
        pytest.skip("KUBEBUILDER_ASSETS holds no kube-controller-manager: nothing aggregates roles")

    expected = {"llmproviders": READ, "llmcredentials": credentials}
    if role == "admin":
        expected["llmcredentials/unseal"] = {"create"}

    eventually(lambda: verbs(installed, role) == expected, timeout=30, message=f"the aggregation of {role}")
