import base64
import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.api.credential import CredentialSpec, CredentialStatus, LLMCredential, ProviderRef, TargetStatus
from llmkeys.api.objects import Metadata
from llmkeys.crypto.mac import MacKey
from llmkeys.delivery.manifest import (
    ObservedSecret,
    Owner,
    SecretMeta,
    content_mac,
    is_ours,
    observed_mac,
    secret_manifest,
    secret_patch,
)

LABEL = "llmkeys.dev/credential"
MAC = MacKey(1, bytes(32))


def credential(secret_uid: str = "") -> LLMCredential:
    status = CredentialStatus(target=TargetStatus(uid=secret_uid))
    return LLMCredential(Metadata("chat", "uid-1", "1", "team"), CredentialSpec(ProviderRef("openai")), status)


def applied(document: dict[str, Any], operations: list[dict[str, Any]]) -> dict[str, Any]:
    """RFC 6902 for the two operations that there are; a test that fails, or a missing parent, is an error."""
    result = copy.deepcopy(document)
    for one in operations:
        *parents, last = [step.replace("~1", "/").replace("~0", "~") for step in one["path"].split("/")[1:]]
        at = result
        for step in parents:
            at = at[step]
        if one["op"] == "test":
            assert at[last] == one["value"]
        else:
            assert one["op"] == "add"
            at[last] = one["value"]
    return result


def secret(labels: dict[str, str], owners: list[dict[str, Any]], data: dict[str, str]) -> dict[str, Any]:
    """As it comes over the wire: what is empty is absent."""
    metadata: dict[str, Any] = {"name": "chat", "uid": "s-1", "resourceVersion": "7", "annotations": {"kept": "yes"}}
    metadata |= {"labels": labels} if labels else {}
    metadata |= {"ownerReferences": owners} if owners else {}
    return {"metadata": metadata, "type": "Opaque"} | ({"data": data} if data else {})


def observed(document: dict[str, Any]) -> ObservedSecret:
    metadata = document["metadata"]
    owners = tuple(metadata.get("ownerReferences", ()))
    meta = SecretMeta(
        metadata["uid"],
        metadata["resourceVersion"],
        metadata.get("labels", {}),
        tuple(Owner(one["kind"], one["name"], one["uid"]) for one in owners),
    )
    return ObservedSecret(meta, document["type"], {}, owners, labelled="labels" in metadata)


def owner(kind: str = "LLMCredential", name: str = "chat", uid: str = "uid-1") -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "name": name, "uid": uid}


def patched(document: dict[str, Any], data: dict[str, bytes]) -> dict[str, Any]:
    return applied(document, secret_patch(credential(), observed(document), data))


LABELS = st.dictionaries(st.sampled_from(["app", "a/b", "x~y", LABEL]), st.sampled_from(["chat", "other"]))
OWNERS = st.lists(
    st.builds(owner, st.sampled_from(["LLMCredential", "App"]), st.sampled_from(["chat", "x"]), st.just("uid-0"))
    | st.just(owner()),
    max_size=3,
    unique_by=str,
)
DATA = st.dictionaries(st.sampled_from(["A", "B"]), st.binary(max_size=4))


@given(LABELS, OWNERS, DATA, DATA)
def test_a_patch_sets_the_data_as_a_whole_and_leaves_what_is_not_ours(
    labels: dict[str, str], owners: list[dict[str, Any]], before: dict[str, bytes], after: dict[str, bytes]
) -> None:
    old = secret(labels, owners, {name: base64.b64encode(value).decode() for name, value in before.items()})
    new = patched(old, after)
    metadata = new["metadata"]
    assert {name: base64.b64decode(value) for name, value in new["data"].items()} == after
    assert metadata["labels"] == labels | {LABEL: "chat"}
    foreign = [one for one in owners if (one["kind"], one["name"]) != ("LLMCredential", "chat")]
    assert [one for one in metadata["ownerReferences"] if one in foreign] == foreign
    assert [one["uid"] for one in metadata["ownerReferences"]].count("uid-1") == 1
    assert metadata["annotations"] == {"kept": "yes"}
    assert new["type"] == "Opaque"


def test_a_patch_changes_exactly_the_version_that_was_read_or_nothing() -> None:
    document = secret({}, [], {})
    operations = secret_patch(credential(), observed(document), {})
    for changed in ({"uid": "s-2"}, {"resourceVersion": "8"}):
        other = secret({}, [], {})
        other["metadata"] |= changed
        with pytest.raises(AssertionError):
            applied(other, operations)


def test_every_test_of_a_patch_stands_before_its_first_change() -> None:
    kinds = [one["op"] for one in secret_patch(credential(), observed(secret({}, [], {})), {})]
    assert kinds == sorted(kinds, reverse=True)
    assert kinds.count("test") == 2


def test_the_owner_that_a_restore_left_behind_is_replaced() -> None:
    new = patched(secret({}, [owner(uid="uid-0"), owner("App", "x", "u")], {}), {})
    assert [one["uid"] for one in new["metadata"]["ownerReferences"]] == ["u", "uid-1"]


def test_an_owner_never_blocks_its_deletion() -> None:
    (one,) = secret_manifest(credential(), {})["metadata"]["ownerReferences"]
    assert one["blockOwnerDeletion"] is False
    assert (one["kind"], one["name"], one["uid"]) == ("LLMCredential", "chat", "uid-1")


def test_a_new_secret_is_opaque_labelled_and_in_the_credentials_namespace() -> None:
    manifest = secret_manifest(credential(), {"A": b"\x00"})
    assert manifest["metadata"]["namespace"] == "team"
    assert manifest["metadata"]["labels"] == {LABEL: "chat"}
    assert (manifest["type"], manifest["data"]) == ("Opaque", {"A": "AA=="})


# label, uid, owners, uid in the status: ours?
OURS = [
    ("chat", "s-1", [], "", True),
    ("other", "s-1", [], "", False),
    ("other", "s-1", [], "s-1", False),
    ("other", "s-1", [("LLMCredential", "chat", "uid-1")], "", False),
    (None, "s-1", [], "s-1", True),
    (None, "s-1", [], "s-2", False),
    (None, "s-1", [], "", False),
    (None, "", [], "", False),
    (None, "s-1", [("LLMCredential", "chat", "uid-0")], "", True),
    (None, "s-1", [("LLMCredential", "other", "uid-1")], "", False),
    (None, "s-1", [("App", "chat", "uid-1")], "", False),
]


@pytest.mark.parametrize(("label", "uid", "owners", "known", "ours"), OURS)
def test_a_secret_is_ours_by_label_by_uid_or_by_its_owner(
    label: str | None, uid: str, owners: list[tuple[str, str, str]], known: str, ours: bool
) -> None:
    labels = {LABEL: label} if label else {"app": "x"}
    meta = SecretMeta(uid, "1", labels, tuple(Owner(*one) for one in owners))
    assert is_ours(credential(known), meta) is ours


def test_the_mac_of_a_secret_is_that_of_what_was_written_until_somebody_changes_it() -> None:
    wanted = content_mac(MAC, credential(), {"A": b"1"})
    meta = SecretMeta("s-1", "7", {LABEL: "chat", "app": "x"})
    assert observed_mac(MAC, credential(), ObservedSecret(meta, "Opaque", {"A": b"1"})) == wanted
    for changed in (
        ObservedSecret(meta, "Opaque", {"A": b"2"}),
        ObservedSecret(meta, "Opaque", {"A": b"1", "B": b""}),
        ObservedSecret(meta, "tls", {"A": b"1"}),
        ObservedSecret(SecretMeta("s-1", "7", {"app": "x"}), "Opaque", {"A": b"1"}),
    ):
        assert observed_mac(MAC, credential(), changed) != wanted


def test_the_data_of_a_secret_does_not_tell_itself() -> None:
    assert "canary" not in repr(ObservedSecret(SecretMeta("u", "1", {}), "Opaque", {"A": b"canary"}))
