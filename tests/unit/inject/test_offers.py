"""Which credentials a pod gets, and how it is told that one cannot be given."""

import json

import pytest
import yaml

from llmkeys.api.credential import LLMCredential
from llmkeys.inject.errors import CredentialRefusedError, StatusMalformedError
from llmkeys.inject.offers import credentials_from, offers_for, troubles_of
from tests.unit.inject.scene import OPENAI, body, credential, listed

WITHDRAWN = {"type": "SecretSynced", "status": "False", "reason": "Withdrawn", "message": "No key."}
READY = {"type": "Ready", "status": "False", "reason": "Rejected", "message": "Create a new key."}
GONE = credential("gone", "A", conditions=[WITHDRAWN, READY])
FOR_SOMEBODY = credential("theirs", "A", target={"recipients": ["key"]})
UNKNOWN = credential("new", conditions=[], secretName="", unsealer=None)
UNOPENED = credential("unopened", "A", unsealer=None)
CLEAR = credential("clear", "A", encryption="None")
CLEAR_FILES = credential("clear-files", encryption="None", files=[{"name": "x.json"}])
ELSEWHERE = credential("elsewhere", "A", namespace="team-b")
ALL = [GONE, FOR_SOMEBODY, UNKNOWN, UNOPENED, CLEAR, CLEAR_FILES, ELSEWHERE, OPENAI]


def free(*credentials: LLMCredential, files: bool = False) -> list[str]:
    return [one.name for one in offers_for(credentials, None, "team-a", files=files)]


def test_a_pod_that_names_none_gets_what_its_namespace_has_in_place() -> None:
    assert free(*ALL) == ["clear", "clear-files", "openai"]
    assert free(*ALL, files=True) == ["clear", "clear-files", "openai"]


def test_there_being_none_is_said() -> None:
    with pytest.raises(CredentialRefusedError, match="kubectl get llmcredentials -n team-a"):
        free(GONE, ELSEWHERE)


def test_those_named_come_in_their_order_whatever_became_of_their_keys() -> None:
    offers = offers_for(ALL, ("openai", "gone"), "team-a", files=False)
    assert [one.name for one in offers] == ["openai", "gone"]
    assert all(one.required for one in offers)
    (trouble,) = troubles_of(offers)
    assert trouble == "LLMCredential team-a/gone delivers no key at present (Withdrawn). Create a new key."


@pytest.mark.parametrize(
    ("name", "files", "words"),
    [
        ("nope", False, "no LLMCredential nope in namespace team-a"),
        ("elsewhere", False, "no LLMCredential elsewhere"),
        ("theirs", False, "recipients"),
        ("new", False, "llmkeys status team-a/new"),
        ("unopened", False, "not known yet"),
        ("clear", True, "mount its Secret clear-key"),
        ("clear-files", False, "in clear"),
    ],
)
def test_one_that_is_named_and_cannot_be_given_is_refused_with_what_to_do(name: str, files: bool, words: str) -> None:
    with pytest.raises(CredentialRefusedError, match=words):
        offers_for(ALL, (name,), "team-a", files=files)


def test_what_kubectl_prints_is_read() -> None:
    one, other = body("openai", "OPENAI_API_KEY"), body("b", "B", namespace="team-b")
    assert [str(found.key) for found in credentials_from(listed(one, other))] == ["team-a/openai", "team-b/b"]
    assert len(credentials_from(json.dumps(one))) == 1
    assert len(credentials_from(yaml.safe_dump_all([one, other, {"kind": "LLMProvider"}]))) == 2


@pytest.mark.parametrize("text", ["{", "", "a: 1", listed(), "- 1", listed({**body("a"), "status": {"env": 1}})])
def test_what_is_none_of_it_is_said_to_be_none(text: str) -> None:
    with pytest.raises(StatusMalformedError):
        credentials_from(text)
