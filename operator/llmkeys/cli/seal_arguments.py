"""What was said on the command line of `llmkeys seal`, and the refusal of keys that stand there."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from llmkeys.telemetry.redaction import redact

_PUBLIC: Final = ("llmkeys-public-", "llmkeys1.")
_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LONGEST_SUBDOMAIN: Final = 253


class KeyOnCommandLineError(ValueError):
    """An argument looks like a key."""


@dataclass(frozen=True, slots=True)
class Options:
    """The command line, typed."""

    targets: tuple[str, ...]
    namespace: str
    manifest: Path | None
    field_only: bool
    entry: str
    field: str
    from_file: str | None
    public_key: Path | None
    fetch: bool
    accept: str
    cluster: str
    providers: tuple[Path, ...]
    provider_name: str
    provider_type: str
    region: str
    scope: str
    any_host: bool
    delivery: str
    recipients: tuple[str, ...]
    service_accounts: tuple[str, ...]
    operator_namespace: str
    keyring_kek: Path | None
    dry_run: bool
    output: str

    @property
    def files(self) -> tuple[Path, ...]:
        """The arguments as files.

        Raises:
            click.UsageError: there are none, or one is not there.

        """
        files = tuple(Path(target) for target in self.targets)
        if not files:
            raise click.UsageError("Name the files with manifests.")
        for file in files:
            if not file.is_file():
                raise click.UsageError(f"There is no file {str(file)!r}.")
        return files


def require_no_keys(arguments: Iterable[str]) -> None:
    """Refuse a command line that holds a key: it would stay in the shell's history and in the list of processes.

    Raises:
        KeyOnCommandLineError: an argument looks like one; the text does not repeat it.

    """
    for argument in arguments:
        text = argument.partition("=")[2] if argument.startswith("-") else argument
        if text.startswith(_PUBLIC) or Path(text[:255]).exists():
            continue
        # The word before it has the redactor look for keys that have no known beginning too.
        if any(f"key {part}" != redact(f"key {part}") for part in text.split("/")):
            raise KeyOnCommandLineError(
                "An argument looks like a key. Keys never stand on a command line: give it on standard input, with "
                "--from-file, or at the prompt. If it was one, replace it: shells keep what is typed."
            )


def require_name(text: str, what: str, *, label: bool = False) -> str:
    """A name as Kubernetes takes it (RFC 1123).

    Args:
        text: from the command line or a manifest.
        what: of whom, for the message.
        label: no dots, at most 63 characters.

    Raises:
        click.UsageError: it is none; the text does not repeat it.

    """
    if not text:
        raise click.UsageError(f"The {what} is missing.")
    if not (_LABEL if label else _SUBDOMAIN).fullmatch(text) or len(text) > _LONGEST_SUBDOMAIN:
        raise click.UsageError(f"The {what} is no name as Kubernetes takes it: lower-case letters, digits and '-'.")
    return text
