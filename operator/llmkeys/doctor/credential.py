"""Whether a credential reaches pods, why not if not, and who may have it opened."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from llmkeys.api.conditions import READY, SECRET_SYNCED, STALLED
from llmkeys.api.credential import ENVELOPE_TARGET, LLMCredential
from llmkeys.api.names import CREDENTIAL_KIND
from llmkeys.api.objects import Condition, condition_of
from llmkeys.api.reasons import Reason
from llmkeys.doctor.finding import Finding, Hidden, State
from llmkeys.doctor.openers import EVERY, Openers, Roles, openers_of

_TRUE, _FALSE = "True", "False"
_REFUSED_AT_ADMISSION: Final = frozenset({Reason.WITHDRAWN, Reason.DISABLED})
_WITHHELD: Final[dict[str, str]] = {
    Reason.WITHDRAWN: "It is withdrawn",
    Reason.DISABLED: "It is disabled",
    Reason.AWAITING_KEY: "No key is proven",
}


class Delivery(msgspec.Struct, frozen=True, rename="camel"):
    """One credential.

    Args:
        name: of it.
        state: how it is.
        delivered: a pod that starts now gets it.
        message: why, or why not.
        help: the one command that helps or tells more.
        secret: that holds it.
        encryption: of that Secret; `recipients` where only the holder of a private key can open it.
        variables: that a labelled pod gets.
        files: the same.
        opened_by: service accounts, `*` for all; empty for a plain Secret.
        opened_by_complete: whether RBAC could be seen, too.

    """

    name: str
    state: State
    delivered: bool
    message: str
    help: str
    secret: str
    encryption: str
    variables: tuple[str, ...]
    files: tuple[str, ...]
    opened_by: tuple[str, ...]
    opened_by_complete: bool


def delivery_of(credential: LLMCredential, roles: Roles | Hidden, accounts: frozenset[str] | Hidden) -> Delivery:
    """How a credential stands for the pods of its namespace.

    Args:
        credential: of the cluster.
        roles: of its namespace.
        accounts: names of the service accounts that are there.

    """
    openers = openers_of(credential, roles) if credential.spec.target.sealed_by_ring else Openers(frozenset(), True)
    verdict = _verdict(credential, openers, accounts)
    status, target = credential.status, credential.spec.target
    return Delivery(
        name=credential.metadata.name,
        state=verdict.state,
        delivered=is_delivered(credential),
        message=verdict.message,
        help=verdict.help,
        secret=status.secret_name,
        encryption="recipients" if target.recipients else target.encryption,
        variables=status.env,
        files=tuple(one.name for one in status.files),
        opened_by=tuple(sorted(openers.accounts)),
        opened_by_complete=openers.complete,
    )


def is_delivered(credential: LLMCredential) -> bool:
    """Whether its Secret holds something."""
    synced = condition_of(credential.status.conditions, SECRET_SYNCED)
    return synced is not None and synced.status == _TRUE


def is_refused(credential: LLMCredential) -> bool:
    """Whether a pod that names it is refused when it is created: what to give is not known, or a person must act."""
    status = credential.status
    synced, stalled = condition_of(status.conditions, SECRET_SYNCED), condition_of(status.conditions, STALLED)
    if synced is None or not status.secret_name or not (status.env or status.files):
        return True
    if synced.status == _TRUE:
        return False
    if synced.reason == Reason.CONTESTED:  # it is written all the same, again and again
        return False
    return synced.reason in _REFUSED_AT_ADMISSION or (stalled is not None and stalled.status == _TRUE)


def collisions(credentials: Sequence[LLMCredential]) -> tuple[Finding, ...]:
    """Variables that several credentials of a namespace carry; without an annotation the first by name wins."""
    carriers: dict[str, list[str]] = {}
    for one in sorted(credentials, key=lambda one: one.metadata.name):
        for variable in one.status.env:
            carriers.setdefault(variable, []).append(one.metadata.name)
    return tuple(_collisions({name: tuple(found) for name, found in carriers.items() if len(found) > 1}))


def _collisions(carriers: Mapping[str, tuple[str, ...]]) -> Iterator[Finding]:
    groups: dict[tuple[str, ...], list[str]] = {}
    for variable, names in carriers.items():
        groups.setdefault(names, []).append(variable)
    for names, variables in groups.items():
        yield Finding(
            ", ".join(sorted(variables)),
            State.NOTE,
            f"Credentials {', '.join(names)} carry the same variable; {names[0]} wins where the pod template's "
            "annotation llmkeys.dev/credentials does not say otherwise: the one named first.",
        )


def _verdict(credential: LLMCredential, openers: Openers, accounts: frozenset[str] | Hidden) -> Finding:
    """What the first check that is not content says."""
    name, space = credential.metadata.name, credential.metadata.namespace
    about = f"{CREDENTIAL_KIND} {name}"
    more = f"llmkeys status {space}/{name}"
    status, target = credential.status, credential.spec.target
    synced, ready = condition_of(status.conditions, SECRET_SYNCED), condition_of(status.conditions, READY)
    if synced is None or ready is None:
        text = "The operator has not looked at it yet. Does it run, and serve this namespace?"
        return Finding(about, State.WRONG, text, more)
    if synced.status != _TRUE:
        return Finding(about, State.WRONG, f"{_not_delivered(credential, synced)} {_why(synced, ready)}".rstrip(), more)
    if target.recipients:
        text = "Only the holder of its recipient's private key can open it, so it is not injected."
        return Finding(about, State.NOTE, text, "llmkeys unseal --help")
    if status.encryption == ENVELOPE_TARGET:
        if status.unsealer is None or not status.unsealer.ca_bundle:
            text = "It is sealed, but its status names no unsealer, so pods cannot have it opened."
            return Finding(about, State.WRONG, text, "llmkeys doctor")
        if not openers.accounts and openers.complete:
            text = "It is sealed, and no service account may have it opened."
            return Finding(about, State.WRONG, text, grant(credential, "ACCOUNT"))
    if ready.status == _FALSE:
        return Finding(about, State.WRONG, f"It is delivered, but {ready.reason}: {ready.message}", more)
    if ready.status != _TRUE:
        return Finding(about, State.NOTE, f"It is delivered. {ready.reason}: {ready.message}", more)
    strangers = () if isinstance(accounts, Hidden) else sorted(set(target.service_accounts) - accounts)
    if strangers:
        text = f"It is delivered. spec.target.serviceAccounts names {', '.join(strangers)}, who are not there."
        return Finding(about, State.NOTE, text, f"kubectl get serviceaccounts -n {space}")
    return Finding(about, State.OK, "It is delivered.")


def grant(credential: LLMCredential, account: str) -> str:
    """The command that lets an account have it opened."""
    meta = credential.metadata
    return (
        f"llmkeys manifest rolebinding {meta.name} -n {meta.namespace} --service-account {account} | kubectl apply -f -"
    )


def _not_delivered(credential: LLMCredential, synced: Condition) -> str:
    what = _WITHHELD.get(synced.reason, "Its Secret is not as it should be")
    return f"{what}: pods that name it {'are refused' if is_refused(credential) else 'wait'}, others start without it."


def _why(synced: Condition, ready: Condition) -> str:
    one = ready if synced.reason in _WITHHELD else synced
    return f"{one.reason}: {one.message}" if one.message else ""


def opened_by(delivery: Delivery) -> str:
    """Who may have it opened, in words."""
    if delivery.encryption == "recipients":
        return "the recipients"
    if delivery.encryption != ENVELOPE_TARGET:
        return "whoever may read the Secret"
    names = "every account" if EVERY in delivery.opened_by else ", ".join(delivery.opened_by)
    return (names or "nobody") if delivery.opened_by_complete else f"{names or 'none named'}; RBAC unseen"
