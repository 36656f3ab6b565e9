"""When a credential is to be reconciled again by itself, read from its status: a restart forgets no appointment."""

from collections.abc import Iterator
from typing import Final

from llmkeys.api.credential import LLMCredential
from llmkeys.api.durations import epoch
from llmkeys.api.reasons import Reason
from llmkeys.delivery.choose import choose
from llmkeys.engine.keys import state_of, views_of_status

EXPIRY_NOTICE: Final = 7 * 24 * 3600.0
_NEVER_LOOKED_AT: Final = frozenset(
    {Reason.SOURCE_NOT_FOUND, Reason.SOURCE_NOT_ALLOWED, Reason.SOURCE_FIELD_MISSING, Reason.EXPIRED}
)


def next_time(credential: LLMCredential, now: float, *, looks: bool = True) -> float | None:
    """The earliest appointment (epoch seconds), in the past if it is overdue; None if only a change matters.

    Args:
        credential: its spec and status.
        now: epoch seconds.
        looks: keys may be looked at at all (not while the credential or its provider is switched off).

    """
    times = list(_deadlines(credential, now))
    if looks:
        times += _looks(credential, now)
    return min(times, default=None)


def _looks(credential: LLMCredential, now: float) -> Iterator[float]:
    """Only the key in use and those before it are looked at again."""
    views = views_of_status(credential, now)
    if not views:
        yield now
        return
    step = choose(views, key_required=True)
    for view in views[: step.index + 1]:
        if view.problem is None:
            yield view.state.due if view.state.verdict else now


def _deadlines(credential: LLMCredential, now: float) -> Iterator[float]:
    if credential.status.target.kept_until:
        yield epoch(credential.status.target.kept_until)
    expires_at = credential.spec.expires_at
    if not expires_at:
        return
    expires = epoch(expires_at)
    if now < expires:
        yield expires
        if credential.status.expiry_warning != expires_at:
            yield expires - EXPIRY_NOTICE
    elif any(state_of(one).verdict not in _NEVER_LOOKED_AT for one in credential.status.keys):
        yield expires


def warns_of_expiry(credential: LLMCredential, now: float) -> bool:
    """Whether it is time to warn, once, that the credential will expire within seven days."""
    expires_at = credential.spec.expires_at
    if not expires_at or credential.status.expiry_warning == expires_at:
        return False
    return epoch(expires_at) - EXPIRY_NOTICE <= now < epoch(expires_at)
