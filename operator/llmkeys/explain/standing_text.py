"""How things stand in a cluster, in words for a person."""

from collections.abc import Iterator, Sequence

from llmkeys.api.names import PROVIDER_KIND, REQUESTED_AT_ANNOTATION
from llmkeys.explain.standing import Row, Story, ago

_REQUEST = f'{REQUESTED_AT_ANNOTATION}="$(date -Is)"'

Fact = tuple[str, str]
"""A word and what is said under it."""

HEADS = ("PROVIDER / CREDENTIAL", "TYPE", "READY", "REASON", "KEY", "SECRET", "LOOKED AT", "NEXT LOOK")


def cells_of(rows: Sequence[Row], now: float) -> list[tuple[str, ...]]:
    """A line for each row, in the order of `HEADS`; credentials stand below their provider.

    Args:
        rows: in that order.
        now: epoch seconds, for `12 min ago`.

    """
    cells: list[tuple[str, ...]] = []
    provider = ""
    for row in rows:
        if row.kind == PROVIDER_KIND:
            provider = row.name
            cells.append((row.name, row.provider, row.ready, row.reason or "-", "", "", "", ""))
            continue
        if row.provider != provider:
            provider = row.provider
            cells.append((provider, "?", "-", "not there, or not yours to see", "", "", "", ""))
        cells.append(_credential(row, now))
    return cells


def _credential(row: Row, now: float) -> tuple[str, ...]:
    return (
        f"  {row.namespace}/{row.name}",
        "",
        row.ready,
        row.reason or "-",
        row.key or "-",
        row.secret or "-",
        ago(row.last_look, now),
        ago(row.next_look, now),
    )


def facts_of(story: Story, now: float) -> Iterator[Fact]:
    """The whole story, a line for each thing that it says; whatever is empty is left out."""
    return (fact for fact in _facts(story, now) if fact[1])


def _facts(story: Story, now: float) -> Iterator[Fact]:
    row = story.row
    yield "credential", f"{row.namespace}/{row.name}"
    yield "ready", f"{row.ready}, {row.reason}" if row.reason else row.ready
    yield "what to do", story.next
    ask = f"kubectl annotate --overwrite llmcredential {row.name} -n {row.namespace} {_REQUEST}"
    yield "look again now", "" if row.is_ready else ask
    yield from _provider(story)
    yield "audience", story.audience
    yield from _keys(story, now)
    yield from _secret(story)
    yield from _usage(story, now)
    yield "expires", f"soon: warned since {story.expiry_warning}" if story.expiry_warning else ""
    label = "conditions"
    for one in story.conditions:
        since = f", {ago(one.last_transition_time, now)}" if one.last_transition_time else ""
        message = f": {one.message}" if one.message else ""
        yield label, f"{one.type} {one.status} ({one.reason}{since}){message}"
        label = ""


def _provider(story: Story) -> Iterator[Fact]:
    if story.provider is None:
        yield "provider", f"{story.row.provider} (not there, or not yours to see)"
        return
    one = story.provider
    yield "provider", f"{one.name}, type {one.provider}, ready {one.ready}"
    yield "", "" if one.is_ready else one.message


def _keys(story: Story, now: float) -> Iterator[Fact]:
    label = "keys"
    for one in story.keys:
        words = [f"{one.verdict or 'not looked at'}, believed {one.believed}"]
        words += [f"looked at {ago(one.last_look, now)}"] if one.last_look else []
        words += [f"next look {ago(one.next_look, now)}"] if one.next_look else []
        words += [f"{one.failures} in a row"] if one.failures else []
        words += ["delivered"] if one.delivered else []
        yield label, f"{one.name}: {', '.join(words)}"
        label = ""


def _secret(story: Story) -> Iterator[Fact]:
    target = story.target
    if not story.row.secret:
        return
    yield "Secret", f"{story.row.secret}, encryption {story.encryption or '-'}"
    yield "", f"variables {', '.join(story.variables)}" if story.variables else ""
    if target.sequence:
        overlap = f"; the one before opens until {target.previous_until}" if target.previous_until else ""
        yield "", f"content number {target.sequence}{overlap}"
    yield "", f"sealed with key {target.sealed_with}" if target.sealed_with else ""
    yield "", f"the replaced value is delivered until {target.kept_until}" if target.kept_until else ""
    yield "unsealer", story.unsealer


def _usage(story: Story, now: float) -> Iterator[Fact]:
    label = "opened by"
    for one in story.usage:
        yield label, f"{one.service_account}: {one.count} times, last {ago(one.last_time, now)}"
        label = ""
