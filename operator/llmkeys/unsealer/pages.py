"""`/healthz`, `/readyz` and `/metrics`, on a listener of their own without TLS."""

from collections.abc import Callable, Mapping

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from llmkeys.unsealer.metrics import CONTENT_TYPE, Metrics

Check = Callable[[], str | None]
"""Says in a few words what is wrong, or None if nothing is."""


def pages(metrics: Metrics, live: Mapping[str, Check], ready: Mapping[str, Check]) -> Starlette:
    """The pages as an ASGI application.

    Args:
        metrics: what `/metrics` shows.
        live: a failing one means that only a restart helps.
        ready: a failing one means not yet, or not now.

    """

    async def healthz(_: Request) -> Response:
        return _answer(live)

    async def readyz(_: Request) -> Response:
        return _answer(ready)

    async def exposition(_: Request) -> Response:
        return Response(metrics.exposition(), headers={"Content-Type": CONTENT_TYPE})

    return Starlette(routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", exposition)])


def _answer(checks: Mapping[str, Check]) -> Response:
    wrong = [f"{name}: {why}" for name, check in checks.items() if (why := check())]
    return PlainTextResponse("\n".join(wrong or ["ok"]) + "\n", 503 if wrong else 200)
