"""All simulated providers of one event loop, and what can be changed while they run."""

import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from tests.support.simulator.authority import Authority
from tests.support.simulator.behaviour import Behaviour
from tests.support.simulator.calls import Call, CallLog
from tests.support.simulator.dialects.known import DIALECTS
from tests.support.simulator.server import ProviderServer
from tests.support.simulator.tokens import Granted


class Fleet:
    """Servers by name. `up`, `down`, `start` and `stop` belong to the event loop; the rest may be called anywhere."""

    def __init__(self, types: Sequence[str], latency_ms: float = 0, port_base: int = 0) -> None:
        """Describe the servers; `start` takes their ports.

        Args:
            types: ids of the catalogue. A second server of a type is `openai:b`, its name; if only the type is
                repeated it becomes `openai:2`.
            latency_ms: how long each answer is held back.
            port_base: the first port, the others follow; 0 takes free ones.

        Raises:
            KeyError: there is no such type.
        """
        self._authority: Final = Authority()
        self._shared: Final[dict[str, Behaviour]] = {}
        self._log: Final = CallLog()
        self._servers: Final[dict[str, ProviderServer]] = {}
        tls = self._authority.server_context()
        for index, name in enumerate(_names(types)):
            port = port_base + index if port_base else 0
            dialect = DIALECTS[name.partition(":")[0]]
            server = ProviderServer(name, dialect, shared=self._shared, log=self._log, tls=tls, port=port)
            server.latency = latency_ms / 1000
            self._servers[name] = server

    @property
    def ca_pem(self) -> str:
        return self._authority.pem

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self._servers)

    async def start(self) -> None:
        """Listen with all servers; `stop` is due even if this fails.

        Raises:
            OSError: a port is taken.
        """
        for server in self._servers.values():
            await server.up()

    async def stop(self) -> None:
        for server in self._servers.values():
            await server.stop()

    async def up(self, name: str) -> None:
        await self._servers[name].up()

    async def down(self, name: str) -> None:
        await self._servers[name].down()

    def url(self, name: str) -> str:
        """The base URL as the catalogue gives it for the type, on this server."""
        server = self._servers[name]
        return server.origin + server.dialect.base

    def origin(self, name: str) -> str:
        return self._servers[name].origin

    def set(self, behaviours: Mapping[str, Behaviour], name: str | None) -> None:
        """Decide for keys, at one server or at all; the last word counts."""
        if name is not None:
            self._servers[name].own.update(behaviours)
            return
        self._shared.update(behaviours)
        for server in self._servers.values():
            for key in behaviours.keys() & server.own.keys():
                del server.own[key]

    def allow_refresh(self, name: str, refresh_token: str, granted: Granted) -> None:
        self._servers[name].tokens.allow(refresh_token, granted)

    def default(self, name: str, behaviour: Behaviour) -> None:
        self._servers[name].default = behaviour

    def latency(self, name: str, milliseconds: float) -> None:
        self._servers[name].latency = milliseconds / 1000

    def models(self, name: str, models: Iterable[str]) -> None:
        self._servers[name].list_models(tuple(models))

    def calls(self, key: str | None, name: str | None) -> list[Call]:
        return self._log.of(key, name)

    def calls_total(self, name: str | None) -> int:
        return self._log.total(name)

    def peak_concurrency(self, name: str | None) -> int:
        """The most requests at once at a server; without a name, at the one that had the most."""
        servers = self._servers.values() if name is None else (self._servers[name],)
        return max((server.gauge.peak for server in servers), default=0)

    def reset(self) -> None:
        """Forget calls and peaks; behaviours stay."""
        self._log.clear()
        for server in self._servers.values():
            server.gauge.reset()

    def stats(self) -> dict[str, object]:
        servers = {
            name: {
                "type": server.dialect.type,
                "origin": server.origin,
                "url": self.url(name),
                "up": server.is_up,
                "calls": self._log.total(name),
                "peak_concurrency": server.gauge.peak,
            }
            for name, server in self._servers.items()
        }
        return {"now": time.monotonic(), "servers": servers, "distinct_keys": self._log.distinct_keys()}


def _names(types: Sequence[str]) -> list[str]:
    names: list[str] = []
    for written in types:
        name, number = written, 1
        while name in names:
            number += 1
            name = f"{written}:{number}"
        names.append(name)
    return names
