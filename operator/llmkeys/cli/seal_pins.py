"""The public keys that this person's machine has seen and believes, one file for each cluster."""

import os
import re
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import click

from llmkeys.api.errors import UserError
from llmkeys.cli.seal_files import write_atomically
from llmkeys.sealing.public_keys import Pin, PublicKeys, require_known

_ODD: Final = re.compile(r"[^A-Za-z0-9.-]+")


class NoPinError(UserError):
    """There is no pinned key, or none of those can be meant; the text says what to do."""


def pin_name(cluster: str, server: str) -> str:
    """What a cluster's pin is called: the name that a person gave, else the API server's host and port."""
    return _ODD.sub("_", cluster or urlsplit(server).netloc).strip(".") or "cluster"


def read_pin(name: str) -> Pin | None:
    """The pin of that name, None if there is none.

    Raises:
        PublicKeysMalformedError: somebody changed the file.

    """
    file = _folder() / f"{name}.json"
    return Pin.parse(file.read_text(encoding="utf-8")) if file.is_file() else None


def write_pin(name: str, pin: Pin) -> None:
    """Keep a pin."""
    folder = _folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_atomically(folder / f"{name}.json", pin.text().encode())


def settle(cluster: str, server: str, shown: PublicKeys, accept: str | None) -> None:
    """Believe the keys that are seen first, and no others from then on; say which were pinned.

    Args:
        cluster: the name that a person gave it; empty means that of its server.
        server: that showed them.
        shown: its keys.
        accept: id of a key that a person takes for the right one.

    Raises:
        PublicKeyChangedError: another key is active than the one that was pinned.

    """
    name = pin_name(cluster, server)
    before = read_pin(name)
    require_known(before.keys if before else None, shown, accept)
    if before is None or before.keys != shown:
        write_pin(name, Pin(server, shown))
    if before is None or before.keys.active != shown.active:
        click.echo(f"Public key {shown.active.key_id} of {server} is pinned as {name}.", err=True)


def pin_for(cluster: str) -> tuple[str, Pin]:
    """The pin to seal with offline, with its name.

    Args:
        cluster: as a person gave it; empty means the only one.

    Raises:
        NoPinError: there is none, or more than one.
        PublicKeysMalformedError: somebody changed the file.

    """
    names = sorted(file.stem for file in _folder().glob("*.json"))
    wanted = [name for name in names if not cluster or name == pin_name(cluster, "")]
    if not wanted:
        known = f" Pinned are: {', '.join(names)}." if names else ""
        raise NoPinError(f"No public key is known: name its file (--public-key), or fetch it (--fetch).{known}")
    if len(wanted) > 1:
        raise NoPinError(f"More than one public key is pinned. Say which: --cluster {'|'.join(names)}")
    pin = read_pin(wanted[0])
    if pin is None:
        raise NoPinError(f"The pinned key {wanted[0]} is gone. Fetch it again: --fetch")
    return wanted[0], pin


def _folder() -> Path:
    base = os.environ.get("XDG_CONFIG_HOME") or ""
    # The base directory specification has relative paths ignored.
    root = Path(base) if Path(base).is_absolute() else Path.home() / ".config"
    return root / "llmkeys" / "public-keys"
