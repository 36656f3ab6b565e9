"""Commands that look at their arguments before click does, whose messages would repeat a key that stands among them."""

import os
from collections.abc import Iterable, Iterator
from typing import Any

import click

from llmkeys.cli.seal_arguments import KeyOnCommandLineError, require_no_keys
from llmkeys.cli.streams import give_output_up, make_usable
from llmkeys.telemetry.redaction import redact


class RefusingKeys(click.Command):
    """Refuses an argument that looks like a key; of an option's value, which may be any text, one that surely is.

    Whatever the locale is, arguments are read as UTF-8, and what a terminal cannot show is written as an escape.
    """

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        args = [_as_utf8(one) for one in args]
        make_usable()
        try:
            _refuse_keys(args, set(self._with_values()))
        except KeyOnCommandLineError as error:
            raise click.UsageError(str(error), ctx) from None
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # the reader went away, which click knows
            raise
        except OSError as error:
            if error.filename is None:
                give_output_up()
            what = error.filename or "The output cannot be written"
            raise click.ClickException(f"{what}: {error.strerror or type(error).__name__}") from None

    def _with_values(self) -> Iterator[str]:
        for param in self.params:
            if isinstance(param, click.Option) and not param.is_flag:
                yield from param.opts


def _as_utf8(argument: str) -> str:
    try:
        return os.fsencode(argument).decode()
    except UnicodeError:
        return argument


def _refuse_keys(arguments: Iterable[str], with_values: set[str]) -> None:
    option = ""
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if option:
            _refuse_certain(argument)
        elif equals and name in with_values:
            _refuse_certain(value)
        else:
            require_no_keys([argument])
        option = argument if not option and argument in with_values else ""


def _refuse_certain(value: str) -> None:
    """Ids of organisations, accounts in a path, and what a reply's headers hold look random too, and are no keys."""
    if redact(value) != value:
        raise KeyOnCommandLineError(
            "An option's value looks as if a key stood in it. Keys never stand on a command line: shells keep what is "
            "typed. If it was one, replace it."
        )
