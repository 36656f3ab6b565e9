"""The simulated providers in a thread of their own, with an event loop of their own."""

# ruff: noqa: A002  (`type` is the word of the manifests)

import asyncio
import threading
from collections.abc import Coroutine, Iterable, Mapping, Sequence
from typing import Final, Self

from tests.support.simulator.behaviour import Behaviour
from tests.support.simulator.calls import Call
from tests.support.simulator.dialects.known import DIALECTS
from tests.support.simulator.fleet import Fleet
from tests.support.simulator.tokens import Granted

_PATIENCE: Final = 10.0


class Simulator:
    """Providers for the tests of this process. Use `Simulator.start(...)` as a context manager, or call `stop()`.

    A `type` argument is a type or, where there are several servers of one, a server's name (`openai:b`).
    """

    def __init__(self, fleet: Fleet) -> None:
        self._fleet: Final = fleet
        self._loop: Final = asyncio.new_event_loop()
        self._thread: Final = threading.Thread(target=self._loop.run_forever, name="simulator", daemon=True)
        self._stopped = False

    @classmethod
    def start(cls, types: Sequence[str] = tuple(DIALECTS), latency: float = 0, port_base: int = 0) -> Self:
        """Start servers and return when they listen.

        Args:
            types: one server each; see `Fleet` for several of a type.
            latency: milliseconds that each answer is held back.
            port_base: the first port; 0 takes free ones.

        Raises:
            KeyError: there is no such type.
            OSError: a port is taken.
        """
        simulator = cls(Fleet(types, latency, port_base))
        simulator._thread.start()
        try:
            simulator._run(simulator._fleet.start())
        except BaseException:
            simulator.stop()
            raise
        return simulator

    def stop(self) -> None:
        """Close everything; a second call does nothing."""
        if self._stopped:
            return
        self._stopped = True
        self._run(_stop(self._fleet))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE)
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def ca_pem(self) -> str:
        """The certificate to trust."""
        return self._fleet.ca_pem

    @property
    def names(self) -> tuple[str, ...]:
        return self._fleet.names

    def url(self, type: str) -> str:
        """`https://127.0.0.1:PORT` with the path of the type's default base URL."""
        return self._fleet.url(type)

    def origin(self, type: str) -> str:
        """`https://127.0.0.1:PORT`."""
        return self._fleet.origin(type)

    def set(self, key: str, behaviour: Behaviour, type: str | None = None) -> None:
        """Decide what a key gets, at one server or at all; the last word counts."""
        self._fleet.set({key: behaviour}, type)

    def set_many(self, behaviours: Mapping[str, Behaviour], type: str | None = None) -> None:
        self._fleet.set(behaviours, type)

    def allow_refresh(self, type: str, refresh_token: str, granted: Granted) -> None:
        """Have a server's token service take a refresh token, once; it gives out the next one."""
        self._fleet.allow_refresh(type, refresh_token, granted)

    def default(self, type: str, behaviour: Behaviour) -> None:
        """Decide what keys get for which nothing was set: REVOKED at first, GOOD at keyless servers."""
        self._fleet.default(type, behaviour)

    def latency(self, type: str, milliseconds: float) -> None:
        self._fleet.latency(type, milliseconds)

    def models(self, type: str, models: Iterable[str]) -> None:
        """Decide which models are listed."""
        self._fleet.models(type, models)

    def down(self, type: str) -> None:
        """Close the listening socket and drop all connections; they are refused until `up`."""
        self._run(self._fleet.down(type))

    def up(self, type: str) -> None:
        """Listen again on the same port."""
        self._run(self._fleet.up(type))

    def calls(self, key: str | None = None, type: str | None = None) -> list[Call]:
        """Calls in the order of arrival, of one key (as sent; empty: none was sent) or of all."""
        return self._fleet.calls(key, type)

    def calls_total(self, type: str | None = None) -> int:
        return self._fleet.calls_total(type)

    def peak_concurrency(self, type: str | None = None) -> int:
        """The most requests at once at a server; without a type, at the one that had the most."""
        return self._fleet.peak_concurrency(type)

    def reset(self) -> None:
        """Forget calls and peaks; behaviours stay."""
        self._fleet.reset()

    def _run(self, work: Coroutine[object, object, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE)


async def _stop(fleet: Fleet) -> None:
    await fleet.stop()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
