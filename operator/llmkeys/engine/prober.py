"""Looks at keys: one call per distinct (endpoint, headers that matter, key), however many credentials share it."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from llmkeys.api.provider import Network
from llmkeys.api.reasons import MATRIX, Reason
from llmkeys.catalogue.model import Provider
from llmkeys.engine.clock import Clock
from llmkeys.engine.effects import Net
from llmkeys.engine.hosts import Hosts
from llmkeys.engine.observe import Observer
from llmkeys.probe.classify import classify
from llmkeys.probe.request import ProbeRequest
from llmkeys.probe.url import Origin
from llmkeys.probe.verdict import Verdict

BODY_LIMIT: Final = 64 * 1024
LIST_LIMIT: Final = 1024 * 1024
_REMEMBERED: Final = 20_000
_MOMENT: Final = 4.0  # below the shortest wait between two looks that confirm a refusal
_ROUTINE_SHARE: Final = 0.8


@dataclass(frozen=True, slots=True)
class Seen:
    """A verdict and when it was reached (epoch seconds)."""

    verdict: Verdict
    at: float


@dataclass(frozen=True, slots=True)
class Call:
    """One probe to be sent.

    Args:
        identity: equal for equal probes; a keyed digest.
        request: what is sent.
        entry: reads the answer.
        origin: whose circuit it counts for.
        network: how to get there.
        timeout: seconds.
        provider: the LLMProvider's name, for metrics.

    """

    identity: str
    request: ProbeRequest
    entry: Provider
    origin: Origin
    network: Network
    timeout: float
    provider: str


class Prober:
    """Sends probes and remembers their verdicts for those who share them.

    Args:
        net: opens the sockets.
        hosts: keep the circuits.
        clock: tells the time.
        observer: counts.

    """

    def __init__(self, net: Net, hosts: Hosts, clock: Clock, observer: Observer) -> None:
        self._net = net
        self._hosts = hosts
        self._clock = clock
        self._observer = observer
        self._seen: OrderedDict[str, Seen] = OrderedDict()
        self._under_way: dict[str, asyncio.Task[Seen]] = {}

    def recall(self, identity: str, *, since: float, interval: float) -> Seen | None:
        """What another credential with the same key found out, if that is still fresh.

        Args:
            identity: of the probe.
            since: the own last look (epoch seconds); only what is later is news.
            interval: seconds between routine looks.

        """
        seen = self._seen.get(identity)
        if seen is None or seen.at <= since:
            return None
        age = self._clock.now() - seen.at
        if MATRIX.get(seen.verdict.reason) is MATRIX[Reason.VERIFIED]:
            return seen if age < _ROUTINE_SHARE * interval else None
        return seen if age < max(_MOMENT, seen.verdict.retry_after or 0.0) else None

    def under_way(self, identity: str) -> asyncio.Task[Seen] | None:
        """The same probe, sent by somebody else just now."""
        return self._under_way.get(identity)

    def start(self, call: Call) -> asyncio.Task[Seen]:
        """Send a probe; the task never fails but by cancellation."""
        task = asyncio.create_task(self._send(call))
        self._under_way[call.identity] = task
        task.add_done_callback(lambda _: self._under_way.pop(call.identity, None))
        return task

    async def _send(self, call: Call) -> Seen:
        started = self._clock.now()
        limit = LIST_LIMIT if call.entry.probe.path == call.entry.models.path else BODY_LIMIT
        reply = await self._net.send(call.request, call.network, call.timeout, limit)
        now = self._clock.now()
        verdict = classify(reply, call.entry, now=now)
        failed = reply.failure is not None or verdict.reason in (Reason.OVERLOADED, Reason.PROVIDER_UNREACHABLE)
        if verdict.reason is not Reason.ADDRESS_BLOCKED:
            self._hosts.record(call.origin, failed=failed)
        seen = Seen(verdict, now)
        self._seen[call.identity] = seen
        self._seen.move_to_end(call.identity)
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        code = reply.failure.value if reply.failure else str(reply.status)
        self._observer.probed(call.provider, code, verdict.reason.value, now - started)
        return seen
