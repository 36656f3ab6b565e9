"""What a restart with fresh status asks of providers and of the API server."""

import asyncio
import time

from bench.process import cpu_seconds, rss_mib
from bench.run import Run

_WINDOW = 20.0


async def restart(run: Run) -> None:
    """Restart, and count from the process's start until 20 s after it was ready."""
    stage = run.stage
    await stage.quiet()
    stage.stop_operator()
    requests = await stage.traffic()
    calls = stage.simulator.calls_total()
    started = time.time()
    stage.launch_operator()
    ready = await stage.operator_ready()
    await asyncio.sleep(_WINDOW)
    asked = (await stage.traffic()).since(requests)
    run.note(
        "restart",
        provider_calls=stage.simulator.calls_total() - calls,
        api_writes=asked.writes,
        secret_gets=asked.secret_gets,
        api_gets=asked.gets,
        seconds_until_ready=round(ready - started, 2),
        cpu_seconds=cpu_seconds(stage.operator.pid),
        window_seconds=_WINDOW,
    )
    run.note("rss_mib", after_restart=round(rss_mib(stage.operator.pid), 1))
