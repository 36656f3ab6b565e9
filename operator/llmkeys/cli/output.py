"""How commands print: a table for people, JSON and YAML for programs."""

import unicodedata
from collections.abc import Callable, Iterable, Sequence

import click
import msgspec
import yaml

_NEVER_FOLDED = 1 << 20


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
    plain = msgspec.json.decode(msgspec.json.encode(value))
    click.echo(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=_NEVER_FOLDED), nl=False)


def print_line(value: object) -> None:
    """Print any value that msgspec encodes as one line of JSON, at once, for whoever reads while it is written."""
    click.echo(msgspec.json.encode(value).decode())


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print columns as wide as what is in them."""
    for line in table_lines(heads, rows):
        click.echo(line)


def table_lines(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table, the heads first; they are left out where there are none."""
    shown = [row for row in (heads, *rows) if row]
    widths = [max(map(_width, column)) for column in zip(*shown, strict=True)]
    return ["   ".join(map(_padded, row, widths)).rstrip() for row in shown]


def print_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Print words and what is said under them, in two columns; an empty word goes on with the one before."""
    for line in table_lines((), list(facts)):
        click.echo(line)


def _padded(cell: str, width: int) -> str:
    return cell + " " * (width - _width(cell))


def _width(text: str) -> int:
    """Columns on a terminal: Chinese characters take two (https://www.unicode.org/reports/tr11/)."""
    return len(text) if text.isascii() else sum(1 + (unicodedata.east_asian_width(one) in "WF") for one in text)
