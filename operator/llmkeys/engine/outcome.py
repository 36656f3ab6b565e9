"""What a reconciliation came to, and the one place that turns it into a status."""

from dataclasses import dataclass, field

from llmkeys.api.conditions import Judgement, conditions_of
from llmkeys.api.credential import (
    CredentialStatus,
    DeliveredFile,
    Inputs,
    KeyStatus,
    LLMCredential,
    TargetStatus,
    UnsealerStatus,
)
from llmkeys.api.durations import rfc3339
from llmkeys.api.messages import message_of
from llmkeys.api.models import ModelsStatus
from llmkeys.api.reasons import Reason, Row
from llmkeys.delivery.pack import NOTHING, Sealed
from llmkeys.delivery.rollout import rollout_after
from llmkeys.engine.writer import Written


@dataclass(frozen=True, slots=True)
class Names:
    """What follows from the manifests alone, and is published before any key is proven."""

    provider: str = ""
    audience: str = ""
    env: tuple[str, ...] = ()
    optional_env: tuple[str, ...] = ()
    files: tuple[DeliveredFile, ...] = ()
    unsealer: UnsealerStatus | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one reconciliation.

    Args:
        reason, row: what decided.
        values: for the messages.
        written: the Secret.
        sealed: what its delivery was sealed with, and its place in their sequence.
        inputs: digests of what was seen.
        names: see `Names`.
        keys: for `status.keys`.
        active_key, fingerprint, form: of what the Secret holds; empty if it holds nothing.
        kept, kept_until: KeepLastGood is at work, until when (epoch seconds).
        as_before: the conditions that stood are about the same key at the same endpoint.
        delivered: the deciding key is what the Secret held before.
        last_look: epoch seconds, 0 if there was none.
        expiry_warning: the `expiresAt` that was warned about.
        models: what is known of the models that the deciding key opens.

    """

    reason: Reason
    row: Row
    written: Written
    inputs: Inputs
    values: dict[str, str] = field(default_factory=dict)
    names: Names = Names()
    sealed: Sealed = NOTHING
    keys: tuple[KeyStatus, ...] = ()
    active_key: str = ""
    fingerprint: str = ""
    form: str = ""
    kept: bool = False
    kept_until: float = 0.0
    as_before: bool = False
    delivered: bool = False
    last_look: float = 0.0
    expiry_warning: str = ""
    models: ModelsStatus | None = None


def status_of(credential: LLMCredential, outcome: Outcome, now: float) -> CredentialStatus:
    """The whole status after a reconciliation."""
    before = credential.status
    judgement = Judgement(
        reason=outcome.reason,
        row=outcome.row,
        message=message_of(outcome.reason, outcome.values),
        synced=outcome.written.synced,
        synced_message=message_of(outcome.written.synced, {**outcome.values, "detail": outcome.written.manager}),
        as_before=outcome.as_before,
        delivered=outcome.delivered,
        kept=outcome.kept,
        kept_message=message_of(Reason.KEPT_LAST_GOOD, outcome.values) if outcome.kept else "",
    )
    target = _target(credential, outcome)
    return CredentialStatus(
        observed_generation=credential.metadata.generation,
        conditions=conditions_of(judgement, before.conditions, credential.metadata.generation, rfc3339(now)),
        inputs=outcome.inputs,
        provider=outcome.names.provider,
        secret_name=credential.secret_name,
        encryption=credential.spec.target.encryption,
        env=outcome.names.env,
        optional_env=outcome.names.optional_env,
        files=outcome.names.files,
        audience=outcome.names.audience,
        active_key=outcome.active_key,
        keys=outcome.keys,
        target=target,
        last_probe_time=rfc3339(outcome.last_look) if outcome.last_look else "",
        expiry_warning=outcome.expiry_warning,
        unsealer=outcome.names.unsealer,
        models=outcome.models,
        rollout=rollout_after(credential, target),
        usage=before.usage,
        last_handled_request=credential.request or before.last_handled_request,
    )


def _target(credential: LLMCredential, outcome: Outcome) -> TargetStatus:
    meta = outcome.written.meta
    if outcome.written.synced in (Reason.TARGET_CONFLICT, Reason.CONTESTED):
        return credential.status.target
    if meta is None:
        return TargetStatus(sequence=outcome.sealed.sequence)
    return TargetStatus(
        uid=meta.uid,
        resource_version=meta.resource_version,
        mac=outcome.written.mac,
        content=outcome.sealed.content,
        sequence=outcome.sealed.sequence,
        previous_until=outcome.sealed.previous_until,
        sealed_with=outcome.sealed.key_id,
        key=outcome.fingerprint,
        form=outcome.form,
        kept_until=rfc3339(outcome.kept_until) if outcome.kept_until else "",
    )
