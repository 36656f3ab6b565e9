"""Resident memory: with nothing to serve, with N credentials, with large Secrets of others beside them."""

import asyncio
import functools

from bench import manifests
from bench.kube import at_once, secrets_of
from bench.process import rss_mib
from bench.run import Run

_FOREIGN = 300
_FOREIGN_BYTES = 1_000_000
_CREATING = 4
_CALM = 5.0


async def idle_memory(run: Run) -> None:
    """Before there is any credential; the operator runs only for this."""
    await run.stage.start_operator()
    await _note(run, "idle")
    run.stage.stop_operator()


async def memory(run: Run) -> None:
    """With N; then add 300 foreign Secrets of 1 MB each, before and after a restart."""
    stage = run.stage
    await stage.quiet()
    await _note(run, "n")
    stage.stop_operator()
    await stage.start_operator()
    before = await _note(run, "restarted")
    await at_once(_CREATING, functools.partial(_create, run), range(_FOREIGN))
    beside = await _note(run, "beside_foreign_secrets")
    stage.stop_operator()
    await stage.start_operator()
    after = await _note(run, "restarted_beside_foreign_secrets")
    run.note("rss_mib", foreign_secrets_delta=round(max(beside, after) - before, 1))
    await stage.admin.delete(secrets_of(stage.foreign))


async def _create(run: Run, index: int) -> None:
    body = manifests.foreign(f"blob-{index}", _FOREIGN_BYTES)
    await run.stage.admin.create(secrets_of(run.stage.foreign), body)


async def _note(run: Run, name: str) -> float:
    await asyncio.sleep(_CALM)
    found = round(rss_mib(run.stage.operator.pid), 1)
    run.note("rss_mib", **{name: found})
    return found
