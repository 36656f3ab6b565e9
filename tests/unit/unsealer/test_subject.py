import json
from typing import Any

import pytest

from llmkeys.unsealer.subject import Subject, subject_from


def body(spec: dict[str, Any] | None = None, status: dict[str, Any] | None = None, **metadata: Any) -> bytes:
    return json.dumps(
        {
            "metadata": {"name": "openai", "namespace": "team-a", "uid": "u", **metadata},
            "spec": {"providerRef": {"name": "openai"}, **(spec or {})},
            "status": status or {},
        }
    ).encode()


def subject(content: bytes) -> Subject:
    found = subject_from(content)
    assert found is not None
    return found


def test_a_new_credential_asks_for_envelopes_and_has_delivered_nothing() -> None:
    found = subject(body())
    assert (found.enabled, found.encryption, found.end_to_end, found.synced, found.sequence) == (
        True,
        "Envelope",
        False,
        "",
        0,
    )


def test_what_decides_is_read_from_spec_and_status() -> None:
    target = {"encryption": "None", "serviceAccounts": ["chat"], "recipients": ["k"]}
    synced = {"type": "SecretSynced", "status": "False", "reason": "Withdrawn", "message": ""}
    status = {"conditions": [synced], "target": {"sequence": 7, "previousUntil": "1970-01-01T00:01:00Z"}}
    found = subject(body({"enabled": False, "target": target}, status))
    assert (found.enabled, found.encryption, found.end_to_end) == (False, "None", True)
    assert found.service_accounts == {"chat"}
    assert (found.synced, found.sequence, found.previous_until) == ("Withdrawn", 7, 60.0)


@pytest.mark.parametrize("text", ["", "soon"])
def test_a_time_that_is_none_opens_nothing_old(text: str) -> None:
    assert subject(body(status={"target": {"previousUntil": text}})).previous_until == 0.0


def test_a_credential_that_is_being_deleted_counts_as_gone() -> None:
    assert subject_from(body(deletionTimestamp="2027-01-01T00:00:00Z")) is None
