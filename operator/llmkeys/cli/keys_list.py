"""`llmkeys keys list`: the keys, their states, and what needs them."""

from collections.abc import Iterator

import click
import msgspec

from llmkeys.api.durations import rfc3339
from llmkeys.api.names import UNSEALER_CA_SECRET
from llmkeys.cli.keys_session import Place, Session, at_place
from llmkeys.cli.output import print_data, print_table, with_every_output
from llmkeys.crypto.certificates import Authorities, Certificate, authorities_from
from llmkeys.crypto.ring import Ring
from llmkeys.engine.effects import ForbiddenError, NotThereError
from llmkeys.kube.ring_secrets import RING_SECRETS, RingAbsentError
from llmkeys.kube.ring_use import CredentialUse, uses_in


class Row(msgspec.Struct, rename="camel"):
    """One key.

    Args:
        purpose: `sealing`, `envelope`, `mac`, or `ca` for the unsealer's authority.
        key: its id.
        state: of the ring's key; of an authority `active`, `announced` or `previous`.
        created: RFC 3339; empty if that is not known.
        needed_by: the credentials that need it; None if they could not be read.

    """

    purpose: str
    key: str
    state: str
    created: str
    needed_by: list[str] | None


@click.command()
@at_place
@with_every_output
def command(place: Place, output: str) -> None:
    """Show the keys, their states, and how many credentials need each."""
    rows = place.run(_rows)
    if output != "table":
        print_data(output, rows)
        return
    print_table(
        ("PURPOSE", "KEY", "STATE", "CREATED", "NEEDED BY"),
        [(row.purpose, row.key, row.state, row.created or "-", _count(row)) for row in rows],
    )


def _count(row: Row) -> str:
    if row.purpose not in {"sealing", "envelope"}:
        return "-"
    return "?" if row.needed_by is None else str(len(row.needed_by))


async def _rows(session: Session) -> list[Row]:
    uses = await _uses(session)
    rows: list[Row] = []
    for purpose in RING_SECRETS:
        stored = await session.secrets.read(purpose)
        if stored is None:
            raise RingAbsentError(session.secrets.label(purpose))
        rows += _ring_rows(stored.ring, uses)
    found = await session.secrets.objects.read("secrets", UNSEALER_CA_SECRET)
    if found is not None:
        rows += _authority_rows(authorities_from(found.data))
    return rows


async def _uses(session: Session) -> list[CredentialUse] | None:
    try:
        return await uses_in(session.client)
    except (ForbiddenError, NotThereError):
        click.echo("The LLMCredentials cannot be read: who needs which key is not shown.", err=True)
        return None


def _ring_rows(ring: Ring, uses: list[CredentialUse] | None) -> Iterator[Row]:
    for key in reversed(ring.keys):
        needed_by = None if uses is None else [str(one.key) for one in uses if one.needs(ring.purpose, key.key_id)]
        yield Row(ring.purpose, key.key_id, key.state, rfc3339(key.created) if key.created else "", needed_by)


def _authority_rows(authorities: Authorities) -> Iterator[Row]:
    yield _authority_row(authorities.current.certificate, "active")
    if authorities.following is not None:
        yield _authority_row(authorities.following.certificate, "announced")
    for one in authorities.previous:
        yield _authority_row(one, "previous")


def _authority_row(certificate: Certificate, state: str) -> Row:
    return Row("ca", certificate.id, state, rfc3339(certificate.not_before), None)
