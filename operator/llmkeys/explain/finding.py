"""What one look at one key from a person's own machine found."""

from dataclasses import dataclass

import msgspec

from llmkeys.api.messages import message_of
from llmkeys.api.reasons import Belief, Reason
from llmkeys.explain.advice import Circumstance, next_step
from llmkeys.probe.judge import KeyState
from llmkeys.probe.kind import Kind
from llmkeys.probe.material import Candidate
from llmkeys.probe.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Seen:
    """One look.

    Args:
        verdict: of the answer, or the reason why nothing was sent.
        kind: of credential, with where it was shown.
        asked: method and URL; empty if nothing was sent.
        models: that the answer lists, None if it lists none.
        answers_at: a base URL at which the API was found instead.
        detail: a sentence on why nothing could be sent.

    """

    verdict: Verdict
    kind: Kind
    asked: str = ""
    models: int | None = None
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
        detail: the catalogue's finer word.
        rule: that matched.
        models: in the list that the probe is, None if it is none.
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
    detail: str
    rule: str
    models: int | None
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
    verdict, entry, endpoint = seen.verdict, seen.kind.entry, seen.kind.endpoint
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
        **candidate.values,
    }
    if entry.console.url:
        words["console"] = entry.console.url
    at = Circumstance(verdict.retry_after or wait or 0.0, verdict.status, regions, seen.answers_at)
    return Finding(
        key=candidate.name,
        asked=seen.asked,
        verdict=verdict.reason,
        believed=state.belief,
        status=verdict.status,
        detail=verdict.detail,
        rule=verdict.rule,
        models=seen.models,
        retry_after_seconds=verdict.retry_after,
        next_look_seconds=wait,
        message=message_of(verdict.reason, words),
        next=next_step(verdict.reason, entry, endpoint, at),
    )
