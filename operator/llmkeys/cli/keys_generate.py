"""`llmkeys keys generate`: a key pair for a recipient, made offline."""

from pathlib import Path

import click

from llmkeys.cli.keys_file import write_private
from llmkeys.crypto.keypair import PrivateKey


@click.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def command(file: Path) -> None:
    """Make a key pair, offline: the private key into a new FILE that only you may read, the public one is printed.

    The public key goes into spec.target.recipients of an LLMCredential, or to `llmkeys keys backup --recipient`. What
    is sealed to it opens with FILE alone: whoever loses FILE cannot be helped.
    """
    private = PrivateKey.generate()
    write_private(file, private.reveal().encode() + b"\n")
    click.echo(private.public.text())
    click.echo(f"{file}: the private key of {private.public.key_id}. Keep it; there is no other.", err=True)
