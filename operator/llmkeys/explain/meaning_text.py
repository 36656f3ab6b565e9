"""A meaning in words for a person."""

from collections.abc import Iterator
from typing import Final

from llmkeys.api.reasons import Delivery, NextKey, Row, Truth, row_of
from llmkeys.catalogue.model import Provider
from llmkeys.explain.meaning import Looks, Meaning, RulePlace
from llmkeys.explain.span import span, spans
from llmkeys.explain.words import EVIDENCE

Fact = tuple[str, str]
"""A word and what is said under it."""

_KEY: Final = {
    "valid": "valid",
    "invalid": "invalid, once further looks have confirmed it",
    "unchanged": "unchanged: nothing is claimed about it",
}
_TRUTH: Final = {
    Truth.TRUE: "True",
    Truth.FALSE: "False",
    Truth.UNKNOWN: "Unknown",
    Truth.AS_BEFORE: "as it was",
    Truth.IF_DELIVERED: "True if it was delivered before, else False",
}
_DELIVERY: Final = {
    Delivery.DELIVER: "it is delivered",
    Delivery.STAYS: "what is delivered stays",
    Delivery.LAST_GOOD: "what is delivered stays unless onInvalid is Withdraw",
    Delivery.NONE: "nothing is delivered",
}
_NEXT: Final = {
    NextKey.NO: "",
    NextKey.YES: "; the next is tried",
    NextKey.IF_PROVEN: "; the next is tried if it can be proven",
}


def facts_of(meaning: Meaning, entry: Provider) -> Iterator[Fact]:
    """What a reply means, a line for each thing that it says."""
    answered = f"HTTP {meaning.status}" if meaning.status else "none"
    yield "reply", f"{answered}, {entry.names.en} ({entry.id})"
    yield "verdict", meaning.verdict + (f" ({meaning.detail})" if meaning.detail else "")
    yield "key", _KEY[meaning.key]
    yield "condition", _condition(meaning)
    yield from _rule(meaning.rule)
    if meaning.retry_after_seconds is not None:
        yield "asked to wait", span(meaning.retry_after_seconds)
    yield from _consequences(meaning)
    yield "message", meaning.message


def _condition(meaning: Meaning) -> str:
    row = row_of(meaning.verdict, proven=False)
    sets = row.invalid or row.limited or row.active is Truth.TRUE
    return f"{meaning.condition} is set True" if sets else "none is set True"


def _rule(rule: RulePlace | None) -> Iterator[Fact]:
    if rule is None:
        yield "rule", "none: no rule knows this reply"
        return
    yield "rule", rule.place
    if rule.evidence:
        yield "", EVIDENCE[rule.evidence].en + (f" ({rule.src})" if rule.src else "")
    if rule.note:
        yield "", rule.note


def _consequences(meaning: Meaning) -> Iterator[Fact]:
    new, good = (row_of(meaning.verdict, proven=proven) for proven in (False, True))
    if new == good and meaning.never_proven == meaning.proven:
        yield "then", _effect(new)
        yield "", f"looked at again {_when(meaning.proven)}"
        return
    for words, row, looks in (("a new key", new, meaning.never_proven), ("a proven key", good, meaning.proven)):
        yield words, _effect(row)
        yield "", f"looked at again {_when(looks)}"


def _effect(row: Row) -> str:
    return f"Active {_TRUTH[row.active]}, Ready {_TRUTH[row.ready]}; {_DELIVERY[row.delivery]}{_NEXT[row.next_key]}"


def _when(looks: Looks) -> str:
    later = f"after {spans(looks.least, looks.most)}"
    if not looks.confirmations:
        return later
    waits = ", ".join(span(one) for one in looks.confirmations)
    return f"after {waits} to confirm the refusal; once that is believed, {later}"
