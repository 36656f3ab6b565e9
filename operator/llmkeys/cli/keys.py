"""`llmkeys keys`: the operator's own keys, with the rights of whoever runs it."""

from typing import Final

import click

from llmkeys.cli.lazy import LazyGroup

_COMMANDS: Final = {
    "list": "Show the keys, their states, and how many credentials need each.",
    "rotate": "Give a ring a new active key; the one before it still opens.",
    "retire": "Throw a key away that nothing needs any more.",
    "compromise": "Seal nothing more with a key that somebody else may have, and list what must be replaced.",
    "backup": "Write all keys into an encrypted file.",
    "restore": "Bring the keys of a backup back.",
    "generate": "Make a key pair for a recipient, offline.",
}


@click.group(cls=LazyGroup, listed=_COMMANDS, prefix="llmkeys.cli.keys_")
def command() -> None:
    """The operator's own keys: rings for sealing, envelopes and MACs, and the unsealer's certificate authority.

    Exit codes: 0 done, 1 failed or refused (the text says why), 2 wrong use, 3 the key is still needed.
    """
