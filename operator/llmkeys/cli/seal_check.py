"""`llmkeys seal --check`: whether the sealed values of manifests are good where they stand; for CI."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
import msgspec

from llmkeys.api.errors import LlmkeysError
from llmkeys.api.provider import LLMProvider
from llmkeys.catalogue.loader import load
from llmkeys.cli.seal_arguments import Options, require_name
from llmkeys.cli.seal_sources import manifests_of, sources_of
from llmkeys.sealing.check import Finding, findings_of
from llmkeys.sealing.destination import Destination, destination_of
from llmkeys.sealing.manifests import CredentialManifest, Manifests


def run(options: Options) -> bool:
    """Check the files, and print a line for each value.

    Returns:
        whether there is a problem.

    Raises:
        LlmkeysError: a file, the keys or the providers cannot be read; the text says why.
        click.UsageError: no files are named.

    """
    read = {file: manifests_of(file) for file in options.files}
    wanted = {credential.provider for one in read.values() for credential in one.credentials}
    beside = {provider.metadata.name: provider for one in read.values() for provider in one.providers}
    sources = sources_of(options, wanted - beside.keys(), pin=False)
    destinations = dict(_destinations(beside | sources.providers, wanted))
    namespace = require_name(options.namespace, "namespace", label=True) if options.namespace else ""
    findings = [
        (file, finding)
        for file, manifests in read.items()
        for credential in _placed(manifests, namespace)
        for finding in findings_of(credential, sources.keys, destinations)
    ]
    _print(findings, options.output)
    return any(finding.problem for _, finding in findings)


def _destinations(providers: dict[str, LLMProvider], wanted: set[str]) -> Iterator[tuple[str, Destination]]:
    used = {name: one for name, one in providers.items() if name in wanted}
    catalogue = load() if used else None
    for name, provider in used.items():
        if catalogue is None:
            continue
        try:
            yield name, destination_of(provider, catalogue)
        except LlmkeysError as error:
            click.echo(f"LLMProvider {name}: {error}", err=True)


def _placed(manifests: Manifests, namespace: str) -> Iterator[CredentialManifest]:
    for credential in manifests.credentials:
        yield credential if credential.namespace else replace(credential, namespace=namespace)


def _print(findings: list[tuple[Path, Finding]], output: str) -> None:
    if output == "json":
        shown = [{"file": str(file), **msgspec.to_builtins(finding)} for file, finding in findings]
        click.echo(msgspec.json.format(msgspec.json.encode(shown), indent=2))
        return
    for file, finding in findings:
        click.echo(f"{file}:{finding.line}: {_line(finding)}")
    if not findings:
        click.echo("There are no sealed values in these files.", err=True)


def _line(finding: Finding) -> str:
    verdict = f"{finding.problem}: {finding.detail}" if finding.problem else "ok"
    notes = f" ({'; '.join(finding.notes)})" if finding.notes else ""
    return f"{finding.credential} {finding.entry}.{finding.field}: {verdict}{notes}"
