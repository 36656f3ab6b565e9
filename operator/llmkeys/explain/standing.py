"""How the providers and credentials of a cluster stand: rows for all of them, and the whole story of one."""

from collections.abc import Iterator, Sequence
from typing import Literal

import msgspec

from llmkeys.api.conditions import READY, STALLED
from llmkeys.api.credential import LLMCredential, TargetStatus, Usage
from llmkeys.api.durations import epoch
from llmkeys.api.names import CREDENTIAL_KIND, PROVIDER_KIND
from llmkeys.api.objects import Condition, condition_of
from llmkeys.api.provider import LLMProvider
from llmkeys.explain.span import span

Truth = Literal["True", "False", "Unknown"]

_TRUE = "True"
_UNKNOWN = "Unknown"


class Row(msgspec.Struct, frozen=True, rename="camel"):
    """One object.

    Args:
        kind: LLMProvider or LLMCredential.
        namespace: empty for providers.
        name: of it.
        provider: the type of a provider; the LLMProvider of a credential.
        ready: of the present spec; Unknown while that was not looked at.
        reason: of Ready.
        key: in use.
        secret: generated.
        last_look: RFC 3339, empty before any.
        next_look: at the key in use, RFC 3339; empty if it is not known.
        message: of Ready.

    """

    kind: str
    namespace: str
    name: str
    provider: str
    ready: str
    reason: str
    key: str = ""
    secret: str = ""
    last_look: str = ""
    next_look: str = ""
    message: str = ""

    @property
    def is_ready(self) -> bool:
        return self.ready == _TRUE


class KeyStory(msgspec.Struct, frozen=True, rename="camel"):
    """What is known of one key of a credential."""

    name: str
    verdict: str
    believed: str
    last_look: str
    next_look: str
    failures: int
    delivered: bool


class Story(msgspec.Struct, frozen=True, rename="camel"):
    """All that there is to be said about a credential.

    Args:
        row: the credential in a line.
        next: what to do, or what happens by itself.
        conditions: all seven.
        keys: in the order of the spec.
        provider: its LLMProvider in a line; None if it is not there, or may not be read.
        audience: what its keys are bound to.
        encryption: of the generated Secret.
        variables: that it holds.
        target: the generated Secret as it was last written.
        unsealer: where a pod has it opened; empty for a plain Secret.
        usage: who had it opened.
        expiry_warning: since when the end of `spec.expiresAt` is near; empty if it is not.

    """

    row: Row
    next: str
    conditions: tuple[Condition, ...]
    keys: tuple[KeyStory, ...]
    provider: Row | None
    audience: str
    encryption: str
    variables: tuple[str, ...]
    target: TargetStatus
    unsealer: str
    usage: tuple[Usage, ...]
    expiry_warning: str


def rows_of(providers: Sequence[LLMProvider], credentials: Sequence[LLMCredential]) -> list[Row]:
    """Every provider followed by its credentials; those of a provider that is not there, or cannot be read, at the end.

    Args:
        providers: of the cluster; none if they may not be read.
        credentials: that may be read.

    """
    by_provider: dict[str, list[LLMCredential]] = {}
    for one in sorted(credentials, key=lambda one: one.key):
        by_provider.setdefault(one.spec.provider_ref.name, []).append(one)
    rows: list[Row] = []
    for provider in sorted(providers, key=lambda one: one.metadata.name):
        rows.append(provider_row(provider))
        rows += map(credential_row, by_provider.pop(provider.metadata.name, ()))
    for name in sorted(by_provider):
        rows += map(credential_row, by_provider[name])
    return rows


def provider_row(provider: LLMProvider) -> Row:
    """An LLMProvider in a line."""
    status, meta = provider.status, provider.metadata
    ready, reason, message = _ready(status.conditions, meta.generation)
    return Row(PROVIDER_KIND, "", meta.name, provider.spec.type, ready, reason, message=message)


def credential_row(credential: LLMCredential) -> Row:
    """An LLMCredential in a line."""
    status, meta = credential.status, credential.metadata
    ready, reason, message = _ready(status.conditions, meta.generation)
    return Row(
        kind=CREDENTIAL_KIND,
        namespace=meta.namespace,
        name=meta.name,
        provider=credential.spec.provider_ref.name,
        ready=ready,
        reason=reason,
        key=status.active_key,
        secret=status.secret_name,
        last_look=status.last_probe_time,
        next_look=min((one.next_probe_time for one in status.keys if one.next_probe_time), default=""),
        message=message,
    )


def story_of(credential: LLMCredential, provider: LLMProvider | None) -> Story:
    """The whole story of a credential.

    Args:
        credential: of the cluster.
        provider: its LLMProvider, None if that is not there or may not be read.

    """
    status = credential.status
    row = credential_row(credential)
    delivered = status.target.key
    return Story(
        row=row,
        next=_next(row, status.conditions),
        conditions=status.conditions,
        keys=tuple(
            KeyStory(
                name=one.name,
                verdict=one.verdict,
                believed=one.belief,
                last_look=one.last_probe_time,
                next_look=one.next_probe_time,
                failures=one.failures,
                delivered=bool(delivered) and one.fingerprint == delivered,
            )
            for one in status.keys
        ),
        provider=provider_row(provider) if provider else None,
        audience=status.audience,
        encryption=status.encryption,
        variables=status.env,
        target=status.target,
        unsealer=status.unsealer.address if status.unsealer else "",
        usage=status.usage,
        expiry_warning=status.expiry_warning,
    )


def ago(time: str, now: float) -> str:
    """An RFC 3339 time as a person says it: `12 min ago`, `in 5.9 h`; a dash for none."""
    if not time:
        return "-"
    away = epoch(time) - now
    return f"in {span(away)}" if away > 0 else f"{span(round(-away))} ago"


def _ready(conditions: tuple[Condition, ...], generation: int) -> tuple[str, str, str]:
    """Status, reason and message of Ready; what was said of an older spec says nothing about this one."""
    ready = condition_of(conditions, READY)
    if ready is None:
        return _UNKNOWN, "", "The operator has not looked at it yet. Does it run, and serve this namespace?"
    if ready.observed_generation < generation:
        return _UNKNOWN, ready.reason, "Its spec was changed, and the operator has not looked at it since."
    return ready.status, ready.reason, ready.message


def _next(row: Row, conditions: tuple[Condition, ...]) -> str:
    if row.is_ready:
        return "Nothing to do."
    stalled = condition_of(conditions, STALLED)
    if stalled is not None and stalled.status == _TRUE:
        return row.message or stalled.message
    return f"{row.message} Nothing has to be done: it is looked at again by itself.".strip()


def changed(before: Sequence[Row], after: Sequence[Row]) -> Iterator[Row]:
    """The rows that were not so before."""
    known = {(one.kind, one.namespace, one.name): one for one in before}
    return (one for one in after if known.get((one.kind, one.namespace, one.name)) != one)
