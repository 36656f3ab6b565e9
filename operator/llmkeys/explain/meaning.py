"""What a reply means for a key: the operator's verdict, the rule behind it, and what follows from both."""

from typing import Final, Literal

import msgspec

from llmkeys.api.conditions import ACTIVE, INVALID_KEY, RATE_LIMITED
from llmkeys.api.messages import message_of
from llmkeys.api.reasons import REFUSALS, Belief, Reason, Row, row_of
from llmkeys.catalogue.model import Provider
from llmkeys.catalogue.rule import Evidence
from llmkeys.explain.request import PROBE, Asked, asked_at
from llmkeys.probe.classify import classify
from llmkeys.probe.reply import Reply
from llmkeys.probe.schedule import CONFIRM_PROVEN, CONFIRM_UNPROVEN, next_look
from llmkeys.probe.verdict import Match, Verdict

KeyWord = Literal["valid", "invalid", "unchanged"]

USUAL_INTERVAL: Final = 6 * 3600.0
"""Seconds between two looks at a good key, where neither manifest says otherwise."""

_KEY_WORDS: Final[dict[Belief | None, KeyWord]] = {Belief.VALID: "valid", Belief.INVALID: "invalid"}
_LATEST: Final = 1 - 1e-9  # the upper end of the jitter, which it never reaches


class RulePlace(msgspec.Struct, frozen=True, omit_defaults=True):
    """The rule that matched.

    Args:
        source: `provider` for the provider's own file, `default` for the rules of all providers.
        index: its place in `errors`, from 0; None where the probe's own `success` matched.
        place: the same in words, with the file.
        evidence: letter of how sure we are; empty where the rule follows from HTTP, or is a default one.
        src: where the evidence was seen.
        note: of the rule.

    """

    source: str
    index: int | None
    place: str
    evidence: Evidence | Literal["unverified", ""] = ""
    src: str = ""
    note: str = ""


class Looks(msgspec.Struct, frozen=True, rename="camel"):
    """When the operator looks again.

    Args:
        confirmations: seconds before each further look that a refusal takes to be believed; none for other verdicts.
        least: seconds until the look after those, at the soonest.
        most: and at the latest.

    """

    confirmations: tuple[float, ...]
    least: float
    most: float


class Meaning(msgspec.Struct, frozen=True, rename="camel"):
    """What one reply means.

    Args:
        provider: id of the type.
        status: HTTP status, 0 without a reply.
        verdict: a reason of the matrix.
        key: what is believed of the key from then on.
        condition: the type that is set True, `Active` where none is.
        rule: that matched; None: no rule knows the reply.
        detail: the catalogue's finer word, empty if there is none.
        retry_after_seconds: that the reply asks for, None if it does not say.
        never_proven: when a key is looked at again that was never good.
        proven: the same for a key that was.
        message: as it would stand in the conditions.

    """

    provider: str
    status: int
    verdict: Reason
    key: KeyWord
    condition: str
    rule: RulePlace | None
    detail: str
    retry_after_seconds: float | None
    never_proven: Looks
    proven: Looks
    message: str


def meaning_of(reply: Reply, entry: Provider, *, now: float, path: str = "") -> Meaning:
    """What a reply means, by the very function that the operator asks.

    Args:
        reply: that came.
        entry: whose rules are asked.
        now: epoch seconds, what a point in time in the reply is measured from.
        path: of the request that was answered; empty for the probe.

    """
    asked, verdict = _verdict(reply, entry, now, path)
    row = row_of(verdict.reason, proven=False)
    return Meaning(
        provider=entry.id,
        status=verdict.status,
        verdict=verdict.reason,
        key=_KEY_WORDS.get(row.belief, "unchanged"),
        condition=_condition(row),
        rule=_place(verdict.match, entry, asked),
        detail=verdict.detail,
        retry_after_seconds=verdict.retry_after,
        never_proven=_looks(verdict, CONFIRM_UNPROVEN),
        proven=_looks(verdict, CONFIRM_PROVEN),
        message=message_of(verdict.reason, _words(entry, verdict)),
    )


def _verdict(reply: Reply, entry: Provider, now: float, path: str) -> tuple[Asked, Verdict]:
    """The verdict if the reply answers the likeliest request; if nothing knows it there, the next one."""
    possible = asked_at(entry, path)
    verdicts = [(asked, classify(reply, asked.as_probe(entry), now=now)) for asked in possible]
    return next((one for one in verdicts if one[1].match is not None), verdicts[0])


def _condition(row: Row) -> str:
    if row.invalid:
        return INVALID_KEY
    return RATE_LIMITED if row.limited else ACTIVE


def _place(match: Match | None, entry: Provider, asked: Asked) -> RulePlace | None:
    if match is None:
        return None
    if match.source == "default":
        return RulePlace("default", match.index, f"default_rules.yaml: errors[{match.index}]")
    if match.index is not None:
        rule = entry.errors[match.index]
        place = f"{entry.id}.yaml: errors[{match.index}]"
        return RulePlace("provider", match.index, place, rule.ev or "", rule.src, rule.note)
    probe = entry.probe
    place = f"{entry.id}.yaml: {asked.place}"
    return (
        RulePlace("provider", None, place, probe.ev, probe.src)
        if asked.place == PROBE
        else RulePlace("provider", None, place)
    )


def _looks(verdict: Verdict, confirmations: tuple[float, ...]) -> Looks:
    soonest, latest = (
        next_look(verdict.reason, 1, USUAL_INTERVAL, verdict.retry_after, jitter) for jitter in (0.0, _LATEST)
    )
    return Looks(confirmations if verdict.reason in REFUSALS else (), round(soonest, 3), round(latest, 3))


def _words(entry: Provider, verdict: Verdict) -> dict[str, str]:
    words = {
        "title": entry.names.en,
        "provider": entry.id,
        "key": "primary",
        "host": "The provider's host",
        "probe_url": "The URL that was asked",
        "status": str(verdict.status),
    }
    return words | ({"console": entry.console.url} if entry.console.url else {})
