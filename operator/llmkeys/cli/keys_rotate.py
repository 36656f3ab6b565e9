"""`llmkeys keys rotate`: a new active key before its time."""

from typing import get_args

import click

from llmkeys.cli.keys_session import Place, Session, at_place
from llmkeys.cli.output import print_json, with_output
from llmkeys.crypto.ring import RingPurpose


@click.command()
@click.argument("purposes", nargs=-1, required=True, type=click.Choice(get_args(RingPurpose)))
@at_place
@with_output
def command(purposes: tuple[RingPurpose, ...], place: Place, output: str) -> None:
    """Give rings a new active key; the ones before still open.

    The controller publishes the new sealing key and seals envelopes again by itself. `mac` is for when its key may be
    known to somebody: fingerprints in status change with it.
    """
    made = place.run(lambda session: _rotate(session, purposes))
    if output == "json":
        print_json(made)
        return
    for purpose, key_id in made.items():
        click.echo(f"{purpose}: {key_id} is active.")


async def _rotate(session: Session, purposes: tuple[RingPurpose, ...]) -> dict[str, str]:
    made: dict[str, str] = {}
    for purpose in dict.fromkeys(purposes):
        stored = await session.secrets.change(purpose, lambda ring: ring.rotate(session.now))
        made[purpose] = stored.ring.active.key_id
    return made
