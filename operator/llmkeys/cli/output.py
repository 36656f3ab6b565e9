"""How commands print: a table for people, JSON for programs."""

from collections.abc import Callable, Sequence

import click
import msgspec


def with_output(function: Callable[..., None]) -> Callable[..., None]:
    """Add `-o table|json`, handed on as `output`."""
    return click.option(
        "-o",
        "--output",
        type=click.Choice(["table", "json"]),
        default="table",
        show_default=True,
        help="What to print.",
    )(function)


def print_json(value: object) -> None:
    """Print any value that msgspec encodes."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns as wide as what is in them."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    for row in (heads, *rows):
        click.echo("   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
