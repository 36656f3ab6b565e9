"""`llmkeys keys restore`: brings the keys of a backup back."""

from pathlib import Path
from typing import BinaryIO

import click

from llmkeys.api.errors import LlmkeysError
from llmkeys.cli.keys_file import passphrase_from, private_key_from
from llmkeys.cli.keys_session import FILE, Place, at_place
from llmkeys.cli.output import print_json, print_table, with_output
from llmkeys.crypto.backup import restore_backup
from llmkeys.kube.ring_backup import restore


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option("--passphrase-file", type=FILE, help="Its first line is the passphrase. Asked for if left out.")
@click.option("--private-key", type=FILE, help="The recipient's private key, if the backup is for one.")
@click.option("--replace", is_flag=True, help="Change what is there and differs. Keys that only it has still open.")
@at_place
@with_output
def command(
    file: BinaryIO,
    passphrase_file: Path | None,
    private_key: Path | None,
    replace: bool,
    place: Place,
    output: str,
) -> None:
    """Bring the keys of a backup FILE back; nothing that is there is changed without --replace.

    With --keyring-kek the rings are written wrapped, whether they were or not when they were backed up.
    """
    if private_key is not None and passphrase_file is not None:
        raise click.UsageError("A backup opens with either --passphrase-file or --private-key.")
    private = None if private_key is None else private_key_from(private_key)
    passphrase = passphrase_from(passphrase_file) if private is None else None
    try:
        items = restore_backup(file.read(), passphrase=passphrase, private=private)
    except LlmkeysError as error:
        raise click.ClickException(str(error)) from None
    done = place.run(lambda session: restore(items, session.secrets, replace=replace))
    if output == "json":
        print_json(done)
    else:
        print_table(("OBJECT", "OUTCOME"), [(one.name, one.outcome) for one in done])
