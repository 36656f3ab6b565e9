"""A finding in words, for people: all of it under one another, or as a row among others."""

from collections.abc import Iterator
from typing import Final

from llmkeys.api.reasons import Reason, row_of
from llmkeys.catalogue.model import Provider
from llmkeys.explain.finding import Finding
from llmkeys.explain.span import span
from llmkeys.probe.balance import LEFT, Figure
from llmkeys.probe.models_offer import in_words

HEADS: Final = ("KEY", "VERDICT", "BELIEVED", "MODELS", "LEFT", "WHAT TO DO")

_UNCONFIRMED: Final = " (a refusal is believed once a further look confirms it: --watch)"
_GOOD: Final = frozenset({Reason.VERIFIED, Reason.MODEL_UNAVAILABLE})


def facts_of(finding: Finding, entry: Provider) -> Iterator[tuple[str, str]]:
    """Words, and what is said under them."""
    yield "provider", f"{entry.names.en} ({entry.id})"
    yield "asked", finding.asked or "nothing"
    answered = f" (HTTP {finding.status})" if finding.status else ""
    if finding.failure:
        answered = f" (no reply: {finding.failure.value.replace('_', ' ')})"
    detail = f", {finding.detail}" if finding.detail else ""
    yield "verdict", f"{finding.verdict}{detail}{answered}"
    yield "believed", _believed(finding)
    if finding.rule:
        yield "rule", finding.rule
    yield from _opened(finding, entry)
    if finding.retry_after_seconds is not None:
        yield "asked to wait", span(finding.retry_after_seconds)
    yield "message", finding.message
    yield "what to do", finding.next
    if finding.verdict in _GOOD and entry.probe.caveat:
        yield "but", entry.probe.caveat.en


def row_in_words(finding: Finding) -> tuple[str, ...]:
    """Cells in the order of `HEADS`."""
    models = "-" if finding.models is None else f"{finding.models}{'+' if finding.more_models else ''}"
    left = ", ".join(_figure(one) for one in finding.balance or () if one.kind == LEFT)
    return finding.key, finding.verdict, finding.believed, models, left or "-", finding.next


def _believed(finding: Finding) -> str:
    unconfirmed = row_of(finding.verdict, proven=False).invalid and finding.believed == "Unknown"
    return f"{finding.believed}{_UNCONFIRMED if unconfirmed else ''}"


def _opened(finding: Finding, entry: Provider) -> Iterator[tuple[str, str]]:
    if finding.models is not None:
        yield "models", _models(finding)
    if finding.defaults:
        yield "defaults", ", ".join(f"{kind}: {name}" for kind, name in finding.defaults.items())
    if finding.missing:
        yield "missing", in_words(finding.missing)
    if finding.balance:
        yield "balance", ", ".join(f"{_figure(one)} {one.kind}" for one in finding.balance)
    elif finding.balance_status:
        yield "balance", f"{entry.names.en} told none (HTTP {finding.balance_status})"


def _models(finding: Finding) -> str:
    more = " or more" if finding.more_models else ""
    types = ", ".join(f"{count} {kind}" for kind, count in finding.model_types.items())
    return f"{finding.models}{more}" + (f" ({types})" if len(finding.model_types) > 1 else "")


def _figure(figure: Figure) -> str:
    amount = f"{figure.amount:.6f}".rstrip("0").rstrip(".")
    unit = f" {figure.unit}" if figure.unit else ""
    window = f" of the {figure.window}" if figure.window else ""
    return f"{amount}{unit}{window}"
