"""Files with keys and passphrases on a person's machine; needs nothing of Kubernetes."""

import contextlib
import os
from pathlib import Path

import click

from llmkeys.crypto.errors import PrivateKeyMalformedError, PublicKeyMalformedError
from llmkeys.crypto.keypair import PrivateKey, PublicKey


def write_private(file: Path, content: bytes) -> None:
    """Write a new file that only its owner may read, from its first byte on; what is there is never overwritten.

    Raises:
        click.ClickException: it is there, or cannot be written; nothing is left behind then.

    """
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror}") from None
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(content)
            opened.flush()
            os.fsync(opened.fileno())
    except OSError as error:
        with contextlib.suppress(OSError):
            file.unlink()
        raise click.ClickException(f"{file}: {error.strerror}") from None


def passphrase_from(file: Path | None, *, confirm: bool = False) -> str:
    """The passphrase in a file's first line, else what a person types without echo.

    Raises:
        click.ClickException: it is empty.

    """
    if file is None:
        typed: str = click.prompt("Passphrase", hide_input=True, confirmation_prompt=confirm, err=True)
        return typed
    lines = file.read_text(encoding="utf-8").splitlines()
    if not lines or not lines[0]:
        raise click.ClickException(f"{file}: the first line must be the passphrase, and it is empty.")
    return lines[0]


def public_key_from(text: str) -> PublicKey:
    """The public key that is written there, or in the file of that name.

    Raises:
        click.ClickException: it is none.

    """
    try:
        return PublicKey.parse(text if ":" in text else Path(text).read_text(encoding="utf-8"))
    except (PublicKeyMalformedError, OSError, UnicodeDecodeError) as error:
        raise click.ClickException(str(error)) from None


def private_key_from(file: Path) -> PrivateKey:
    """The private key in a file that `llmkeys keys generate` wrote.

    Raises:
        click.ClickException: it is none.

    """
    try:
        return PrivateKey.parse(file.read_text(encoding="utf-8"))
    except (PrivateKeyMalformedError, OSError, UnicodeDecodeError) as error:
        text = str(error) if isinstance(error, PrivateKeyMalformedError) else "it cannot be read."
        raise click.ClickException(f"{file}: {text}") from None
