"""`llmkeys seal --reseal`: the values of manifests are sealed again to the active key, in place."""

from pathlib import Path

import click

from llmkeys.cli.seal_arguments import Options
from llmkeys.cli.seal_files import NoTextError, read_text, write_atomically
from llmkeys.crypto.ring_keys import SealingKeys
from llmkeys.sealing.errors import ManifestMalformedError, ResealRefusedError
from llmkeys.sealing.reseal import Resealed, resealed


def run(options: Options) -> bool:
    """Renew the files; one in which a value does not open stays as it is.

    Returns:
        whether any file was left so.

    Raises:
        LlmkeysError: the operator's keys cannot be had; the text says why.
        click.UsageError: no files are named.

    """
    files = options.files
    # Everything that talks to a cluster takes longer to import than all the rest takes to run.
    from llmkeys.cli.seal_cluster import sealing_keys  # noqa: PLC0415

    return renew(files, sealing_keys(options.operator_namespace, options.keyring_kek), dry_run=options.dry_run)


def renew(files: tuple[Path, ...], keys: SealingKeys, *, dry_run: bool) -> bool:
    """Renew files with these keys.

    Args:
        files: manifests.
        keys: of the operator.
        dry_run: print what would change, and write nothing.

    Returns:
        whether any file was left as it was because of an error.

    """
    renewed = [_renewed(file, keys, dry_run=dry_run) for file in files]
    return not all(renewed)


def _renewed(file: Path, keys: SealingKeys, *, dry_run: bool) -> bool:
    try:
        result = resealed(read_text(file), keys, keys.active)
    except (ManifestMalformedError, ResealRefusedError) as error:
        click.echo(f"{file}: {error} The file stays as it is.", err=True)
        return False
    except NoTextError as error:
        click.echo(str(error), err=True)
        return False
    if result.changes and not dry_run:
        write_atomically(file, result.text.encode())
    _tell(file, result, dry_run=dry_run)
    return True


def _tell(file: Path, result: Resealed, *, dry_run: bool) -> None:
    for change in result.changes:
        value = change.value
        click.echo(f"{file}:{value.span.line}: {change.credential} {value.entry}.{value.field}")
        if dry_run:
            click.echo("\n".join(change.difference()))
    count = len(result.changes)
    done = "would be sealed again" if dry_run else "sealed again"
    click.echo(f"{file}: {count or 'no'} value{'' if count == 1 else 's'} {done}.", err=True)
