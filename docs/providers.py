"""The page of all provider types, from the catalogue."""

from collections.abc import Iterator
from typing import Final

from llmkeys.catalogue.loader import load
from llmkeys.catalogue.model import Provider
from llmkeys.explain.page import page_of
from llmkeys.explain.page_text import Fact, PageText
from llmkeys.explain.words import EVIDENCE, PROVES, PROVES_SHORT

_HEAD: Final = """\
# Provider types

What can stand in `spec.type` of an LLMProvider; any of a type's other names does as well. For each type: where requests
go, what it wants, how to get a key, which request proves a key, what its success proves, and how sure we are of that.
`llmkeys providers NAME` says the same in a terminal. This page is written by `make docs` from
`operator/llmkeys/catalogue/`; [adding a provider](adding-a-provider.md) says how to add one.

"""


def providers() -> str:
    """The page: what the columns mean, the types in one table, and each type."""
    entries = sorted(load().providers.values(), key=lambda entry: entry.id)
    lines = [*_meaning(), "", *_table(entries)]
    for entry in entries:
        lines += ["", *_section(entry)]
    return _HEAD + "".join(f"{line}\n" for line in lines)


def _meaning() -> Iterator[str]:
    yield "The probe checks keys:"
    yield ""
    for proves, text in PROVES.items():
        yield f"- **{PROVES_SHORT[proves].en}**: {text.en}."
    yield ""
    yield "How sure we are of it:"
    yield ""
    for letter, text in EVIDENCE.items():
        yield f"- **{letter}**: {text.en}."


def _table(entries: list[Provider]) -> Iterator[str]:
    yield "| type | name | kind | variable | the probe checks keys | how sure | state |"
    yield "|---|---|---|---|---|---|---|"
    for entry in entries:
        variable = next((f"`{name}`" for field in entry.secret_fields for name in field.env), "")
        state = entry.lifecycle.state if entry.lifecycle else ""
        checks = PROVES_SHORT[entry.probe.authenticated].en
        cells = (f"[{entry.id}](#{entry.id})", _names(entry), entry.kind, variable, checks, entry.probe.ev, state)
        yield f"| {' | '.join(cells)} |"


def _names(entry: Provider) -> str:
    names = dict.fromkeys(name for name in (entry.names.en, entry.names.zh) if name)
    return ", ".join(names)


def _section(entry: Provider) -> Iterator[str]:
    yield f"## {entry.id}"
    yield ""
    (name, _), *facts = PageText(page_of(entry), "en").facts()
    yield name
    yield ""
    for label, text in facts:
        if (label, text) != ("type", entry.id):
            yield _item((label, text))


def _item(fact: Fact) -> str:
    label, text = fact
    safe = text.replace("<", "&lt;")
    return f"- {label}: {safe}" if label else f"  - {safe}"
