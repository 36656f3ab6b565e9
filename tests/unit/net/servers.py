import asyncio
import socket
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from llmkeys.net.client import ProviderClient
from llmkeys.net.network import Network
from llmkeys.probe.reply import Reply
from llmkeys.probe.request import ProbeRequest

CANARY = "sk-canary-0123456789abcdef"
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
StreamHandler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]]


@dataclass
class Server:
    """A real server on loopback that remembers what reached it."""

    port: int = 0
    requests: list[web.BaseRequest] = field(default_factory=list)
    connections: set[object] = field(default_factory=set)

    def url(self, path: str = "/v1/models", host: str = "localhost", scheme: str = "https") -> str:
        return f"{scheme}://{host}:{self.port}{path}"


@dataclass
class Listener:
    """A bare TCP listener that counts connections, keeps what it reads and does what it is told with each."""

    port: int = 0
    connections: int = 0
    received: list[bytes] = field(default_factory=list)


Serve = Callable[..., AbstractAsyncContextManager[Server]]
Listen = Callable[..., AbstractAsyncContextManager[Listener]]


async def ok(_: web.BaseRequest) -> web.StreamResponse:
    return web.json_response({"data": []}, headers={"X-Request-Id": "7"})


def get(url: str, **more: object) -> ProbeRequest:
    return ProbeRequest("GET", url, **more)  # type: ignore[arg-type]


async def send(
    client: ProviderClient, request: ProbeRequest, network: Network, seconds: float = 5, limit: int = 65536
) -> Reply:
    return await client.send(request, network, seconds, limit)


def answers(monkeypatch: pytest.MonkeyPatch, names: dict[str, list[str]]) -> None:
    """Let the system's resolver give these addresses, as a hostile name server would."""
    real = socket.getaddrinfo

    def look_up(host: str, port: int, *more: int) -> list[tuple[object, ...]]:
        if host not in names:
            return real(host, port, *more)  # type: ignore[return-value]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in names[host]]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
