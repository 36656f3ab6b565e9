"""What a reply means: the catalogue's rules applied to one reply. Pure, and never an exception.

Order: the provider's rules that name a content type, the default rules of phase `first`, the provider's other rules,
the rest of the default rules, and then whether a 2xx is the success that the probe expects. What matches nothing is
`Unrecognised` and changes nothing that was believed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from llmkeys.api.reasons import REFUSALS, Reason
from llmkeys.catalogue.calls import Success
from llmkeys.catalogue.model import Provider
from llmkeys.catalogue.rule import CompiledRule, Word, path_of, text_of, values_at
from llmkeys.probe.body import BROKEN, Body
from llmkeys.probe.reply import Failure, Reply
from llmkeys.probe.retry_after import http_date, wait_seconds
from llmkeys.probe.verdict import Match, Source, Verdict

Authenticated = bool | Literal["unknown"]

_REASONS: Final[dict[Word, Reason]] = {
    Word.UNVERIFIED: Reason.UNRECOGNISED,  # said of an error, it means: judge nothing
    Word.INVALID_KEY: Reason.REJECTED,
    Word.KEY_EXPIRED: Reason.EXPIRED,
    Word.ACCOUNT_BLOCKED: Reason.ACCOUNT_BLOCKED,
    Word.PERMISSION_DENIED: Reason.PERMISSION_DENIED,
    Word.REGION_DENIED: Reason.REGION_DENIED,
    Word.NOT_ACTIVATED: Reason.NOT_ACTIVATED,
    Word.QUOTA_EXHAUSTED: Reason.QUOTA_EXHAUSTED,
    Word.RATE_LIMITED: Reason.THROTTLED,
    Word.OVERLOADED: Reason.OVERLOADED,
    Word.MODEL_UNAVAILABLE: Reason.MODEL_UNAVAILABLE,
    Word.BAD_ENDPOINT: Reason.BAD_ENDPOINT,
    Word.PROVIDER_UNREACHABLE: Reason.PROVIDER_UNREACHABLE,
    Word.CONTENT_FILTERED: Reason.PROBE_REFUSED,
    Word.BAD_REQUEST: Reason.PROBE_REFUSED,
}
_WAITS: Final = frozenset({Reason.THROTTLED, Reason.OVERLOADED, Reason.QUOTA_EXHAUSTED})
_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "list": (list, type(None)),
    "object": (dict,),
    "string": (str,),
    "number": (int, float),
    "bool": (bool,),
}


@dataclass(frozen=True, slots=True)
class _Look:
    """One reply, and whom to ask about it."""

    reply: Reply
    body: Body
    provider: Provider
    now: float | None
    authenticated: Authenticated


def classify(
    reply: Reply, provider: Provider, *, now: float | None = None, authenticated: Authenticated | None = None
) -> Verdict:
    """The verdict of one reply.

    Args:
        reply: of the provider's probe.
        provider: whose rules are asked, and then the default ones.
        now: epoch seconds, what a point in time in the reply is measured from; unless the reply has a `Date` of its
            own, which is the better measure where clocks differ.
        authenticated: what a success proves, where the caller knows better than the catalogue (another base URL, a
            negative control).

    """
    if reply.failure is Failure.ADDRESS_BLOCKED:
        return Verdict(Reason.ADDRESS_BLOCKED)
    proves = provider.probe.authenticated if authenticated is None else authenticated
    look = _Look(reply, Body(reply), provider, now, proves)
    for source, rule in _ordered(provider):
        if not _matches(rule, look):
            continue
        match = Match(source, rule.place)
        if rule.word is Word.CLASSIFY_BY_CODE:
            return _by_code(rule, match, look)
        return _success(look, match) if rule.word is Word.ACTIVE else _verdict(rule, match, look)
    if reply.failure is None and _is_success(provider.probe.success, look):
        return _success(look, Match("provider"))
    return Verdict(Reason.UNRECOGNISED, reply.status)


def _ordered(provider: Provider) -> Iterator[tuple[Source, CompiledRule]]:
    ordered: tuple[tuple[Source, tuple[CompiledRule, ...]], ...] = (
        ("provider", provider.rules.before),
        ("default", provider.defaults.rules.before),
        ("provider", provider.rules.main),
        ("default", provider.defaults.rules.main),
    )
    for source, rules in ordered:
        for rule in rules:
            yield source, rule


def _label(match: Match, provider: Provider) -> str:
    owner = provider.id if match.source == "provider" else "default"
    return f"{owner}/success" if match.index is None else f"{owner}/errors[{match.index}]"


def _matches(rule: CompiledRule, look: _Look) -> bool:
    reply, body = look.reply, look.body
    if reply.failure is not None:
        return reply.failure.value in rule.transport
    if rule.transport or (rule.statuses is not None and reply.status not in rule.statuses):
        return False
    if rule.content_type and body.media_type != rule.content_type:
        return False
    if rule.content_type_not and not _is_not(rule.content_type_not, body, look.provider.probe.success):
        return False
    # A page is never a provider's word on a key, unless the provider's own rule knows that page.
    if _REASONS.get(rule.word) in REFUSALS and not rule.content_type and body.media_type == "text/html":
        return False
    return _holds(rule, reply, body)


def _holds(rule: CompiledRule, reply: Reply, body: Body) -> bool:
    if rule.header and not _contains(rule, reply.headers.get(rule.header, "")):
        return False
    if (rule.at is not None or rule.presences) and body.json is BROKEN:
        return False
    if rule.at is not None and not any(_compares(rule, value) for value in values_at(body.json, rule.at)):
        return False
    if rule.presences and not any(one.holds(body.json) for one in rule.presences):
        return False
    return not rule.body_contains or any(text in body.lowered for text in rule.body_contains)


def _compares(rule: CompiledRule, value: Any) -> bool:
    text = text_of(value)
    if text is None:
        return False
    if rule.among and text in rule.among:
        return True
    if rule.prefix and text.startswith(rule.prefix):
        return True
    return bool(rule.contains) and _contains(rule, text)


def _contains(rule: CompiledRule, text: str) -> bool:
    lowered = text.lower()
    return any(one in lowered for one in rule.contains)


def _is_not(media_type: str, body: Body, success: Success) -> bool:
    if success.json == "none":
        return False
    if media_type == "application/json":
        return not body.is_json
    return body.media_type != media_type


def _by_code(rule: CompiledRule, match: Match, look: _Look) -> Verdict:
    """An error in a 200: the status says nothing, so only rules that compare a code may speak."""
    for source, coded in _ordered(look.provider):
        if coded.by_code and _holds(coded, look.reply, look.body):
            return _verdict(coded, Match(source, coded.place), look)
    return _said(Reason.UNRECOGNISED, match, look, rule.reason)


def _verdict(rule: CompiledRule, match: Match, look: _Look) -> Verdict:
    reason = _REASONS[rule.word]
    return _said(reason, match, look, rule.reason, _wait(look) if reason in _WAITS else None)


def _said(reason: Reason, match: Match, look: _Look, detail: str = "", wait: float | None = None) -> Verdict:
    return Verdict(reason, look.reply.status, _label(match, look.provider), detail, wait, match)


def _wait(look: _Look) -> float | None:
    headers = look.reply.headers
    now = http_date(headers.get("date", ""))
    if now is None and look.now is not None:
        now = datetime.fromtimestamp(look.now, UTC)
    document = None if look.body.json is BROKEN else look.body.json
    return wait_seconds(headers, document, (look.provider.wait, look.provider.defaults.wait), now)


def _is_success(success: Success, look: _Look) -> bool:
    body = look.body
    if look.reply.status not in success.status:
        return False
    if success.json == "none":
        return True
    if not success.expect:
        return body.is_json and isinstance(body.json, dict | list)
    return body.is_json and any(
        isinstance(value, _TYPES[kind])
        for path, kind in success.expect.items()
        for value in values_at(body.json, path_of(path))
    )


def _success(look: _Look, match: Match) -> Verdict:
    return _said(Reason.VERIFIED if look.authenticated is True else Reason.UNVERIFIED, match, look)
