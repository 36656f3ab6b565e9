from dataclasses import replace

import pytest

from llmkeys.crypto.envelope import EnvelopeBinding
from llmkeys.unsealer.caller import Caller, caller_from
from llmkeys.unsealer.checks import (
    AFTER_AUTHORISATION,
    BEFORE_AUTHORISATION,
    Facts,
    denied,
    first_refusal,
    is_current,
    is_named,
    no_such_credential,
)
from llmkeys.unsealer.refusal import STATUS, Reason
from tests.unit.unsealer.world import START, SUBJECT, verdict


def caller() -> Caller:
    found = caller_from(verdict())
    assert isinstance(found, Caller)
    return found


FACTS = Facts(caller(), SUBJECT, EnvelopeBinding("ns-uid", SUBJECT.uid, SUBJECT.sequence), START)


def why(facts: Facts) -> Reason | None:
    refusal = first_refusal(BEFORE_AUTHORISATION + AFTER_AUTHORISATION, facts)
    return refusal.reason if refusal else None


def changed(**changes: object) -> Facts:
    return replace(FACTS, subject=replace(SUBJECT, **changes))


def test_a_delivered_credential_and_its_envelope_pass_all_checks() -> None:
    assert why(FACTS) is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"enabled": False}, Reason.DISABLED),
        ({"synced": "Disabled"}, Reason.DISABLED),
        ({"synced": "Withdrawn"}, Reason.WITHDRAWN),
        ({"encryption": "None"}, Reason.OTHER_FORM),
        ({"end_to_end": True}, Reason.OTHER_FORM),
        ({"uid": "another"}, Reason.OTHER_CREDENTIAL),
        ({"sequence": 4}, Reason.STALE_ENVELOPE),
    ],
)
def test_a_credential_that_changed_opens_nothing(changes: dict[str, object], reason: Reason) -> None:
    assert why(changed(**changes)) is reason


@pytest.mark.parametrize("synced", ["", "TargetConflict", "Contested", "AwaitingKey"])
def test_trouble_with_the_secret_does_not_stop_who_has_its_envelope(synced: str) -> None:
    assert why(changed(synced=synced)) is None


@pytest.mark.parametrize(
    ("sequence", "until", "opens"),
    [
        (3, 0.0, True),
        (4, 0.0, True),
        (2, START + 1, True),
        (2, START, False),
        (2, 0.0, False),
        (1, START + 1, False),
    ],
)
def test_the_delivery_before_the_last_opens_for_a_while_and_no_older_one(
    sequence: int, until: float, opens: bool
) -> None:
    facts = replace(changed(previous_until=until), binding=EnvelopeBinding("ns-uid", SUBJECT.uid, sequence))
    assert (is_current(facts) is None) is opens


def test_disabled_is_said_before_everything_else_because_it_is_the_owners_will() -> None:
    assert why(changed(enabled=False, synced="Withdrawn", encryption="None", uid="another")) is Reason.DISABLED


def test_only_who_is_named_is_named() -> None:
    assert is_named(FACTS)
    assert not is_named(changed(service_accounts=frozenset({"chat-2", "Chat", ""})))


def test_a_denial_names_both_ways_to_be_allowed() -> None:
    message = denied(FACTS).message
    assert "spec.target.serviceAccounts" in message
    assert "llmkeys manifest rolebinding openai --namespace team-a --service-account chat" in message


def test_a_missing_credential_is_looked_for_in_the_callers_namespace_alone() -> None:
    assert "team-a/openai" in no_such_credential(caller(), "openai").message


def test_every_reason_has_a_status() -> None:
    assert set(STATUS) == set(Reason)
