"""Finds the ring that has a key."""

import click

from llmkeys.crypto.ring import Ring
from llmkeys.kube.ring_secrets import RING_SECRETS, RingSecrets


async def ring_with(secrets: RingSecrets, key_id: str) -> Ring:
    """The ring with that key; ids are digests, and versions for MACs, so no two rings share one.

    Raises:
        click.ClickException: none has it.

    """
    for purpose in RING_SECRETS:
        stored = await secrets.read(purpose)
        if stored is not None and any(key.key_id == key_id for key in stored.ring.keys):
            return stored.ring
    raise click.ClickException(f"No ring has a key {key_id}. `llmkeys keys list` shows them.")
