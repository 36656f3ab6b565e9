"""What one look at one key from a person's own machine found."""

from dataclasses import dataclass

import msgspec

from llmkeys.api.messages import message_of
from llmkeys.api.reasons import Belief, Reason
from llmkeys.explain.advice import Circumstance, next_step
from llmkeys.explain.opened import NOTHING_OPENED, Opened
from llmkeys.probe.balance import Figure
from llmkeys.probe.judge import KeyState
from llmkeys.probe.kind import Kind
from llmkeys.probe.material import Candidate
from llmkeys.probe.models_offer import in_words
from llmkeys.probe.reply import Failure
from llmkeys.probe.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Seen:
    """One look.

    Args:
        verdict: of the answer, or the reason why nothing was sent.
        kind: of credential, with where it was shown.
        asked: method and URL; empty if nothing was sent.
        failure: why there was no reply, None if there was one.
        opened: what else was found out about the key.
        answers_at: a base URL at which the API was found instead.
        detail: a sentence on why nothing could be sent.

    """

    verdict: Verdict
    kind: Kind
    asked: str = ""
    failure: Failure | None = None
    opened: Opened = NOTHING_OPENED
    answers_at: str = ""
    detail: str = ""


class Finding(msgspec.Struct, frozen=True, rename="camel"):
    """One look in words and figures.

    Args:
        key: its name here; the first of several is `key-1`.
        asked: method and URL; empty if nothing was sent.
        verdict: a reason of the matrix.
        believed: of the key after this look: `Valid`, `Invalid`, or `Unknown`.
        status: HTTP status, 0 without a reply.
        failure: why there was no reply, None if there was one, or nothing was sent.
        detail: the catalogue's finer word.
        rule: that matched.
        models: that the key opens, None if no list was read.
        model_types: type to how many of them.
        more_models: the list was cut off, or others work that it does not show.
        defaults: type to model: the one asked for, else the catalogue's choice among those that are there.
        missing: models that were asked for, and are not there.
        balance: of the account, None if the provider told none.
        balance_status: HTTP status of the reply that should have told it; 0 if nobody was asked, or nobody answered.
        retry_after_seconds: that the provider asks for, None if it did not say.
        next_look_seconds: until the operator would look again, None if it never would by itself.
        message: as it would stand in the conditions.
        next: what to do.

    """

    key: str
    asked: str
    verdict: Reason
    believed: Belief
    status: int
    failure: Failure | None
    detail: str
    rule: str
    models: int | None
    model_types: dict[str, int]
    more_models: bool
    defaults: dict[str, str]
    missing: tuple[str, ...]
    balance: tuple[Figure, ...] | None
    balance_status: int
    retry_after_seconds: float | None
    next_look_seconds: float | None
    message: str
    next: str


def finding_of(candidate: Candidate, seen: Seen, state: KeyState, regions: tuple[str, ...] = ()) -> Finding:
    """What a look found.

    Args:
        candidate: the key.
        seen: the look.
        state: what is believed after it.
        regions: others that the key may belong to.

    """
    verdict, entry, endpoint, opened = seen.verdict, seen.kind.entry, seen.kind.endpoint, seen.opened
    # Belief and appointment are those of the key itself: a model that is missing says nothing against it.
    reason = Reason.MODEL_UNAVAILABLE if opened.missing else verdict.reason
    wait = round(state.due - state.last, 3) if state.due else None
    words = {
        "title": entry.names.en,
        "provider": entry.id,
        "key": candidate.name,
        "host": str(endpoint.origin),
        "probe_url": endpoint.probe,
        "status": str(verdict.status),
        "source": "the place that it came from",
        "costs": "" if endpoint.may_probe else "yes",
        "detail": seen.detail,
        "missing": in_words(opened.missing),
        **candidate.values,
    }
    if entry.console.url:
        words["console"] = entry.console.url
    at = Circumstance(
        wait=verdict.retry_after or wait or 0.0,
        status=verdict.status,
        failure=seen.failure,
        regions=regions,
        answers_at=seen.answers_at,
        missing=opened.missing,
        nothing_left=opened.nothing_left,
    )
    return Finding(
        key=candidate.name,
        asked=seen.asked,
        verdict=reason,
        believed=state.belief,
        status=verdict.status,
        failure=seen.failure,
        detail=verdict.detail,
        rule=verdict.rule,
        models=opened.models,
        model_types=dict(opened.types),
        more_models=opened.more,
        defaults=dict(opened.defaults),
        missing=opened.missing,
        balance=opened.balance,
        balance_status=opened.balance_status,
        retry_after_seconds=verdict.retry_after,
        next_look_seconds=wait,
        message=message_of(reason, words),
        next=next_step(reason, entry, endpoint, at),
    )
