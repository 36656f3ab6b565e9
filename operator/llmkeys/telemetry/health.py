"""The three pages that the cluster reads: `/healthz`, `/readyz`, `/metrics`.

They answer whatever happens: a liveness page that hangs or raises restarts a process that is well.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from aiohttp import web

from llmkeys.telemetry.metrics import CONTENT_TYPE, Metrics
from llmkeys.telemetry.redaction import redact

Check = Callable[[], str | None]
"""Says in a few words what is wrong, or None if nothing is."""

_SHUTDOWN_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Checks:
    """What the two health pages ask, by name.

    Args:
        live: failing means that only a restart helps.
        ready: failing means not yet, or not now.

    """

    live: Mapping[str, Check] = field(default_factory=dict)
    ready: Mapping[str, Check] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class HealthServer:
    """Where the pages are.

    Args:
        port: the bound one, also where 0 was asked for.

    """

    port: int


def at_most(seconds: Callable[[], float], limit: float) -> Check:
    """Make a check of an age or a delay.

    Args:
        seconds: how old or late the thing is now.
        limit: seconds from which on it is wrong.

    """

    def check() -> str | None:
        value = seconds()
        return f"{value:.1f} s, limit {limit:g} s" if value > limit else None

    return check


@asynccontextmanager
async def serve(host: str, port: int, metrics: Metrics, checks: Checks) -> AsyncIterator[HealthServer]:
    """Serve the pages until the block ends.

    Args:
        host: address to bind to.
        port: 0 for any free one.
        metrics: what `/metrics` shows.
        checks: what the health pages ask.

    Raises:
        OSError: the address cannot be bound to.

    """

    async def healthz(_: web.Request) -> web.Response:
        return _answer(checks.live)

    async def readyz(_: web.Request) -> web.Response:
        return _answer(checks.ready)

    async def exposition(_: web.Request) -> web.Response:
        # Thousands of series take longer than the event loop can be spared.
        body = await asyncio.to_thread(metrics.exposition)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})

    app = web.Application()
    app.add_routes([web.get("/healthz", healthz), web.get("/readyz", readyz), web.get("/metrics", exposition)])
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        yield HealthServer(port=runner.addresses[0][1])
    finally:
        await runner.cleanup()


def _answer(checks: Mapping[str, Check]) -> web.Response:
    wrong = [f"{name}: {why}" for name, check in checks.items() if (why := _asked(check))]
    if wrong:
        return web.Response(status=503, text=redact("\n".join(wrong)) + "\n")
    return web.Response(text="ok\n")


def _asked(check: Check) -> str | None:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - the page must answer
        return f"the check failed with {type(error).__name__}"
