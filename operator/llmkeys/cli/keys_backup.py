"""`llmkeys keys backup`: all keys in one encrypted file."""

from pathlib import Path

import click

from llmkeys.cli.keys_file import passphrase_from, public_key_from, write_private
from llmkeys.cli.keys_session import FILE, Place, at_place
from llmkeys.crypto.backup import backup
from llmkeys.kube.ring_backup import collect


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--passphrase-file", type=FILE, help="Its first line is the passphrase. Asked for if left out.")
@click.option("--recipient", metavar="KEY|FILE", help="Encrypt to this public key instead (llmkeys keys generate).")
@at_place
def command(file: Path, passphrase_file: Path | None, recipient: str | None, place: Place) -> None:
    """Write all keys into a new encrypted FILE, or to standard output for `-`.

    It holds the three rings, the unsealer's certificate authority and the receipts of bootstraps: what a cluster needs
    to open everything that was sealed for it. It opens with the passphrase, or the private key, alone.
    """
    if recipient is not None and passphrase_file is not None:
        raise click.UsageError("A backup takes either --passphrase-file or --recipient.")
    public = None if recipient is None else public_key_from(recipient)
    passphrase = passphrase_from(passphrase_file, confirm=True) if public is None else None
    items = place.run(lambda session: collect(session.secrets, session.now))
    content = backup(items, passphrase=passphrase, recipient=public)
    if str(file) == "-":
        click.echo(content, nl=False)
    else:
        write_private(file, content)
    click.echo(f"Backed up {len(items) - 1} objects of the namespace {place.namespace}.", err=True)
