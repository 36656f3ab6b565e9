"""Reads the keys that `llmkeys check` proves: from standard input, a file, variables, or a silent prompt."""

import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
import msgspec

from llmkeys.api.credential import KeyEntry
from llmkeys.api.errors import UserError
from llmkeys.catalogue.model import Provider
from llmkeys.crypto.secret import Secret
from llmkeys.probe.material import MAX_DOCUMENT, Candidate, Material, candidates_of
from llmkeys.sealing.values import text_of, values_in

_NAME: Final = "key"
_STANDARD_INPUT: Final = "-"


class NoKeyGivenError(UserError):
    """There is no key to be proven; the text says where one may stand."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the keys are.

    Args:
        file: path, `-` for standard input, None if not said.
        variables: the conventional ones are read.
        variable: another one, for types with one secret field; empty for none.

    """

    file: str | None
    variables: bool
    variable: str


def read_keys(sources: Sources, entry: Provider, host: str) -> list[Candidate]:
    """The keys, each with a name, and with a problem where it is none that could be sent.

    Args:
        sources: say where they are.
        entry: of the type.
        host: that they would be sent to.

    Raises:
        NoKeyGivenError: the type needs one, and there is none.
        ValueUnsuitableError: what is there is no text, or names another field.

    """
    if sum(map(bool, (sources.file, sources.variables, sources.variable))) > 1:
        raise click.UsageError("Give one of --from-file, --from-env and --variable.")
    values = _values(sources, entry)
    if not any(secret.reveal() for secret in values.values()):
        if entry.key_required:
            raise NoKeyGivenError(_where_from(sources, entry))
        return [Candidate("keyless", "", Material(()))]
    return list(_candidates(values, entry, host))


def _values(sources: Sources, entry: Provider) -> Mapping[str, Secret]:
    if sources.variables or sources.variable:
        return dict(_from_variables(sources.variable, entry))
    if sources.file is None and sys.stdin.isatty():
        return dict(_asked(entry)) if entry.key_required else {}
    return _in_text(_text(sources.file or _STANDARD_INPUT), entry)


def _from_variables(variable: str, entry: Provider) -> Iterator[tuple[str, Secret]]:
    if variable and len(entry.secret_fields) != 1:
        raise click.UsageError("--variable is for types with one secret field; use --from-env.")
    for field in entry.secret_fields if variable else entry.all_secret_fields:
        names = (variable,) if variable else field.env
        name = next((one for one in names if os.environ.get(one)), None)
        if name is not None:
            yield field.name, Secret(text_of(os.environb[name.encode()], f"Variable {name}"))


def _text(source: str) -> str:
    if source == _STANDARD_INPUT:
        return text_of(sys.stdin.buffer.read(MAX_DOCUMENT + 1), "Standard input")
    with Path(source).open("rb") as file:
        return text_of(file.read(MAX_DOCUMENT + 1), source)


def _in_text(text: str, entry: Provider) -> Mapping[str, Secret]:
    """The values by field: a bare key or document, or several as lines `NAME=value` or a JSON object."""
    by_name = {name: field.name for field in entry.all_secret_fields for name in (field.name, *field.env)}
    bare = _bare_field(text, entry, by_name)
    if bare is not None:
        return {bare: Secret(text)} if text else {}
    return {by_name[name]: secret for name, secret in values_in(text, list(by_name)).items()}


def _bare_field(text: str, entry: Provider, by_name: Mapping[str, str]) -> str | None:
    """The field that the whole text is the value of, None if it holds several or names them."""
    if text.startswith(tuple(f"{name}=" for name in by_name)):
        return None
    if text.startswith("{"):
        documents = [field.name for field in entry.all_secret_fields if field.type == "json"]
        return documents[0] if documents and not _names_fields(text, by_name) else None
    return entry.secret_fields[0].name if len(entry.secret_fields) == 1 else None


def _names_fields(text: str, by_name: Mapping[str, str]) -> bool:
    try:
        document = msgspec.json.decode(text.encode(), type=dict[str, msgspec.Raw])
    except msgspec.MsgspecError:
        return False
    return not document.keys().isdisjoint(by_name)


def _asked(entry: Provider) -> Iterator[tuple[str, Secret]]:
    for field in entry.secret_fields:
        if field.type == "json":
            raise click.UsageError(f"{field.name} is a document: give it with --from-file.")
        hint = " (not shown, empty for none)" if field.optional else " (not shown)"
        prompt = f"{entry.names.en} {field.name}{hint}"
        text = click.prompt(prompt, hide_input=True, err=True, default="", show_default=False)
        if text:
            yield field.name, Secret(text)


def _candidates(values: Mapping[str, Secret], entry: Provider, host: str) -> Iterator[Candidate]:
    lines = _lines(values, entry)
    for number, fields in enumerate(lines, start=1):
        name = _NAME if len(lines) == 1 else f"{_NAME}-{number}"
        data = {field: value.encode() for field, value in fields.items()}
        yield from candidates_of(KeyEntry(name), data, entry, host, source="the place that it came from")


def _lines(values: Mapping[str, Secret], entry: Provider) -> list[dict[str, str]]:
    """A set of fields for each line of a value that is a single key by its type, else one set."""
    revealed = {name: secret.reveal() for name, secret in values.items()}
    alone = entry.secret_field(next(iter(values))) if len(values) == 1 else None
    if alone is None or alone.list or alone.type == "json":
        return [revealed]
    return [{alone.name: line} for line in revealed[alone.name].splitlines() if line.strip()]


def _where_from(sources: Sources, entry: Provider) -> str:
    if sources.variable:
        return f"No key was given: variable {sources.variable} is not set, or empty."
    names = [name for field in entry.secret_fields for name in field.env]
    if sources.variables:
        known = f"none of these variables is set: {', '.join(names)}" if names else "the type has no such variables"
        return f"No key was given: {known}."
    return (
        "No key was given. Put it on standard input, into a file (--from-file), or into a variable (--from-env reads "
        f"{', '.join(names[:1]) or 'the conventional ones'}; --variable NAME reads any)."
    )
