"""`llmkeys keys retire`: throw a key away, unless something needs it."""

import sys

import click

from llmkeys.api.names import RENEWED_SECRET
from llmkeys.cli.keys_find import ring_with
from llmkeys.cli.keys_session import Place, Session, at_place
from llmkeys.kube.renewed_files import keys_in_use
from llmkeys.kube.ring_use import uses_in

_STILL_NEEDED = 3


@click.command()
@click.argument("key_id")
@at_place
def command(key_id: str, place: Place) -> None:
    """Throw a key away that nothing needs any more. What was sealed with it will never open again.

    Refused, with exit code 3, while an LLMCredential holds a value that is sealed to the key, or an envelope that is
    sealed with it, or a credential file that was renewed is kept under it. Manifests in Git that were never applied
    cannot be seen from here: llmkeys seal --check finds them.
    """
    needed_by = place.run(lambda session: _retire(session, key_id))
    if not needed_by:
        click.echo(f"{key_id} is retired.")
        return
    click.echo(f"{key_id} is still needed; nothing was changed. These would be lost:", err=True)
    for line in needed_by:
        click.echo(f"  {line}", err=True)
    sys.exit(_STILL_NEEDED)


async def _retire(session: Session, key_id: str) -> list[str]:
    ring = await ring_with(session.secrets, key_id)
    # Refuses the active key before anybody is told to seal again what would be sealed to it again.
    ring.retire(key_id)
    needed_by = [one for one in await uses_in(session.client) if one.needs(ring.purpose, key_id)]
    kept = ring.purpose == "sealing" and key_id in await keys_in_use(session.secrets.objects)
    if needed_by or kept:
        advice = {
            "sealing": "seal its values again: llmkeys seal --reseal",
            "envelope": "the controller seals its envelope again by itself",
        }
        renewed = [f"Secret {RENEWED_SECRET} (the controller seals it again by itself)"] if kept else []
        return [*(f"LLMCredential {one.key} ({advice[ring.purpose]})" for one in needed_by), *renewed]
    await session.secrets.change(ring.purpose, lambda current: current.retire(key_id))
    return []
