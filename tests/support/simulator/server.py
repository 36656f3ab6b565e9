"""One provider on one port: real HTTPS, an answer per key, down and up again without losing the port."""

import asyncio
import logging
import socket
import ssl
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from aiohttp import web

from tests.support.simulator.answer import Answer
from tests.support.simulator.answering import refusal
from tests.support.simulator.behaviour import Behaviour, Kind
from tests.support.simulator.calls import CallLog, Gauge
from tests.support.simulator.dialect import Dialect
from tests.support.simulator.tokens import TokenService
from tests.support.simulator.wire import PLAYS

_REMEMBERED: Final = 1024
_BACKLOG: Final = 4096
# What depends on key and path; the rest is answered wherever it was asked.
_PER_PATH: Final = frozenset({Kind.GOOD, Kind.SLOW, Kind.REVOKED})
# What a vendor can only say after a look at the key, which a public path does not take.
_NEEDS_KEY: Final = frozenset({Kind.REVOKED, Kind.NO_MONEY, Kind.ACCOUNT_BLOCKED, Kind.PERMISSION_DENIED})

# aiohttp puts headers into the messages of malformed requests, and headers hold keys.
_SILENT: Final = logging.getLogger(f"{__name__}.http")
_SILENT.setLevel(logging.CRITICAL + 1)


class ProviderServer:
    """A provider that listens on loopback. `up`, `down` and `stop` belong to the event loop."""

    def __init__(
        self,
        name: str,
        dialect: Dialect,
        *,
        shared: Mapping[str, Behaviour],
        log: CallLog,
        tls: ssl.SSLContext,
        port: int = 0,
    ) -> None:
        """Describe the server; `up` takes the port and begins to listen.

        Args:
            name: of this server, unique in its simulator.
            dialect: how it speaks.
            shared: behaviours of keys at every server that has none of its own for them.
            log: where calls are noted.
            tls: the server's side.
            port: 0 takes a free one.
        """
        self.name: Final = name
        self.dialect: Final = dialect
        self.gauge: Final = Gauge()
        self.own: Final[dict[str, Behaviour]] = {}
        self.default = Behaviour.GOOD if dialect.keyless else Behaviour.REVOKED
        self.latency = 0.0
        self._models = dialect.models
        self._shared: Final = shared
        self._log: Final = log
        self._tls: Final = tls
        self._good: dict[tuple[str, str], Answer] = {}
        self.tokens: Final = TokenService(self.own)
        self._port = port
        self._reserved: socket.socket | None = None
        self._listener: asyncio.Server | None = None
        self._http: web.Server | None = None

    @property
    def origin(self) -> str:
        return f"https://127.0.0.1:{self._port}"

    @property
    def is_up(self) -> bool:
        return self._listener is not None

    def list_models(self, models: tuple[str, ...]) -> None:
        self._models = models
        self._good = {}

    async def up(self) -> None:
        """Listen; nothing happens if it does already.

        Raises:
            OSError: the port is taken.
        """
        if self._listener is not None:
            return
        bound = self._reserved or _bind(self._port)
        self._reserved = None
        self._port = bound.getsockname()[1]
        self._http = web.Server(self._answer, handler_cancellation=True, access_log=None, logger=_SILENT)
        loop = asyncio.get_running_loop()
        self._listener = await loop.create_server(self._http, sock=bound, ssl=self._tls, backlog=_BACKLOG)

    async def down(self) -> None:
        """Refuse connections and drop the open ones; the port stays taken, so that `up` finds it again."""
        await self.stop()
        self._reserved = _bind(self._port)

    async def stop(self) -> None:
        """Drop the connections and give the port back."""
        listener, http, reserved = self._listener, self._http, self._reserved
        self._listener = self._http = self._reserved = None
        if reserved is not None:
            reserved.close()
        if listener is not None:
            listener.close()
        if http is not None:
            for connection in http.connections:
                # A polite close would wait for clients that have stopped to read.
                if connection.transport is not None:
                    connection.transport.abort()
            await http.shutdown(0.1)

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        raw = request.raw_path
        path, _, query_text = raw.partition("?")
        secret_query = self.dialect.key_in_query and bool(query_text)
        query = dict(parse_qsl(query_text)) if secret_query else {}
        key = self.dialect.find_key(request.headers, query)
        with self.gauge:
            self._log.add(key, self.name, request.method, path, "" if "key" in query else query_text)
            behaviour = self.own.get(key) or self._shared.get(key) or self.default
            if self.latency:
                await asyncio.sleep(self.latency)
            if request.method == "POST" and path == self.dialect.token_path:
                given = self.tokens.answer(await request.text())
                return web.Response(status=given.status, body=given.body, headers=given.header_fields())
            play = PLAYS.get(behaviour.kind)
            if play is not None:
                return await play(request, behaviour)
            if behaviour.kind is Kind.SLOW:
                await asyncio.sleep(behaviour.seconds)
            answer = self._choose(request, raw, key, behaviour)
            return web.Response(status=answer.status, body=answer.body, headers=answer.header_fields())

    def _choose(self, request: web.BaseRequest, raw: str, key: str, behaviour: Behaviour) -> Answer:
        kind = behaviour.kind
        path = raw.partition("?")[0]
        if self.dialect.complaint is not None and kind in _PER_PATH:
            complaint = self.dialect.complaint(request.headers, request.query)
            if complaint is not None:
                return complaint
        if kind is Kind.GOOD or kind is Kind.SLOW:
            return self._good_answer(request.method, raw)
        route = self.dialect.route(request.method, path)
        if route is None and kind in _PER_PATH:
            return self.dialect.unknown_path(request.method, path)
        if route is not None and route.public and kind in _NEEDS_KEY:
            return self._good_answer(request.method, raw)
        if not key and kind is Kind.REVOKED:
            return self.dialect.missing_key
        return refusal(self.dialect, behaviour, key, self._good_answer(request.method, raw))

    def _good_answer(self, method: str, raw: str) -> Answer:
        remembered = self._good.get((method, raw))
        if remembered is not None:
            return remembered
        path, _, query = raw.partition("?")
        route = self.dialect.route(method, path)
        if route is None:
            return self.dialect.unknown_path(method, path)
        answer = route.answer(self._models, dict(parse_qsl(query)))
        if len(self._good) < _REMEMBERED:
            self._good[method, raw] = answer
        return answer


def _bind(port: int) -> socket.socket:
    """A socket that holds a port and does not listen: connections are refused and nobody else gets the port."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind(("127.0.0.1", port))
    except OSError:
        bound.close()
        raise
    return bound
