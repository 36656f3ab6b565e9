"""What the unsealer knows of an LLMCredential: the few fields that decide, so that many fit into memory."""

from dataclasses import dataclass
from typing import Final

import msgspec

from llmkeys.api.conditions import SECRET_SYNCED
from llmkeys.api.credential import LLMCredential
from llmkeys.api.durations import epoch
from llmkeys.api.objects import Key, condition_of

ENVELOPE_FORM: Final = "Envelope"

_credential = msgspec.json.Decoder(LLMCredential)


@dataclass(frozen=True, slots=True)
class Subject:
    """One LLMCredential as it is now.

    Args:
        key: its namespace and name.
        uid: of this one, not of a namesake before it.
        enabled: `spec.enabled`.
        encryption: `spec.target.encryption`.
        end_to_end: `spec.target.recipients` names anybody.
        service_accounts: who is named in the spec.
        synced: the reason of the condition SecretSynced; empty before the first reconciliation.
        sequence: of the delivery that counts.
        previous_until: epoch seconds until which the delivery before it opens; 0 for not at all.

    """

    key: Key
    uid: str
    enabled: bool
    encryption: str
    end_to_end: bool
    service_accounts: frozenset[str]
    synced: str
    sequence: int
    previous_until: float


def subject_from(content: bytes) -> Subject | None:
    """The subject in an object as the API server sent it; None if it is about to be deleted.

    Raises:
        msgspec.MsgspecError: it has not the shape of an LLMCredential.

    """
    found = _credential.decode(content)
    if found.metadata.deletion_timestamp:
        return None
    target, delivered = found.spec.target, found.status.target
    synced = condition_of(found.status.conditions, SECRET_SYNCED)
    return Subject(
        key=found.key,
        uid=found.metadata.uid,
        enabled=found.spec.enabled,
        encryption=target.encryption,
        end_to_end=bool(target.recipients),
        service_accounts=frozenset(target.service_accounts),
        synced=synced.reason if synced else "",
        sequence=delivered.sequence,
        previous_until=_epoch(delivered.previous_until),
    )


def _epoch(text: str) -> float:
    try:
        return epoch(text) if text else 0.0
    except ValueError:
        return 0.0
