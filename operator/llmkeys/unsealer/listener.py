"""The server under the application: uvicorn, with the deadlines and limits on connections that it leaves to others."""

import asyncio
import socket
import ssl
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import h11
import uvicorn
from starlette.applications import Starlette
from uvicorn.protocols.http.h11_impl import H11Protocol

from llmkeys.unsealer.limits import Concurrency

_TLS_BUFFER: Final = 32 * 1024
_HANDSHAKE_SECONDS: Final = 5.0
_GOODBYE_SECONDS: Final = 2.0
_GRACE_SECONDS: Final = 5
_BACKLOG: Final = 512
_ANSWERING: Final = frozenset({h11.SEND_RESPONSE, h11.SEND_BODY})
_LONGEST_HEADER: Final = 24 * 1024  # a token of 16 KiB and what is around it


@dataclass(frozen=True, slots=True)
class Guard:
    """Limits on connections.

    Args:
        connections: how many at once, for each peer address and in all.
        header_seconds: within which a request's whole header must have come, counted from the connection's begin or
            from the last answer.
        dropped: told why a connection was cut off.

    """

    connections: Concurrency
    header_seconds: float = 10.0
    dropped: Callable[[str], None] = field(default=lambda _why: None)


class GuardedProtocol(H11Protocol):
    """One connection. A client that sends its header by drops (slow loris) is cut off, and so is one too many."""

    guard: Guard

    def __init__(self, *args: Any, guard: Guard, **more: Any) -> None:
        super().__init__(*args, **more)
        self.guard = guard
        self._address = ""
        self._counted = False
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._address = "" if self.client is None else self.client[0]
        self._counted = self.guard.connections.enter(self._address)
        if self._counted:
            self._watch_header()
        else:
            self._drop("too-many")

    def connection_lost(self, exc: Exception | None) -> None:
        if self._counted:
            self._counted = False
            self.guard.connections.leave(self._address)
        self._stop_watching()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        super().handle_events()
        if self.conn.our_state in _ANSWERING:
            self._stop_watching()

    def on_response_complete(self) -> None:
        self._watch_header()
        super().on_response_complete()

    def _watch_header(self) -> None:
        self._stop_watching()
        if self._counted:
            self._deadline = self.loop.call_later(self.guard.header_seconds, self._drop, "too-slow")

    def _stop_watching(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _drop(self, why: str) -> None:
        self.guard.dropped(why)
        self.transport.abort()


class Listener(uvicorn.Server):
    """Serves one application on one socket.

    Args:
        application: ASGI.
        guard: limits on its connections.
        tls: None for plain HTTP.

    """

    def __init__(self, application: Starlette, guard: Guard, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(
            uvicorn.Config(
                application,
                http=H11Protocol,
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                h11_max_incomplete_event_size=_LONGEST_HEADER,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        self._guard: Final = guard
        self._tls: Final = tls

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen. uvicorn's own would give a TLS handshake a minute."""
        loop = asyncio.get_running_loop()
        self.servers = [
            await loop.create_server(
                self._protocol,
                sock=one,
                ssl=self._tls,
                backlog=_BACKLOG,
                ssl_handshake_timeout=_HANDSHAKE_SECONDS if self._tls else None,
                ssl_shutdown_timeout=_GOODBYE_SECONDS if self._tls else None,
            )
            for one in sockets or []
        ]
        self.started = True

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to whoever runs several listeners in one process."""
        yield

    def _protocol(self) -> asyncio.Protocol:
        return GuardedProtocol(config=self.config, server_state=self.server_state, app_state={}, guard=self._guard)


def listening_socket(host: str, port: int) -> socket.socket:
    """A socket on which connections queue up until a `Listener` takes them; port 0 gives any free one.

    Raises:
        OSError: the address cannot be bound to.

    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sets TCP_NODELAY; otherwise each answer waits 40 ms for an acknowledgement.
    one = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        one.bind((host, port))
        one.listen(_BACKLOG)
    except OSError:
        one.close()
        raise
    return one


def bound_tls_buffers() -> None:
    """Have each TLS connection hold 32 KiB instead of asyncio's 256, sixteen times a TLS record (RFC 8446, 5.1)."""
    if hasattr(SSLProtocol, "max_size"):
        SSLProtocol.max_size = _TLS_BUFFER
