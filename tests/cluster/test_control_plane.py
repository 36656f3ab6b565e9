"""The control plane is a real one: what the other tests take for granted about it."""

import json

import pytest

from tests.support.cluster import ControlPlane
from tests.support.wait import eventually

OWNER = "owner"


@pytest.fixture
def ours(control_plane: ControlPlane) -> ControlPlane:
    if not control_plane.owned:
        pytest.skip("LLMKEYS_TEST_KUBECONFIG: an existing cluster is not ours to restart")
    return control_plane


@pytest.fixture
def with_controllers(control_plane: ControlPlane) -> ControlPlane:
    if not control_plane.has_controllers:
        pytest.skip("KUBEBUILDER_ASSETS holds no kube-controller-manager: nothing collects garbage")
    return control_plane


def exists(plane: ControlPlane, *resource: str) -> bool:
    return plane.kubectl("get", *resource, check=False).returncode == 0


def test_it_is_the_kubernetes_that_the_product_is_tested_on(ours: ControlPlane) -> None:
    assert ours.version().startswith("v1.36.")


def test_it_serves_both_kinds_once_installed(installed: ControlPlane) -> None:
    served = installed.kubectl("api-resources", "--api-group=llmkeys.dev", "-o", "name").stdout.split()

    assert served == ["llmcredentials.llmkeys.dev", "llmproviders.llmkeys.dev"]


def test_a_deleted_namespace_really_goes_with_its_content(with_controllers: ControlPlane) -> None:
    plane = with_controllers
    doomed = plane.new_namespace("doomed")
    plane.kubectl("create", "configmap", "content", f"--namespace={doomed}")

    plane.delete_namespace(doomed)

    eventually(lambda: not exists(plane, "namespace", doomed), timeout=30, message="deleting the namespace")


def test_what_a_deleted_object_owned_is_collected(with_controllers: ControlPlane, namespace: str) -> None:
    plane = with_controllers
    plane.kubectl("create", "configmap", OWNER, f"--namespace={namespace}")
    owner = json.loads(plane.kubectl("get", "configmap", OWNER, f"--namespace={namespace}", "-o", "json").stdout)
    reference = {"apiVersion": "v1", "kind": "ConfigMap", "name": OWNER, "uid": owner["metadata"]["uid"]}
    owned = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "owned", "namespace": namespace, "ownerReferences": [reference]},
    }
    plane.kubectl("create", "-f", "-", input=json.dumps(owned))

    plane.kubectl("delete", "configmap", OWNER, f"--namespace={namespace}")

    eventually(
        lambda: not exists(plane, "secret", "owned", f"--namespace={namespace}"),
        timeout=30,
        message="collecting the owned Secret",
    )


def test_a_service_account_may_do_what_its_roles_say_and_no_more(control_plane: ControlPlane, namespace: str) -> None:
    plane = control_plane
    plane.kubectl("create", "serviceaccount", "reader", f"--namespace={namespace}")
    kubeconfig = plane.service_account_kubeconfig(namespace, "reader")

    refused = plane.kubectl("get", "secrets", kubeconfig=kubeconfig, check=False)
    plane.kubectl("create", "role", "reader", "--verb=list", "--resource=secrets", f"--namespace={namespace}")
    plane.kubectl(
        "create", "rolebinding", "reader", "--role=reader", f"--serviceaccount={namespace}:reader", f"-n{namespace}"
    )
    allowed = eventually(
        lambda: plane.kubectl("get", "secrets", kubeconfig=kubeconfig, check=False).returncode == 0,
        message="the role's taking effect",
    )

    assert f'User "system:serviceaccount:{namespace}:reader" cannot list resource "secrets"' in refused.stderr
    assert allowed
    assert kubeconfig.stat().st_mode & 0o777 == 0o600


def test_the_api_server_comes_back_with_its_data_at_the_same_address(ours: ControlPlane, namespace: str) -> None:
    ours.kubectl("create", "configmap", "kept", "--from-literal=a=1", f"--namespace={namespace}")

    ours.stop_apiserver()
    unreachable = ours.kubectl("get", "--raw", "/readyz", check=False)
    ours.start_apiserver()

    assert unreachable.returncode != 0
    assert (
        ours.kubectl("get", "configmap", "kept", f"--namespace={namespace}", "-o", "jsonpath={.data.a}").stdout == "1"
    )


def test_nobody_without_the_token_is_admin(ours: ControlPlane) -> None:
    stderr = ours.kubectl("get", "secrets", "--token=made-up", check=False).stderr

    assert "must be logged in" in stderr or "Unauthorized" in stderr
    assert ours.kubeconfig.stat().st_mode & 0o777 == 0o600
