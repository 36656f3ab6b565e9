"""The plain-HTTP loopback endpoint through which another process changes the simulated providers."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from urllib.parse import unquote

import msgspec
from aiohttp import web

from tests.support.simulator.behaviour import from_wire
from tests.support.simulator.fleet import Fleet

KEY_HEADER: Final = "X-Simulator-Key"
"""Of GET /calls: the key, percent-encoded; in a header because URLs are written down in many places."""

_MAX_BODY: Final = 64 * 1024 * 1024


class Order(msgspec.Struct, forbid_unknown_fields=True):
    """The body of a POST; each path uses some of it.

    Args:
        type: a server's name. Needed by all but /set, where it limits the keys to one server, and /reset.
        keys: of /set: what each key gets.
        behaviour: of /default.
        models: of /models.
        milliseconds: of /latency.
    """

    type: str | None = None
    keys: dict[str, object] = {}
    behaviour: object = "good"
    models: tuple[str, ...] = ()
    milliseconds: float = 0


class Control:
    """POST /set, /default, /models, /latency, /down, /up, /reset; GET /calls, /stats, /ca."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet: Final = fleet
        self._runner: Final = web.AppRunner(self._application(), access_log=None)

    async def start(self, port: int) -> int:
        """Listen on 127.0.0.1 and return the port; 0 takes a free one."""
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", port).start()
        bound: int = self._runner.addresses[0][1]
        return bound

    async def stop(self) -> None:
        await self._runner.cleanup()

    def _application(self) -> web.Application:
        orders: Mapping[str, Callable[[Order], Awaitable[None]]] = {
            "/set": self._set,
            "/default": self._default,
            "/models": self._models,
            "/latency": self._latency,
            "/down": self._down,
            "/up": self._up,
            "/reset": self._reset,
        }
        application = web.Application(client_max_size=_MAX_BODY)
        application.add_routes([web.post(path, _obey(order)) for path, order in orders.items()])
        application.add_routes(
            [web.get("/calls", self._calls), web.get("/stats", self._stats), web.get("/ca", self._ca)]
        )
        return application

    async def _set(self, order: Order) -> None:
        self._fleet.set({key: from_wire(form) for key, form in order.keys.items()}, order.type)

    async def _default(self, order: Order) -> None:
        self._fleet.default(_name(order), from_wire(order.behaviour))

    async def _models(self, order: Order) -> None:
        self._fleet.models(_name(order), order.models)

    async def _latency(self, order: Order) -> None:
        self._fleet.latency(_name(order), order.milliseconds)

    async def _down(self, order: Order) -> None:
        await self._fleet.down(_name(order))

    async def _up(self, order: Order) -> None:
        await self._fleet.up(_name(order))

    async def _reset(self, _order: Order) -> None:
        self._fleet.reset()

    async def _calls(self, request: web.Request) -> web.Response:
        key = request.headers.get(KEY_HEADER)
        return web.json_response(self._fleet.calls(None if key is None else unquote(key), request.query.get("type")))

    async def _stats(self, _request: web.Request) -> web.Response:
        return web.json_response(self._fleet.stats())

    async def _ca(self, _request: web.Request) -> web.Response:
        return web.Response(text=self._fleet.ca_pem)


def _name(order: Order) -> str:
    if order.type is None:
        raise ValueError("`type` is missing")
    return order.type


def _obey(order: Callable[[Order], Awaitable[None]]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(request: web.Request) -> web.Response:
        try:
            await order(msgspec.json.decode(await request.read() or b"{}", type=Order))
        except (ValueError, KeyError, msgspec.MsgspecError) as error:
            return web.Response(status=400, text=str(error))
        return web.Response(status=204)

    return handler
