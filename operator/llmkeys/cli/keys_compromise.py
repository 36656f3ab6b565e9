"""`llmkeys keys compromise`: a key that somebody else may have."""

from dataclasses import dataclass
from typing import Final

import click

from llmkeys.api.names import UNSEALER_CA_SECRET
from llmkeys.cli.keys_find import ring_with
from llmkeys.cli.keys_session import Place, Session, at_place
from llmkeys.cli.output import print_json, with_output
from llmkeys.crypto.certificates import authorities_data, authorities_from
from llmkeys.kube.ring_use import concerned_by, pods_that_ask, uses_in

_REPLACE: Final = (
    "A new key of the operator does not help those who were read. Replace each API key at its provider, revoke the old "
    "one there, and seal the new one"
)
_ADVICE: Final = {
    "sealing": (
        "Whoever has this key can read every value that was ever sealed to it, also in old commits of Git and in "
        f"values that were sealed again since, which cannot be listed from here. {_REPLACE}"
    ),
    "envelope": (
        "Whoever has this key can read every envelope that was sealed with it, also in backups of etcd. "
        f"{_REPLACE}. The controller seals the envelopes again by itself"
    ),
    "mac": (
        "Whoever has this key can test guesses against the fingerprints in status. Keys made by providers cannot be "
        "guessed; replace those that people made up"
    ),
    "ca": (
        "Whoever has this key can pass for the unsealer, and be given the tokens of pods that trust it. The new one "
        "signs from now on. Pods keep the certificates of their start: re-create them"
    ),
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done and what is left to a person to do.

    Args:
        purpose: of the key.
        key: its id.
        active: the id of what takes its place.
        concerned: the credentials whose API keys, or the pods that, must be replaced.

    """

    purpose: str
    key: str
    active: str
    concerned: list[str]


@click.command()
@click.argument("key_id")
@at_place
@with_output
def command(key_id: str, place: Place, output: str) -> None:
    """Seal nothing more with a key that somebody else may have, and list what must be replaced.

    The key goes on opening, so that nothing stops; retire it when nothing needs it any more. KEY_ID may also be that
    of a certificate authority of the unsealer, which is trusted no more from then on.
    """
    outcome = place.run(lambda session: _compromise(session, key_id))
    if output == "json":
        print_json(outcome)
        return
    click.echo(f"{outcome.key} is compromised; {outcome.active} is active.\n\n{_ADVICE[outcome.purpose]}.")
    what = "pod" if outcome.purpose == "ca" else "LLMCredential"
    click.echo(f"\nConcerned: {len(outcome.concerned) or 'nothing that is in the cluster now'}")
    for one in outcome.concerned:
        click.echo(f"  {what} {one}")


async def _compromise(session: Session, key_id: str) -> Outcome:
    authority = await _compromise_authority(session, key_id)
    if authority is not None:
        return authority
    purpose = (await ring_with(session.secrets, key_id)).purpose
    uses = await uses_in(session.client)
    ring = (await session.secrets.change(purpose, lambda ring: ring.compromise(key_id, session.now))).ring
    concerned = concerned_by(purpose, ring, key_id, uses)
    return Outcome(purpose, key_id, ring.active.key_id, sorted(str(one.key) for one in concerned))


async def _compromise_authority(session: Session, key_id: str) -> Outcome | None:
    objects = session.secrets.objects
    found = await objects.read("secrets", UNSEALER_CA_SECRET)
    authorities = None if found is None else authorities_from(found.data)
    if found is None or authorities is None or key_id not in {one.id for one in authorities.known()}:
        return None
    pods = await pods_that_ask(session.client)
    without = authorities.without(key_id, session.now)
    await objects.replace(found, authorities_data(without))
    return Outcome("ca", key_id, without.current.certificate.id, sorted(map(str, pods)))
