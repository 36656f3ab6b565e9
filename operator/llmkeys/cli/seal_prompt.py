"""Reads the values to be sealed: from a file, from standard input, or from a prompt that shows nothing."""

import sys
from pathlib import Path
from typing import Final

import click

from llmkeys.catalogue.credential import SecretField
from llmkeys.catalogue.model import Provider
from llmkeys.cli.seal_arguments import Options
from llmkeys.crypto.secret import Secret
from llmkeys.probe.material import MAX_DOCUMENT
from llmkeys.sealing.errors import ValueUnsuitableError
from llmkeys.sealing.values import text_of, values_in

_STANDARD_INPUT: Final = "-"


def read_values(options: Options, entry: Provider | None) -> dict[str, Secret]:
    """The values by field.

    Args:
        options: say where they are, and which field is meant if it is only one.
        entry: of the type; None if it is not known.

    Raises:
        ValueUnsuitableError: they are no text, or not those of the fields.
        click.UsageError: the type has no such field, or there is no type to take the fields from.

    """
    fields = _fields(options, entry)
    if options.from_file is None and sys.stdin.isatty():
        return _asked(fields, entry)
    text = _text(options.from_file or _STANDARD_INPUT)
    if len(fields) == 1:
        return {fields[0].name: Secret(text)}
    values = values_in(text, [one.name for one in fields])
    missing = [one.name for one in fields if not one.optional and one.name not in values]
    if missing or not values:
        raise ValueUnsuitableError(f"Values are missing: {', '.join(missing) or 'all of them'}.")
    return values


def _fields(options: Options, entry: Provider | None) -> tuple[SecretField, ...]:
    if entry is None:
        if not options.field:
            raise click.UsageError("Say which field the key is for: --field apiKey")
        return (SecretField(name=options.field),)
    if not options.field:
        return entry.secret_fields
    found = entry.secret_field(options.field)
    if found is None:
        names = ", ".join(one.name for one in entry.secret_fields)
        raise click.UsageError(f"Type {entry.id} has no such secret field (it has: {names}).")
    return (found,)


def _text(source: str) -> str:
    if source == _STANDARD_INPUT:
        return text_of(sys.stdin.buffer.read(MAX_DOCUMENT + 1), "Standard input")
    with Path(source).open("rb") as file:
        return text_of(file.read(MAX_DOCUMENT + 1), source)


def _asked(fields: tuple[SecretField, ...], entry: Provider | None) -> dict[str, Secret]:
    values: dict[str, Secret] = {}
    for one in fields:
        if one.type == "json":
            raise click.UsageError(f"{one.name} is a document: give it with --from-file.")
        skippable = one.optional and len(fields) > 1
        title = f"{entry.names.en} {one.name}" if entry else one.name
        prompt = f"{title} (not shown{', empty for none' if skippable else ''})"
        text = click.prompt(prompt, hide_input=True, err=True, default="", show_default=False)
        if text or not skippable:
            values[one.name] = Secret(text_of(text.encode(errors="replace"), "The input"))
    return values
