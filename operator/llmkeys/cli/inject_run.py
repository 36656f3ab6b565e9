"""Reads manifests, has the lines of their pods written, and prints or keeps the result."""

import difflib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from llmkeys.cli.inject_credentials import Credentials
from llmkeys.cli.inject_options import Options
from llmkeys.cli.seal_files import NoTextError, read_text, write_atomically
from llmkeys.inject.additions import Additions, additions_of
from llmkeys.inject.errors import ManifestRefusedError
from llmkeys.inject.manifest import Injected, injected_text
from llmkeys.inject.offers import offers_for
from llmkeys.inject.workloads import Workload

_STANDARD_INPUT: Final = "-"
_NAMES: Final = ("*.yaml", "*.yml", "*.json")
_WOULD_CHANGE: Final = 3


@dataclass(frozen=True, slots=True)
class _Source:
    """A text and where it is from; None is standard input."""

    file: Path | None
    text: str

    @property
    def name(self) -> str:
        return str(self.file or "standard input")


def run(options: Options) -> int:
    """Do what was asked, and give the exit code.

    Raises:
        LlmkeysError: a file cannot be read, or the credentials not be had; the text says why.

    """
    credentials = Credentials(options.statuses)
    sources = list(_sources(options.sources))
    done: list[tuple[_Source, Injected]] = []
    for source in sources:
        try:
            done.append((source, _injected(source.text, options, credentials)))
        except ManifestRefusedError as error:
            click.echo(f"{source.name}:{error.line}: {error.problem}", err=True)
    credentials.warn()
    failed = len(done) < len(sources)
    if not failed and not any(one.labelled for _, one in done):
        click.echo('No pod here is labelled llmkeys.dev/inject: "true".', err=True)
    if options.in_place:
        _write(done)
    if options.diff:
        click.echo("".join(line for source, one in done for line in _difference(source, one)), nl=False)
    elif options.check or options.in_place:
        _tell(done, "would get" if options.check else "got")
    elif not failed:
        # Half of what was asked for is nothing to be piped to kubectl.
        click.echo(_together([one.text for _, one in done]), nl=False)
    if failed:
        return 1
    return _WOULD_CHANGE if options.check and any(one.changes for _, one in done) else 0


def _injected(text: str, options: Options, credentials: Credentials) -> Injected:
    # Most files of a folder are not meant, and some of those no YAML either: templates of Helm.
    if "llmkeys.dev" not in text or "inject" not in text:
        return Injected(text, 0, ())

    def additions_for(workload: Workload) -> Additions:
        request = workload.request
        namespace, known = credentials.of(workload.namespace or options.namespace)
        offers = offers_for(known, options.names(request), namespace, files=request.mount is not None)
        credentials.note(offers)
        return additions_of(offers, options.wishes(request))

    return injected_text(text, additions_for, options.given)


def _sources(names: tuple[str, ...]) -> Iterator[_Source]:
    for name in names:
        if name == _STANDARD_INPUT:
            yield _Source(None, _standard_input())
        elif Path(name).is_dir():
            found = {file for pattern in _NAMES for file in Path(name).rglob(pattern) if file.is_file()}
            yield from (_Source(file, read_text(file)) for file in sorted(found))
        else:
            yield _Source(Path(name), read_text(Path(name)))


def _standard_input() -> str:
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError:
        raise NoTextError("Standard input is no text in UTF-8.") from None


def _write(done: list[tuple[_Source, Injected]]) -> None:
    for source, one in done:
        if one.changes and source.file:
            write_atomically(source.file, one.text.encode())


def _tell(done: list[tuple[_Source, Injected]], verb: str) -> None:
    for source, one in done:
        for change in one.changes:
            click.echo(f"{source.name}:{change.line}: {change.workload} {verb}: {'; '.join(change.parts)}")


def _difference(source: _Source, one: Injected) -> Iterator[str]:
    before, after = (text.splitlines(keepends=True) for text in (source.text, one.text))
    for line in difflib.unified_diff(before, after, f"a/{source.name}", f"b/{source.name}"):
        yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _together(texts: list[str]) -> str:
    """Several files as the documents of one."""
    parts = [text if text.endswith("\n") or len(texts) == 1 else f"{text}\n" for text in texts]
    first, *rest = parts or [""]
    return first + "".join(part if part.startswith("---") else f"---\n{part}" for part in rest)
