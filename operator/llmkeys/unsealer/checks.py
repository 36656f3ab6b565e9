"""What must hold before an envelope is opened: small checks in the order in which they are asked.

Each takes values and gives the refusal, or None. Between the two chains stands the one question that only the API
server can answer: whether RBAC allows an account which the spec does not name.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from llmkeys.api.reasons import Reason as Condition
from llmkeys.crypto.envelope import EnvelopeBinding
from llmkeys.unsealer.caller import Caller
from llmkeys.unsealer.refusal import Reason, Refusal
from llmkeys.unsealer.subject import ENVELOPE_FORM, Subject


@dataclass(frozen=True, slots=True)
class Facts:
    """All that the checks look at.

    Args:
        caller: proven by the API server.
        subject: the LLMCredential that the caller named, in the caller's namespace.
        binding: what the envelope says it belongs to; not proven before it opens.
        now: epoch seconds.

    """

    caller: Caller
    subject: Subject
    binding: EnvelopeBinding
    now: float


Check = Callable[[Facts], Refusal | None]


def is_enabled(facts: Facts) -> Refusal | None:
    """Refuse while the credential is switched off, be it by its own spec, its provider or its namespace."""
    if facts.subject.enabled and facts.subject.synced != Condition.DISABLED:
        return None
    return Refusal(
        Reason.DISABLED,
        f"LLMCredential {facts.subject.key} is disabled. Set spec.enabled to true, or see which condition says why: "
        f"{_describe(facts)}",
    )


def is_delivered(facts: Facts) -> Refusal | None:
    """Refuse what was withdrawn."""
    if facts.subject.synced != Condition.WITHDRAWN:
        return None
    return Refusal(
        Reason.WITHDRAWN,
        f"LLMCredential {facts.subject.key} delivers nothing now: its key is withdrawn. See why: {_describe(facts)}",
    )


def is_for_the_unsealer(facts: Facts) -> Refusal | None:
    """Refuse an envelope whose credential now asks for a plain Secret or for recipients of its own.

    Whoever may only write the credential must not make the key come out in another way than it was sealed for.
    """
    if facts.subject.encryption == ENVELOPE_FORM and not facts.subject.end_to_end:
        return None
    return Refusal(
        Reason.OTHER_FORM,
        f"LLMCredential {facts.subject.key} asks for another form now (spec.target.encryption or recipients), so its "
        "envelopes are not opened. Read what the Secret holds, or set the target back.",
    )


def belongs_to_the_credential(facts: Facts) -> Refusal | None:
    """Refuse an envelope of another credential, or of one of the same name that was deleted."""
    if facts.binding.credential_uid == facts.subject.uid:
        return None
    return Refusal(
        Reason.OTHER_CREDENTIAL,
        f"The envelope was not made for LLMCredential {facts.subject.key}, or for one of that name that is gone. Mount "
        "the Secret that its status.secretName names.",
    )


def is_current(facts: Facts) -> Refusal | None:
    """Refuse an old delivery; the one before the last opens for a while, since mounts lag.

    A higher sequence than the status shows is ours too: the Secret is written before the status.
    """
    shown, counts = facts.binding.sequence, facts.subject.sequence
    if shown >= counts or (shown == counts - 1 and facts.now < facts.subject.previous_until):
        return None
    return Refusal(
        Reason.STALE_ENVELOPE,
        f"The envelope is older than what LLMCredential {facts.subject.key} delivers now. The kubelet renews the "
        "mounted file within two minutes; a subPath mount is renewed only by a new pod.",
    )


BEFORE_AUTHORISATION: Final[tuple[Check, ...]] = (
    is_enabled,
    is_delivered,
    is_for_the_unsealer,
    belongs_to_the_credential,
)
AFTER_AUTHORISATION: Final[tuple[Check, ...]] = (is_current,)


def first_refusal(checks: tuple[Check, ...], facts: Facts) -> Refusal | None:
    """What the first check that is not content says."""
    return next((refusal for check in checks if (refusal := check(facts))), None)


def is_named(facts: Facts) -> bool:
    """Whether the spec itself allows the account."""
    return facts.caller.account in facts.subject.service_accounts


def denied(facts: Facts) -> Refusal:
    """Neither the spec nor RBAC allows the account."""
    name, caller = facts.subject.key.name, facts.caller
    return Refusal(
        Reason.DENIED,
        f"Service account {caller.account} may not have LLMCredential {facts.subject.key} opened. Name it in "
        "spec.target.serviceAccounts, or allow it to create llmcredentials/unseal: llmkeys manifest rolebinding "
        f"{name} --namespace {caller.namespace} --service-account {caller.account} | kubectl apply -f -",
    )


def no_such_credential(caller: Caller, name: str) -> Refusal:
    """It is not in the caller's namespace, whatever there is in others."""
    return Refusal(
        Reason.NO_SUCH_CREDENTIAL,
        f"There is no LLMCredential {caller.namespace}/{name}. Check the name (LLMKEYS_CREDENTIAL); it must be in the "
        "pod's own namespace.",
    )


def _describe(facts: Facts) -> str:
    return f"kubectl describe llmcredential {facts.subject.key.name} --namespace {facts.subject.key.namespace}"
