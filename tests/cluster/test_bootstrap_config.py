"""What config/components/bootstrap grants and forbids, asked of the API server as the controller's account."""

import json
import subprocess
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from llmkeys.api.names import (
    API_VERSION,
    BOOTSTRAP_LABEL,
    BOOTSTRAP_SECRET,
    CONTROLLER_ACCOUNT,
    CREDENTIAL_KIND,
    DEFAULT_NAMESPACE,
    INTERNAL_LABEL,
    PROVIDER_KIND,
)
from tests.support.bootstrap_switch import bootstrap_switched_on
from tests.support.cluster import ControlPlane
from tests.support.wait import eventually

Object = dict[str, Any]
Controller = Callable[..., subprocess.CompletedProcess[str]]

ONLY_IN_A_BOOTSTRAP: Final = "only in a bootstrap"
NOT_OURS: Final = "writes only its own ConfigMaps"
FIRST: Final = {BOOTSTRAP_LABEL: "1"}
INTERNAL: Final = {INTERNAL_LABEL: "true"}
CREATED: Final = ("namespaces", "llmproviders.llmkeys.dev", "llmcredentials.llmkeys.dev")


def provider(labels: dict[str, str]) -> Object:
    metadata = {"name": "never-made", "labels": labels}
    return {"apiVersion": API_VERSION, "kind": PROVIDER_KIND, "metadata": metadata, "spec": {"type": "openai"}}


def credential(labels: dict[str, str]) -> Object:
    metadata = {"name": "never-made", "namespace": "default", "labels": labels}
    keys = [{"name": "main", "secretRef": {"name": "nothing"}}]
    spec = {"providerRef": {"name": "nobody"}, "keys": keys}
    return {"apiVersion": API_VERSION, "kind": CREDENTIAL_KIND, "metadata": metadata, "spec": spec}


def namespace_(labels: dict[str, str]) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "never-made", "labels": labels}}


def record(name: str, labels: dict[str, str]) -> Object:
    metadata = {"name": name, "namespace": DEFAULT_NAMESPACE, "labels": labels}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "immutable": True}


@pytest.fixture(scope="module")
def controller(installed: ControlPlane) -> Iterator[Controller]:
    """Run kubectl as the controller, once roles and policy of the component are in force."""
    kubeconfig = installed.service_account_kubeconfig(DEFAULT_NAMESPACE, CONTROLLER_ACCOUNT)

    def run(*args: str, content: Object | None = None) -> subprocess.CompletedProcess[str]:
        body = None if content is None else json.dumps(content)
        return installed.kubectl(*args, input=body, check=False, kubeconfig=kubeconfig)

    with bootstrap_switched_on(installed):
        eventually(lambda: ONLY_IN_A_BOOTSTRAP in created(run, provider({})), message="the policy's coming into force")
        yield run
    eventually(lambda: not may(run, "create", "namespaces"), message="the taking back of the rights")


def may(controller: Controller, verb: str, resource: str, *args: str) -> bool:
    return controller("auth", "can-i", verb, resource, *args).stdout.strip() == "yes"


def created(controller: Controller, content: Object) -> str:
    """Create it (dry run); empty if the controller may, else why not."""
    done = controller("create", "--dry-run=server", "-f", "-", content=content)
    return done.stderr if done.returncode else ""


@pytest.mark.parametrize("resource", CREATED)
def test_it_may_create_what_a_template_asks_for_and_change_none_of_it(resource: str, controller: Controller) -> None:
    assert may(controller, "create", resource, "--all-namespaces")
    for verb in ("update", "patch", "delete", "deletecollection"):
        assert not may(controller, verb, resource, "--all-namespaces")


def test_it_reads_its_input_and_writes_no_part_of_it(controller: Controller) -> None:
    here = f"--namespace={DEFAULT_NAMESPACE}"
    for verb in ("get", "list", "watch"):
        assert may(controller, verb, f"secrets/{BOOTSTRAP_SECRET}", here)
    assert not may(controller, "delete", f"secrets/{BOOTSTRAP_SECRET}", here)


def test_it_keeps_records_in_its_own_namespace_and_deletes_none(controller: Controller) -> None:
    here = f"--namespace={DEFAULT_NAMESPACE}"
    for verb in ("get", "list", "create", "patch"):
        assert may(controller, verb, "configmaps", here)
        assert not may(controller, verb, "configmaps", "--namespace=default")
    assert may(controller, "watch", f"configmaps/{BOOTSTRAP_SECRET}", here)
    for verb in ("watch", "delete"):
        assert not may(controller, verb, "configmaps", here)


@pytest.mark.parametrize("made", [namespace_, provider, credential])
def test_what_it_creates_says_which_bootstrap_made_it(
    made: Callable[[dict[str, str]], Object], controller: Controller
) -> None:
    assert created(controller, made(FIRST)) == ""
    for labels in ({}, {BOOTSTRAP_LABEL: ""}, {BOOTSTRAP_LABEL: "0"}, {BOOTSTRAP_LABEL: "first"}):
        assert ONLY_IN_A_BOOTSTRAP in created(controller, made(labels))


@pytest.mark.usefixtures("controller")
def test_others_create_as_they_may(installed: ControlPlane) -> None:
    made = installed.kubectl("create", "--dry-run=server", "-f", "-", input=json.dumps(provider({})))
    assert made.stderr == ""


@pytest.mark.parametrize("kind", ["plan", "notes", "receipt"])
def test_its_records_are_numbered_and_labelled(kind: str, controller: Controller) -> None:
    assert created(controller, record(f"llmkeys-bootstrap-{kind}-7", INTERNAL)) == ""
    assert NOT_OURS in created(controller, record(f"llmkeys-bootstrap-{kind}-7", {}))


@pytest.mark.parametrize("name", [BOOTSTRAP_SECRET, "llmkeys-bootstrap-plan-0", "llmkeys-bootstrap-plan-1-of-mine"])
def test_it_makes_no_other_config_maps(name: str, controller: Controller) -> None:
    assert NOT_OURS in created(controller, record(name, INTERNAL))
