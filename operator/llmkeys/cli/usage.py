"""`llmkeys usage`: who had which envelope opened, as the credentials' status tells."""

import asyncio
from collections.abc import Iterator

import click
import msgspec

from llmkeys.api.credential import LLMCredential
from llmkeys.api.errors import LlmkeysError
from llmkeys.cli.output import print_data, print_table, with_every_output
from llmkeys.kube.client import ApiClient
from llmkeys.kube.credentials import credentials_in


class Row(msgspec.Struct, rename="camel"):
    """One service account's use of one credential; an empty account stands for a credential that nobody used."""

    namespace: str
    credential: str
    service_account: str
    count: int
    last_time: str


@click.command()
@click.argument("credential", required=False)
@click.option("-n", "--namespace", help="Of the credentials (default: all namespaces).")
@click.option("--unused", is_flag=True, help="Show the credentials that nobody is known to have used, too.")
@with_every_output
def command(credential: str | None, namespace: str | None, output: str, *, unused: bool) -> None:
    """Show who had envelopes opened, how often, and when last.

    The counts are those of status.usage, which the controller writes with the next look at a key, at the latest after
    the validation interval; the unsealer's audit log has every single answer at once. Openings while no controller ran
    show in the time of the last one, not in the count.

    Exits with 0, or with 1 if the credentials cannot be read.
    """
    try:
        found = asyncio.run(_read(namespace))
    except LlmkeysError as error:
        raise click.ClickException(str(error)) from None
    rows = sorted(
        (row for one in found if credential in (None, one.metadata.name) for row in _rows(one, unused=unused)),
        key=lambda row: (row.namespace, row.credential, row.service_account),
    )
    if output != "table":
        print_data(output, rows)
        return
    print_table(
        ("NAMESPACE", "CREDENTIAL", "SERVICE ACCOUNT", "COUNT", "LAST"),
        [
            (row.namespace, row.credential, row.service_account or "-", str(row.count), row.last_time or "-")
            for row in rows
        ],
    )


async def _read(namespace: str | None) -> list[LLMCredential]:
    client = ApiClient()
    await client.open()
    try:
        return await credentials_in(client, [namespace] if namespace else [])
    finally:
        await client.close()


def _rows(one: LLMCredential, *, unused: bool) -> Iterator[Row]:
    meta = one.metadata
    for use in one.status.usage:
        yield Row(meta.namespace, meta.name, use.service_account, use.count, use.last_time)
    if unused and not one.status.usage:
        yield Row(meta.namespace, meta.name, "", 0, "")
