"""How commands print: a table for people, JSON and YAML for programs."""

import json
import shutil
import sys
from collections.abc import Callable, Iterable, Sequence

import click
import msgspec
import yaml

from llmkeys.cli.folding import folded, width_of

_NEVER_FOLDED = 1 << 20
_GAP = "   "
_LEAST = 20  # columns that are worth folding to
_INDENT = 4


def with_output(function: Callable[..., None]) -> Callable[..., None]:
    """Add `-o table|json`, handed on as `output`."""
    return _output("table", "json")(function)


def with_every_output(function: Callable[..., None]) -> Callable[..., None]:
    """Add `-o table|json|yaml`, handed on as `output`; `print_data` prints the latter two."""
    return _output("table", "json", "yaml")(function)


def _output(*formats: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    return click.option(
        "-o",
        "--output",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="What to print.",
    )


def print_json(value: object) -> None:
    """Print any value that msgspec encodes."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def print_data(output: str, value: object) -> None:
    """Print any value that msgspec encodes, as JSON or YAML.

    Args:
        output: `json` or `yaml`.
        value: to be printed.

    """
    if output == "json":
        print_json(value)
        return
    plain = json.loads(msgspec.json.encode(value))  # which takes what users wrote into an id
    click.echo(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=_NEVER_FOLDED), nl=False)


def print_line(value: object) -> None:
    """Print any value that msgspec encodes as one line of JSON, at once, for whoever reads while it is written."""
    click.echo(msgspec.json.encode(value).decode())


def print_piece(output: str, value: object) -> None:
    """Print one value of many at once: a line of JSON, or with `yaml` a document."""
    if output != "yaml":
        print_line(value)
        return
    click.echo("---")
    print_data(output, value)


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns as wide as what is in them; on a terminal that is too narrow, the last one is folded."""
    for line in table_lines(heads, rows, _room()):
        click.echo(line)


def table_lines(heads: Sequence[str], rows: Sequence[Sequence[str]], room: int | None = None) -> list[str]:
    """The lines of a table, the heads first; they are left out where there are none.

    Args:
        heads: of the columns.
        rows: cells.
        room: columns of the terminal, None for as many as are needed.

    """
    shown = [row for row in (heads, *rows) if row]
    if not shown:
        return []
    widths = [max(map(width_of, column)) for column in zip(*shown, strict=True)]
    last = len(widths) - 1
    before = sum(widths[:last]) + len(_GAP) * last
    if room is None or before + widths[last] <= room or before > room:
        return [_line(row, widths) for row in shown]
    # What does not fit beside the other columns stands below them.
    start = before if room - before >= _LEAST else _INDENT
    lines: list[str] = []
    for row in shown:
        more = folded(row[last], room - start)
        first = more.pop(0) if start == before else ""
        lines.append(_line((*row[:last], first), widths))
        lines += [" " * start + one for one in more]
    return lines


def print_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Print words and what is said under them, in two columns; an empty word goes on with the one before."""
    for line in table_lines((), list(facts), _room()):
        click.echo(line)


def _room() -> int | None:
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return _GAP.join(map(_padded, row, widths)).rstrip()


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - width_of(cell))
