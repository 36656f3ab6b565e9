"""What the policies forbid and let pass, asked of the API server as people and as its own controllers."""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

import pytest

from llmkeys.api.names import (
    API_VERSION,
    CONTROLLER_ACCOUNT,
    CREDENTIAL_KIND,
    CREDENTIAL_LABEL,
    DEFAULT_NAMESPACE,
    GROUP,
    PROVIDER_KIND,
    PUBLIC_KEYS,
    SOURCE_LABEL,
)
from tests.support.cluster import ControlPlane
from tests.support.people import Change, Person, Rights, rule, why_not
from tests.support.wait import eventually

CONTROLLER: Final = f"system:serviceaccount:{DEFAULT_NAMESPACE}:{CONTROLLER_ACCOUNT}"
COLLECTORS: Final = ("system:serviceaccount:kube-system:generic-garbage-collector", "system:kube-controller-manager")
LABELLED: Final = {CREDENTIAL_LABEL: "chat"}
NOT_YOUR_LABEL: Final = "the label llmkeys.dev/credential belongs to Secrets that llmkeys writes"
NOT_YOUR_CONTENT: Final = "change the LLMCredential that its label llmkeys.dev/credential names"
NOT_YOUR_LABELS: Final = "leave them as they are"
NOT_YOUR_KEYS: Final = "llmkeys publishes its public keys in the ConfigMap llmkeys-public-keys"
NOT_YOUR_STATUS: Final = "llmkeys writes the status of its kinds"
ENCRYPTION_REQUIRED: Final = "this namespace is labelled llmkeys.dev/encryption=required"
REQUIRED: Final = "llmkeys.dev/encryption=required"


def secret(name: str, labels: dict[str, str] | None = None, **more: Any) -> dict[str, Any]:
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "labels": labels or {}}, "type": "Opaque"}
    return {**body, "data": {"KEY": "dmFsdWU="}, **more}


def public_keys(name: str = PUBLIC_KEYS) -> dict[str, Any]:
    metadata = {"name": name, "labels": {"llmkeys.dev/internal": "true"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"sealing": "a public key"}}


def credential(name: str, **target: Any) -> dict[str, Any]:
    keys = [{"name": "main", "secretRef": {"name": "raw"}}]
    spec = {"providerRef": {"name": "nobody"}, "keys": keys, **({"target": target} if target else {})}
    return {"apiVersion": API_VERSION, "kind": CREDENTIAL_KIND, "metadata": {"name": name}, "spec": spec}


WRITE: Final = ["get", "create", "update", "patch", "delete"]
OBJECTS: Final = rule("", ["secrets", "configmaps"], WRITE)
ALL_OF_OURS: Final = rule(GROUP, ["*"], WRITE)
RESTORE: Final = rule(GROUP, ["llmcredentials"], ["restore"])
A_RIGHT_OF_THE_CONTROLLER: Final = rule(GROUP, ["llmproviders/status"], ["patch"])


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
            eventually(partial(_refused, person, body, words), timeout=30, message=f'"{words}" for {person.name}')
    return found


def _refused(person: Person, body: object, words: str) -> bool:
    assert words in (why := person.create(body)), why
    return True


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


Existing = Callable[[dict[str, Any]], dict[str, Any]]


@pytest.fixture(scope="module")
def existing(installed: ControlPlane, namespace: str) -> Existing:
    """Create an object as the cluster's admin, and give what the API server made of it."""

    def create(body: dict[str, Any]) -> dict[str, Any]:
        made = installed.kubectl("create", f"--namespace={namespace}", "-f", "-", "-o", "json", input=json.dumps(body))
        found: dict[str, Any] = json.loads(made.stdout)
        return found

    return create


# -- generated Secrets ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def generated(existing: Existing, people: dict[str, Person]) -> dict[str, Any]:
    """A Secret as the controller writes it."""
    assert people
    return existing(secret("generated", LABELLED))


@pytest.fixture(scope="module")
def plain(existing: Existing, people: dict[str, Person]) -> dict[str, Any]:
    """A Secret that is none of ours."""
    assert people
    return existing(secret("plain"))


@pytest.mark.parametrize("labels", [LABELLED, {CREDENTIAL_LABEL: ""}])
def test_nobody_makes_a_secret_that_passes_for_a_generated_one(writer: Person, labels: dict[str, str]) -> None:
    assert NOT_YOUR_LABEL in writer.create(secret("forged", labels))


@pytest.mark.usefixtures("plain")
def test_nobody_makes_a_secret_of_theirs_one_of_ours(writer: Person) -> None:
    assert NOT_YOUR_LABEL in writer.patch("secret/plain", {"metadata": {"labels": LABELLED}})


@pytest.mark.usefixtures("generated")
@pytest.mark.parametrize(
    "change",
    [
        {"data": {"KEY": "c3RyYW5nZQ=="}},
        {"data": {"MORE": "bW9yZQ=="}},
        {"data": {"KEY": None}},
        {"data": None},
        {"stringData": {"KEY": "strange"}},
        {"immutable": True},
    ],
)
def test_nobody_changes_what_a_generated_secret_holds(writer: Person, change: Change) -> None:
    assert NOT_YOUR_CONTENT in writer.patch("secret/generated", change)


@pytest.mark.usefixtures("generated")
@pytest.mark.parametrize(
    "labels", [{CREDENTIAL_LABEL: None}, {CREDENTIAL_LABEL: "other"}, {SOURCE_LABEL: "true"}, {"llmkeys.dev/new": ""}]
)
def test_nobody_changes_our_labels_on_a_generated_secret(writer: Person, labels: dict[str, str | None]) -> None:
    assert NOT_YOUR_LABELS in writer.patch("secret/generated", {"metadata": {"labels": labels}})


@pytest.mark.usefixtures("generated")
def test_nobody_changes_the_type_of_a_generated_secret(writer: Person) -> None:
    assert "field is immutable" in writer.patch("secret/generated", {"type": "kubernetes.io/tls"})


def test_whoever_only_reads_does_not_get_as_far_as_a_policy(people: dict[str, Person]) -> None:
    assert "cannot create resource" in people["view"].create(secret("forged", LABELLED))


def test_writing_a_generated_secret_as_it_is_passes_as_when_encryption_at_rest_gets_another_key(
    writer: Person, generated: dict[str, Any]
) -> None:
    assert writer.replace(generated) == ""


def test_that_holds_for_an_emptied_one_too(writer: Person, existing: Existing) -> None:
    emptied = existing(secret(f"emptied-{writer.name}", LABELLED, data={}))

    assert writer.replace(emptied) == ""
    assert writer.replace(emptied | {"data": {}, "immutable": False}) == ""


@pytest.mark.usefixtures("generated")
@pytest.mark.parametrize("metadata", [{"labels": {"team": "a"}}, {"annotations": {"note": "b"}}])
def test_labels_and_annotations_of_others_pass(writer: Person, metadata: Change) -> None:
    assert writer.patch("secret/generated", {"metadata": metadata}) == ""


@pytest.mark.usefixtures("generated")
def test_whoever_may_delete_secrets_may_delete_a_generated_one(writer: Person) -> None:
    assert writer.delete("secret/generated") == ""


@pytest.mark.usefixtures("plain")
def test_secrets_that_are_not_ours_are_nobodys_business(writer: Person) -> None:
    assert writer.create(secret("source", {SOURCE_LABEL: "true"})) == ""
    assert writer.patch("secret/plain", {"data": {"KEY": "c3RyYW5nZQ=="}, "immutable": True}) == ""


@pytest.mark.usefixtures("generated")
def test_the_controller_writes_generated_secrets(controller: Person) -> None:
    assert controller.create(secret("new", LABELLED)) == ""
    assert controller.patch("secret/generated", {"data": {"KEY": "bmV3"}}) == ""


@pytest.mark.usefixtures("generated")
def test_an_account_of_the_controllers_name_in_another_namespace_is_not_the_controller(namesake: Person) -> None:
    assert NOT_YOUR_LABEL in namesake.create(secret("forged", LABELLED))
    assert NOT_YOUR_CONTENT in namesake.patch("secret/generated", {"data": {"KEY": "c3RyYW5nZQ=="}})


@pytest.mark.usefixtures("generated")
def test_rights_like_the_controllers_do_not_make_a_person_the_controller(colleague: Person) -> None:
    assert NOT_YOUR_LABEL in colleague.create(secret("forged", LABELLED))
    assert NOT_YOUR_CONTENT in colleague.patch("secret/generated", {"data": {"KEY": "c3RyYW5nZQ=="}})


@pytest.mark.usefixtures("people")
@pytest.mark.parametrize("collector", COLLECTORS)
def test_the_garbage_collector_is_never_held_up(
    collector: str, installed: ControlPlane, namespace: str, generated: dict[str, Any]
) -> None:
    """Whatever a later version of it changes: a finalizer that cannot be taken off keeps a namespace for ever."""
    person = Person(installed, collector, namespace)

    assert person.replace(generated | {"data": {}}) == ""


@pytest.mark.usefixtures("generated")
def test_a_backup_is_restored_by_whoever_may_restore(restorer: Person) -> None:
    assert restorer.create(secret("restored", LABELLED)) == ""
    assert restorer.patch("secret/generated", {"data": {"KEY": "b2xk"}}) == ""


@pytest.mark.usefixtures("generated")
def test_a_right_to_restore_in_one_namespace_is_none_in_another(restorer_elsewhere: Person) -> None:
    assert NOT_YOUR_LABEL in restorer_elsewhere.create(secret("restored", LABELLED))


# -- public keys ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def published(existing: Existing, people: dict[str, Person]) -> dict[str, Any]:
    """The ConfigMap as the controller publishes it."""
    assert people
    return existing(public_keys())


def test_nobody_publishes_public_keys_in_our_name(writer: Person) -> None:
    assert NOT_YOUR_KEYS in writer.create(public_keys())


@pytest.mark.usefixtures("published")
@pytest.mark.parametrize(
    "change",
    [
        {"data": {"sealing": "of a stranger"}},
        {"data": {"more": "keys"}},
        {"data": None},
        {"binaryData": {"more": "a2V5cw=="}},
        {"immutable": True},
    ],
)
def test_nobody_changes_our_public_keys(writer: Person, change: Change) -> None:
    assert NOT_YOUR_KEYS in writer.patch(f"configmap/{PUBLIC_KEYS}", change)


def test_public_keys_pass_as_they_are(writer: Person, published: dict[str, Any]) -> None:
    assert writer.replace(published) == ""
    assert writer.patch(f"configmap/{PUBLIC_KEYS}", {"metadata": {"annotations": {"note": "b"}}}) == ""


def test_other_config_maps_are_nobodys_business(writer: Person) -> None:
    assert writer.create(public_keys("settings")) == ""


@pytest.mark.usefixtures("published")
def test_the_controller_and_a_restore_write_public_keys_and_nobody_like_them(
    controller: Person, restorer: Person, namesake: Person, colleague: Person
) -> None:
    change = {"data": {"sealing": "another public key"}}
    what = f"configmap/{PUBLIC_KEYS}"

    assert controller.patch(what, change) == ""
    assert restorer.patch(what, change) == ""
    assert NOT_YOUR_KEYS in namesake.patch(what, change)
    assert NOT_YOUR_KEYS in colleague.patch(what, change)


# -- status --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def asked_for(existing: Existing, people: dict[str, Person]) -> str:
    """A credential that is there."""
    assert people
    existing(credential("chat", encryption="None"))
    return f"{CREDENTIAL_KIND}/chat"


STATUS: Final = {"status": {"observedGeneration": 1, "secretName": "somebodys"}}
OF_STATUS: Final = "--subresource=status"


def test_by_the_clusters_roles_nobody_may_write_status(writer: Person, asked_for: str) -> None:
    assert 'resource "llmcredentials/status"' in writer.patch(asked_for, STATUS, OF_STATUS)


def test_a_role_on_all_of_ours_does_not_reach_status(
    rights: Rights, namesake: Person, colleague: Person, asked_for: str
) -> None:
    wide = rights.person("", ALL_OF_OURS)

    for person in (wide, namesake, colleague):
        assert NOT_YOUR_STATUS in person.patch(asked_for, STATUS, OF_STATUS)


def test_such_a_role_still_writes_spec_and_metadata(rights: Rights, asked_for: str) -> None:
    wide = rights.person("", ALL_OF_OURS)

    assert wide.patch(asked_for, {"metadata": {"labels": {"team": "a"}}, "spec": {"enabled": False}}) == ""


def test_the_status_of_a_provider_is_written_by_the_controller_and_by_a_restore_of_everything(
    rights: Rights, installed: ControlPlane, provider_prefix: str, controller: Person
) -> None:
    name = f"{provider_prefix}guarded"
    body = {"apiVersion": API_VERSION, "kind": PROVIDER_KIND, "metadata": {"name": name}, "spec": {"type": "openai"}}
    installed.kubectl("create", "-f", "-", input=json.dumps(body))
    platform = rights.in_cluster(rights.person("view"), rule(GROUP, ["*"], WRITE))
    forged = {"status": {"observedGeneration": 1, "type": "forged"}}

    assert NOT_YOUR_STATUS in platform.patch(f"{PROVIDER_KIND}/{name}", forged, OF_STATUS)
    assert platform.patch(f"{PROVIDER_KIND}/{name}", {"spec": {"enabled": False}}) == ""
    # kubectl reads what it patches, for which the controller has no need.
    rights.in_cluster(controller, rule(GROUP, ["llmproviders/status"], ["get"]))
    assert controller.patch(f"{PROVIDER_KIND}/{name}", forged, OF_STATUS) == ""
    rights.in_cluster(platform, RESTORE)
    assert platform.patch(f"{PROVIDER_KIND}/{name}", forged, OF_STATUS) == ""


def test_the_controller_and_a_restore_write_status(controller: Person, restorer: Person, asked_for: str) -> None:
    assert controller.patch(asked_for, STATUS, OF_STATUS) == ""
    assert restorer.patch(asked_for, STATUS, OF_STATUS) == ""


def test_a_right_to_restore_elsewhere_writes_no_status_here(restorer_elsewhere: Person, asked_for: str) -> None:
    assert NOT_YOUR_STATUS in restorer_elsewhere.patch(asked_for, STATUS, OF_STATUS)


# -- encryption required -------------------------------------------------------------------------------------


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
    eventually(partial(_refused, person, early, ENCRYPTION_REQUIRED), timeout=30, message="the policy")
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


# -- the real garbage collector ------------------------------------------------------------------------------


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
