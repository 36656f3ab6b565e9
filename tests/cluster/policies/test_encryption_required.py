"""What a namespace that requires encryption forbids, and that deletion is never held up."""

import json
from collections.abc import Iterator
from functools import partial

import pytest

from llmkeys.api.names import (
    API_VERSION,
    CREDENTIAL_KIND,
    CREDENTIAL_LABEL,
)
from tests.support.cluster import ControlPlane
from tests.support.people import Person, Rights, refused, why_not
from tests.support.policy_objects import (
    ENCRYPTION_REQUIRED,
    REQUIRED,
    credential,
    secret,
)
from tests.support.wait import eventually


@pytest.fixture(scope="module")
def required(installed: ControlPlane, rights: Rights) -> Iterator[Person]:
    """The admin of a namespace that requires encryption, with a credential `old` from before it did."""
    if not installed.has_controllers:
        pytest.skip("KUBEBUILDER_ASSETS holds no kube-controller-manager: nothing aggregates roles")
    assert rights
    name = installed.new_namespace("policies-required")
    body = json.dumps(credential("old", encryption="None"))
    installed.kubectl("create", f"--namespace={name}", "-f", "-", input=body)
    installed.kubectl("create", f"--namespace={name}", "-f", "-", input=json.dumps(credential("enveloped")))
    person = Rights(installed, name).person("admin")
    installed.kubectl("label", "namespace", name, REQUIRED)
    early = credential("early", encryption="None")
    eventually(partial(refused, person, early, ENCRYPTION_REQUIRED), timeout=30, message="the policy")
    yield person
    installed.delete_namespace(name)


def test_where_a_namespace_requires_encryption_no_plain_secret_can_be_asked_for(required: Person) -> None:
    plain = {"spec": {"target": {"encryption": "None"}}}

    assert ENCRYPTION_REQUIRED in required.create(credential("new", encryption="None"))
    assert ENCRYPTION_REQUIRED in required.patch(f"{CREDENTIAL_KIND}/enveloped", plain)


def test_that_binds_the_clusters_admin_too(required: Person) -> None:
    body = json.dumps(credential("new", encryption="None"))
    create = ("create", "--dry-run=server", f"--namespace={required.namespace}", "-f", "-")

    assert ENCRYPTION_REQUIRED in why_not(required.plane.kubectl(*create, input=body, check=False))


@pytest.mark.parametrize("target", [{}, {"encryption": "Envelope"}, {"format": "JSON"}])
def test_envelopes_can_be_asked_for_there(required: Person, target: dict[str, str]) -> None:
    assert required.create(credential("new", **target)) == ""


def test_what_was_there_before_is_left_until_its_spec_changes(required: Person) -> None:
    old = f"{CREDENTIAL_KIND}/old"

    assert required.patch(old, {"metadata": {"labels": {"team": "a"}, "finalizers": ["example.com/held"]}}) == ""
    assert ENCRYPTION_REQUIRED in required.patch(old, {"spec": {"enabled": False}})
    assert required.patch(old, {"spec": {"enabled": False, "target": {"encryption": "Envelope"}}}) == ""


def test_elsewhere_a_plain_secret_can_be_asked_for(admin: Person) -> None:
    assert admin.create(credential("new", encryption="None")) == ""


def test_the_label_is_not_a_matter_for_whoever_administers_the_namespace(required: Person) -> None:
    take_off = {"metadata": {"labels": {"llmkeys.dev/encryption": None}}}

    assert "cannot patch resource" in required.patch(f"namespace/{required.namespace}", take_off)


def test_a_credential_deleted_alone_leaves_its_secret_in_peace(required: Person) -> None:
    """With both policies in its way, the garbage collector takes owner and finalizer off."""
    plane, here = required.plane, f"--namespace={required.namespace}"
    uid = json.loads(plane.kubectl("get", CREDENTIAL_KIND, "old", here, "-o", "json").stdout)["metadata"]["uid"]
    owner = {"apiVersion": API_VERSION, "kind": CREDENTIAL_KIND, "name": "old", "uid": uid, "controller": True}
    body = secret("old", {CREDENTIAL_LABEL: "old"})
    body["metadata"]["ownerReferences"] = [owner | {"blockOwnerDeletion": False}]
    plane.kubectl("create", here, "-f", "-", input=json.dumps(body))

    required.kubectl("delete", CREDENTIAL_KIND, "old", "--cascade=orphan", "--wait=false")

    def gone() -> bool:
        return plane.kubectl("get", CREDENTIAL_KIND, "old", here, check=False).returncode != 0

    eventually(gone, timeout=30, message="the end of the credential")
    left = json.loads(plane.kubectl("get", "secret", "old", here, "-o", "json").stdout)
    assert "ownerReferences" not in left["metadata"]
    assert left["data"] == body["data"]
