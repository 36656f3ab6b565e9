"""`python -m bench`: measure everything, print the table, save it."""

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import click

from bench.measures.admission import admission
from bench.measures.busy_latency import arrivals_latency, hanging_provider, restart_latency
from bench.measures.drift import drift_heal
from bench.measures.envelopes import envelopes
from bench.measures.first_reconciliation import first_reconciliation
from bench.measures.idle_latency import idle_latency
from bench.measures.leader import leader
from bench.measures.memory import idle_memory, memory
from bench.measures.restart import restart
from bench.measures.sealing import sealing
from bench.measures.steady_state import steady_state
from bench.measures.unseal_start import unseal_start
from bench.measures.unsealer import unsealer
from bench.report import machine, markdown, save
from bench.run import Run
from bench.stage import PROVIDER_MILLISECONDS, Stage, say, stage
from tests.support.cluster_source import ClusterUnavailableError

_ADMISSION = "admission"
_FIRST = "first_reconciliation"
_IDLE_MEMORY = "idle_memory"
_SEALING = "sealing"
_UNSEAL_START = "unseal_start"
_CREATES_THEM = frozenset({_FIRST})
_NEEDS_NONE = frozenset({_ADMISSION, _UNSEAL_START, _IDLE_MEMORY, _SEALING})

# In this order: each leaves the operator running with N settled credentials, for the next one; those that need none
# leave things as they are.
MEASURES: dict[str, Callable[[Run], Awaitable[None]]] = {
    _ADMISSION: admission,
    _UNSEAL_START: unseal_start,  # before there is an operator, to which its credentials would be unknown
    _IDLE_MEMORY: idle_memory,
    _FIRST: first_reconciliation,
    "steady_state": steady_state,
    "idle_latency": idle_latency,
    "drift": drift_heal,
    "arrivals_latency": arrivals_latency,
    "hanging_provider": hanging_provider,
    "restart": restart,
    "restart_latency": restart_latency,
    "memory": memory,
    "leader": leader,
    "envelopes": envelopes,
    _SEALING: sealing,
    "unsealer": unsealer,
}


@click.command()
@click.option("--n", default=1000, show_default=True, type=click.IntRange(50, 20_000), help="Credentials.")
@click.option("--out", default="out/bench", show_default=True, type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--only", multiple=True, type=click.Choice(list(MEASURES)), help="Measure this alone; may be given more than once."
)
def main(n: int, out: Path, only: tuple[str, ...]) -> None:
    """Measure the operator on a real API server, with simulated providers at 50 ms."""
    try:
        asyncio.run(_measure(n, out, only or tuple(MEASURES)))
    except ClusterUnavailableError as error:
        raise click.ClickException(str(error)) from None


async def _measure(n: int, out: Path, chosen: tuple[str, ...]) -> None:
    started = time.monotonic()
    failed: list[str] = []
    async with stage() as place:
        run = Run(place, place.population("n", n))
        about = machine() | {"kubernetes": place.plane.version(), "provider_ms": PROVIDER_MILLISECONDS}
        populated = False
        for name, measure in MEASURES.items():
            if name not in chosen:
                continue
            if name not in _NEEDS_NONE:
                if not populated and name not in _CREATES_THEM:
                    await _populate(place, run)
                populated = True
            say(f"{name} ({time.monotonic() - started:.0f} s so far)")
            try:
                await measure(run)
            except (TimeoutError, RuntimeError, ExceptionGroup) as error:
                # One number less is better than none.
                failed.append(name)
                say(f"{name} failed: {_told(error)}")
                break
            finally:
                save(run, out, about)
                place.keep_log(out)
    say(f"done in {time.monotonic() - started:.0f} s")
    click.echo(markdown({"n": n, **run.results, "about": about}))
    click.echo(f"Saved in {out}: bench.json, bench.md, bench.svg")
    if failed:
        sys.exit(1)


async def _populate(place: Stage, run: Run) -> None:
    say(f"creating {run.n} credentials")
    await place.create_sources(run.population)
    await place.start_operator()
    await place.settle(run.population)


def _told(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        return "; ".join(_told(one) for one in error.exceptions)
    return f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    main()
