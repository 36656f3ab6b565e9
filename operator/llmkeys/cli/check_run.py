"""`llmkeys check` itself: looks once, or again and again, and prints what was found."""

import asyncio
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from llmkeys.api.durations import rfc3339
from llmkeys.api.reasons import MATRIX, Reason, Truth, row_of
from llmkeys.catalogue.model import Provider
from llmkeys.cli.check_look import Looker
from llmkeys.cli.check_net import Clock, SystemClock
from llmkeys.cli.check_target import Target
from llmkeys.cli.output import print_data, print_facts, print_piece, print_table
from llmkeys.explain.finding import Finding
from llmkeys.explain.finding_text import HEADS, facts_of, row_in_words
from llmkeys.explain.span import span
from llmkeys.probe.material import Candidate

GOOD, BAD, UNDECIDED = 0, 3, 4
"""Exit codes."""


def check(target: Target, keys: list[Candidate], output: str) -> int:
    """Look once at each key, and print. Gives the exit code."""
    findings = asyncio.run(_once(target, keys))
    if output != "table":
        print_data(output, findings)
    elif len(findings) == 1:
        print_facts(facts_of(findings[0], target.entry))
    else:
        print_table(HEADS, [row_in_words(one) for one in findings])
    return exit_code(findings, target.entry)


def watch(target: Target, keys: list[Candidate], output: str) -> int:
    """Look whenever the operator would, and print each look, until interrupted. Gives the exit code."""
    latest: dict[str, Finding] = {}
    clock = SystemClock()

    def show(finding: Finding) -> None:
        latest[finding.key] = finding
        _print_look(finding, output, clock.now())

    try:
        asyncio.run(looks(target, keys, clock, show))
    except KeyboardInterrupt:
        click.echo("", err=True)
    return exit_code(list(latest.values()), target.entry)


async def looks(target: Target, keys: list[Candidate], clock: Clock, show: Callable[[Finding], None]) -> None:
    """Look at each key when it is due by the operator's schedule, never before; end when none ever is.

    Args:
        target: what is asked.
        keys: with names of their own.
        clock: decides when that is.
        show: told of each look.

    """
    async with Looker(target, clock) as looker:
        pending = list(keys)
        while pending:
            now = clock.now()
            appointments = {one.name: looker.due(one) or now for one in pending}
            await clock.sleep(max(0.0, min(appointments.values()) - now))
            due = [one for one in pending if appointments[one.name] <= clock.now()]
            for finding in await looker.look(due, _nothing):
                show(finding)
            pending = [one for one in pending if one not in due or looker.due(one) is not None]


def exit_code(findings: list[Finding], entry: Provider) -> int:
    """`GOOD` if every key is good, `BAD` if one cannot be used, else `UNDECIDED`."""
    codes = {_code(one.verdict, keyless=not entry.key_required) for one in findings}
    return next((code for code in (BAD, UNDECIDED) if code in codes), GOOD if codes else UNDECIDED)


def _code(reason: Reason, *, keyless: bool) -> int:
    if reason is Reason.VERIFIED or (reason is Reason.UNVERIFIED and keyless):
        return GOOD
    row = row_of(reason, proven=False)
    unusable = row.invalid or row.active is Truth.FALSE or row is MATRIX[Reason.MODEL_UNAVAILABLE]
    return BAD if unusable or reason is Reason.SOURCE_FIELD_MISSING else UNDECIDED


async def _once(target: Target, keys: list[Candidate]) -> list[Finding]:
    async with Looker(target, SystemClock()) as looker:
        with _progress(len(keys)) as done:
            return await looker.look(keys, done)


@contextmanager
def _progress(count: int) -> Iterator[Callable[[], None]]:
    """A bar on a terminal, if there is something to wait for."""
    if count == 1 or not sys.stderr.isatty():
        yield _nothing
        return
    with click.progressbar(length=count, label="Looking", file=sys.stderr) as bar:
        yield lambda: bar.update(1)


def _nothing() -> None:
    pass


def _print_look(finding: Finding, output: str, now: float) -> None:
    if output != "table":
        print_piece(output, finding)
        return
    wait = finding.next_look_seconds
    later = "not looked at again" if wait is None else f"again after {span(wait)}"
    click.echo(f"{rfc3339(now)}   {finding.key}   {finding.verdict}   {finding.believed}   {later}   {finding.next}")
