"""`llmkeys keys generate`: a key pair for a recipient, or the operator's sealing ring, made offline."""

import time
from pathlib import Path
from shlex import quote
from typing import Final

import click

from llmkeys.api.errors import LlmkeysError
from llmkeys.api.names import DEFAULT_NAMESPACE
from llmkeys.cli.keys_file import write_private
from llmkeys.cli.keys_ring import public_line, ring_manifest
from llmkeys.crypto.keypair import PrivateKey
from llmkeys.crypto.ring import Ring
from llmkeys.crypto.wrapping import kek_from

_FILE: Final = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("file", type=_FILE)
@click.option("--ring", is_flag=True, help="Make the operator's sealing ring, before its first start.")
@click.option(
    "-n",
    "--namespace",
    default=DEFAULT_NAMESPACE,
    show_default=True,
    envvar="LLMKEYS_NAMESPACE",
    help="With --ring: the operator's own namespace.",
)
@click.option(
    "--keyring-kek",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    envvar="LLMKEYS_KEYRING_KEK",
    help="With --ring: file with the key-encryption key that wraps it: 32 bytes, raw or as hex or base64.",
)
def command(file: Path, namespace: str, keyring_kek: Path | None, *, ring: bool) -> None:
    """Make a key pair, offline: the private key into a new FILE that only you may read, the public one is printed.

    The public key goes into spec.target.recipients of an LLMCredential, or to `llmkeys keys backup --recipient`. What
    is sealed to it opens with FILE alone: whoever loses FILE cannot be helped.

    With --ring the key pair is the first of the operator's sealing ring, and FILE is the manifest of its Secret. Create
    it before the operator's first start, which takes it over; keys can be sealed to the public key at once.
    """
    if ring:
        _make_ring(file, namespace, keyring_kek)
        return
    private = PrivateKey.generate()
    write_private(file, private.reveal().encode() + b"\n")
    click.echo(private.public.text())
    click.echo(f"{file}: the private key of {private.public.key_id}. Keep it; there is no other.", err=True)


def _make_ring(file: Path, namespace: str, keyring_kek: Path | None) -> None:
    made = Ring.first("sealing", time.time())
    try:
        kek = None if keyring_kek is None else kek_from(keyring_kek.read_bytes())
        write_private(file, ring_manifest(made, namespace, kek))
    except LlmkeysError as error:
        raise click.ClickException(f"{keyring_kek}: {error}") from None
    except OSError as error:
        raise click.ClickException(f"{keyring_kek}: {error.strerror}") from None
    click.echo(public_line(made))
    # Not `apply`: it would repeat the ring in an annotation, and put it over one that is there.
    click.echo(
        f"{file}: the operator's sealing ring, with the key {made.active.key_id}. Before the operator's first start: "
        f"kubectl create -f {quote(str(file))}\nThen remove it or keep it as safe as the keys that are sealed to it.",
        err=True,
    )
