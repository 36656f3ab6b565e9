"""What the operator does when there is nothing to do."""

import asyncio
import time

from bench.process import cpu_seconds
from bench.run import Run

_WINDOW = 60.0


async def steady_state(run: Run) -> None:
    """Watch it for a minute."""
    stage = run.stage
    await stage.quiet()
    requests, calls, cpu = await stage.traffic(), stage.simulator.calls_total(), cpu_seconds(stage.operator.pid)
    started = time.monotonic()
    await asyncio.sleep(_WINDOW)
    minutes = (time.monotonic() - started) / 60
    cpu_percent = (cpu_seconds(stage.operator.pid) - cpu) / (minutes * 60) * 100
    asked = (await stage.traffic()).since(requests)
    run.note(
        "steady_state",
        gets_per_minute=round(asked.gets / minutes, 2),
        writes_per_minute=round(asked.writes / minutes, 2),
        provider_calls_per_minute=round((stage.simulator.calls_total() - calls) / minutes, 2),
        cpu_percent=round(cpu_percent, 2),
    )
