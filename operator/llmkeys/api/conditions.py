"""From the deciding reason to the seven conditions of a credential. The only place that knows all seven.

Ready, Reconciling and Stalled follow kstatus
(https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md): Reconciling only while Ready is
Unknown, Stalled only when Ready is False and a person must act.
"""

from dataclasses import dataclass
from typing import Final

from llmkeys.api.objects import Condition, condition_of
from llmkeys.api.reasons import Reason, Row, Truth

ACTIVE: Final = "Active"
INVALID_KEY: Final = "InvalidKey"
RATE_LIMITED: Final = "RateLimited"
SECRET_SYNCED: Final = "SecretSynced"  # noqa: S105  a condition's name
READY: Final = "Ready"
RECONCILING: Final = "Reconciling"
STALLED: Final = "Stalled"
MODELS_PUBLISHED: Final = "ModelsPublished"  # of an LLMProvider, if it asks for that

TYPES: Final = (READY, ACTIVE, INVALID_KEY, RATE_LIMITED, SECRET_SYNCED, RECONCILING, STALLED)

_TRUE, _FALSE, _UNKNOWN = "True", "False", "Unknown"
_OVERRULES_READY: Final = frozenset({Reason.TARGET_CONFLICT, Reason.CONTESTED})


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a reconciliation came to.

    Args:
        reason: the deciding reason, and `row` its line of the matrix.
        message: its sentence.
        synced: the reason of SecretSynced, with `synced_message`.
        as_before: whether the conditions that stood are about the same key at the same endpoint.
        delivered: whether the key was delivered before.
        kept: a replaced value is delivered on (KeepLastGood) while its replacement is looked at.

    """

    reason: Reason
    row: Row
    message: str
    synced: Reason
    synced_message: str
    as_before: bool = False
    delivered: bool = False
    kept: bool = False
    kept_message: str = ""


def conditions_of(
    judgement: Judgement, before: tuple[Condition, ...], generation: int, now: str
) -> tuple[Condition, ...]:
    """All seven conditions, in a stable order.

    Args:
        judgement: what was decided.
        before: the conditions that stood.
        generation: of the spec that was judged.
        now: RFC 3339; stamped where a status flips.

    """
    statuses = _statuses(judgement, before)
    return tuple(_condition(kind, statuses[kind], judgement, before, generation, now) for kind in TYPES)


def _statuses(judgement: Judgement, before: tuple[Condition, ...]) -> dict[str, str]:
    row = judgement.row
    active = _resolve(row.active, ACTIVE, judgement, before)
    ready = _resolve(row.ready, READY, judgement, before)
    if judgement.kept:
        active = _TRUE
        ready = _FALSE if row.invalid else _UNKNOWN
    if ready == _TRUE and judgement.synced is not Reason.SYNCED:
        ready = _FALSE if judgement.synced in _OVERRULES_READY else _UNKNOWN
    stalled = ready == _FALSE and (
        row.terminal or judgement.synced in _OVERRULES_READY or (row.ready is Truth.AS_BEFORE and _was(STALLED, before))
    )
    return {
        ACTIVE: active,
        INVALID_KEY: _TRUE if row.invalid else _FALSE,
        RATE_LIMITED: _TRUE if row.limited else _FALSE,
        SECRET_SYNCED: _TRUE if judgement.synced is Reason.SYNCED else _FALSE,
        READY: ready,
        RECONCILING: _TRUE if ready == _UNKNOWN else _FALSE,
        STALLED: _TRUE if stalled else _FALSE,
    }


def _resolve(truth: Truth, kind: str, judgement: Judgement, before: tuple[Condition, ...]) -> str:
    if truth is Truth.IF_DELIVERED:
        return _TRUE if judgement.delivered else _FALSE
    if truth is Truth.AS_BEFORE:
        stood = condition_of(before, kind) if judgement.as_before else None
        if stood is None or stood.reason == Reason.KEPT_LAST_GOOD:  # said of the value that was replaced
            return _UNKNOWN
        return stood.status
    return truth.value


def _was(kind: str, before: tuple[Condition, ...]) -> bool:
    stood = condition_of(before, kind)
    return stood is not None and stood.status == _TRUE


def _condition(
    kind: str, status: str, judgement: Judgement, before: tuple[Condition, ...], generation: int, now: str
) -> Condition:
    stood = condition_of(before, kind)
    reason, message = _words(kind, status, judgement, stood)
    since = stood.last_transition_time if stood and stood.status == status else now
    return Condition(kind, status, reason, message, since, generation)


def _words(kind: str, status: str, judgement: Judgement, stood: Condition | None) -> tuple[str, str]:
    if kind == SECRET_SYNCED:
        return judgement.synced.value, judgement.synced_message
    if kind == ACTIVE and judgement.kept:
        return Reason.KEPT_LAST_GOOD.value, judgement.kept_message
    if kind in (READY, STALLED) and judgement.synced in _OVERRULES_READY:
        return judgement.synced.value, judgement.synced_message
    if kind == ACTIVE and status == _TRUE and not judgement.row.delivers and stood and stood.status == _TRUE:
        return stood.reason, stood.message  # still good for the reason that it was good before
    message = judgement.message if kind in (ACTIVE, READY) or status == _TRUE else ""
    return judgement.reason.value, message
