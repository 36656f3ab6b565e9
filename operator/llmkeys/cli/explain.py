"""`llmkeys explain`: what a provider's reply means, by the same function that the operator asks."""

import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import click

from llmkeys.api.errors import LlmkeysError
from llmkeys.catalogue.loader import load
from llmkeys.catalogue.lookup import Catalogue
from llmkeys.cli.check_arguments import RefusingKeys
from llmkeys.cli.output import print_data, print_facts, print_piece, with_every_output
from llmkeys.cli.provider_type import type_named
from llmkeys.explain.meaning import meaning_of
from llmkeys.explain.meaning_text import facts_of
from llmkeys.explain.replies import Mistake, answer_to, reply_of
from llmkeys.probe.limit import LIST_LIMIT
from llmkeys.probe.reply import Failure

_FILE: Final = click.Path(exists=True, dir_okay=False, allow_dash=True)
_STATUSES: Final = click.IntRange(100, 999)


@click.command(cls=RefusingKeys)
@click.argument("kind", metavar="[TYPE]", required=False)
@click.option("--status", type=_STATUSES, help="The reply's HTTP status.")
@click.option("--header", "headers", multiple=True, metavar="NAME:VALUE", help="A header of the reply. Repeatable.")
@click.option("--body", type=_FILE, help="File with the reply's body; - is standard input.")
@click.option("--path", default="", help="Path of the request that was answered (default: that of the type's probe).")
@click.option(
    "--failure", type=click.Choice([one.value for one in Failure]), help="Instead of --status: no reply came."
)
@click.option(
    "--replies",
    type=_FILE,
    metavar="FILE.jsonl",
    help="Many replies, a JSON line each; TYPE is that of lines which name none.",
)
@with_every_output
def command(kind: str | None, replies: str | None, output: str, **given: Any) -> None:
    """Say what a reply of a provider of TYPE means: the verdict, the rule, what is believed of the key from then on.

    \b
    llmkeys explain openai --status 429 --header 'Retry-After: 20' --body reply.json
    llmkeys explain zhipu --status 401 --body - < reply.json
    llmkeys explain --replies replies.jsonl

    A line of --replies is {"id", "provider", "status", "headers", "body", "path"}; the body is a JSON value, or a text
    that is the body as it came. A line comes out for each: {"id", "verdict", "key", "condition", "rule",
    "retryAfterSeconds"}, or {"id", "error"}; with -o yaml, a document for each.

    The provider's own words are never printed. Exits with 0; with 1 if the type is not known, a file cannot be read, or
    a line of --replies has no answer; with 2 if the command line is wrong.
    """  # noqa: D301  click wants the backspace itself
    if replies is not None and any(given.values()):
        raise click.UsageError("--replies takes everything from its lines: leave the options of a single reply out.")
    if replies is None and kind is None:
        raise click.UsageError("Name a TYPE, or give --replies.")
    try:
        if replies is None:
            _one(kind or "", output, **given)
        elif not _many(replies, _usual_type(kind), load(), output):
            sys.exit(1)
    except LlmkeysError as error:
        raise click.ClickException(str(error)) from None


def _one(
    kind: str, output: str, *, status: int | None, headers: Iterable[str], body: str | None, path: str, failure: str
) -> None:
    if (status is None) == (failure is None):
        raise click.UsageError("Give --status, or --failure where no reply came.")
    entry = type_named(kind, load())
    reply = reply_of(
        status or 0, dict(map(_header, headers)), _body(body), entry, Failure(failure) if failure else None
    )
    meaning = meaning_of(reply, entry, now=time.time(), path=path)
    if output == "table":
        print_facts(facts_of(meaning, entry))
    else:
        print_data(output, meaning)


def _usual_type(kind: str | None) -> str:
    return "" if kind is None else type_named(kind, load()).id


def _many(file: str, kind: str, catalogue: Catalogue, output: str) -> bool:
    """Answer every line; whether each has an answer."""
    good = True
    with click.open_file(file, "rb") as lines:
        for line in lines:
            if not line.strip():
                continue
            answer = answer_to(line, catalogue, now=time.time(), provider=kind)
            good = good and not isinstance(answer, Mistake)
            print_piece(output, answer)
    return good


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise click.UsageError("Write --header 'NAME: VALUE'.")
    return name, value


def _body(file: str | None) -> bytes:
    if file is None:
        return b""
    if file == "-":
        return sys.stdin.buffer.read(LIST_LIMIT + 1)
    with Path(file).open("rb") as opened:
        return opened.read(LIST_LIMIT + 1)
