"""Run the simulated providers by themselves: `python -m tests.support.simulator`."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click
import yaml

from tests.support.simulator.behaviour import Behaviour, from_wire
from tests.support.simulator.control import Control
from tests.support.simulator.dialects.known import DIALECTS
from tests.support.simulator.fleet import Fleet

_PR_SET_PDEATHSIG: Final = 1


@click.command()
@click.option("--types", default=",".join(DIALECTS), help="Comma-separated; a second server of a type is openai:b.")
@click.option("--latency-ms", default=0.0, help="How long each answer is held back.")
@click.option("--port-base", default=0, help="First port, the others follow; 0 takes free ones.")
@click.option("--ca-out", type=click.Path(path_type=Path, dir_okay=False), help="Write the CA's certificate there.")
@click.option("--keys", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="YAML: key to behaviour.")
@click.option("--control", type=int, default=None, help="Port of the control endpoint; 0 takes a free one.")
@click.option("--die-with-parent", type=int, default=0, hidden=True)
def main(
    types: str,
    latency_ms: float,
    port_base: int,
    ca_out: Path | None,
    keys: Path | None,
    control: int | None,
    die_with_parent: int,
) -> None:
    """Simulate LLM providers over HTTPS on 127.0.0.1 until interrupted.

    A behaviour is a name (good, revoked, no_money, hanging ...) or a mapping ({kind: throttled, retry_after: 60}).
    """
    if die_with_parent:
        _die_with_parent(die_with_parent)
    wanted = types.split(",")
    unknown = [name for name in wanted if name.partition(":")[0] not in DIALECTS]
    if unknown:
        raise click.ClickException(f"no such type: {', '.join(unknown)}; there are {', '.join(DIALECTS)}")
    fleet = Fleet(wanted, latency_ms, port_base)
    if keys is not None:
        fleet.set(_read_keys(keys), None)
    if ca_out is not None:
        ca_out.write_text(fleet.ca_pem, encoding="ascii")
    asyncio.run(_serve(fleet, control))


async def _serve(fleet: Fleet, control_port: int | None) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    await fleet.start()
    for name in fleet.names:
        click.echo(f"{name} {fleet.url(name)}")
    control = Control(fleet)
    if control_port is not None:
        click.echo(f"control http://127.0.0.1:{await control.start(control_port)}")
    await stopping.wait()
    await control.stop()
    await fleet.stop()


def _read_keys(path: Path) -> Mapping[str, Behaviour]:
    try:
        read = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        return {str(key): from_wire(form) for key, form in read.items()}
    except (ValueError, AttributeError, yaml.YAMLError):
        # Without the cause: its text may hold a line of the file, and the file holds keys.
        raise click.ClickException(f"{path} is not a YAML mapping of keys to behaviours") from None


def _die_with_parent(parent: int) -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit(0)  # It was gone before we asked.


if __name__ == "__main__":
    main()
