"""What is shared by all who call one host: budget, concurrency, circuit, and the memory of its refusals.

Kept per scheme, host and port, however many LLMProviders and credentials point there. Lives in memory only.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from math import inf
from typing import Final

from llmkeys.api.objects import Key
from llmkeys.engine.clock import Clock
from llmkeys.engine.lanes import Lane, Line
from llmkeys.probe.judge import is_suspect
from llmkeys.probe.schedule import BackOff, spread
from llmkeys.probe.url import Origin

WINDOW: Final = 600.0  # ten minutes: how long a look counts for ProviderSuspect, and between two rounds of witnesses
WITNESSES: Final = 5
_TRIPS_AT: Final = 5
_CIRCUIT: Final = BackOff(10, 300)
_RING: Final = 0.1
_LEAST: Final = 0.001  # a shorter wait may be lost in the rounding of epoch seconds, and be asked for again and again
_NEWCOMERS_SHARE: Final = 0.5


@dataclass(frozen=True, slots=True)
class Limits:
    """What one LLMProvider allows on its host."""

    per_second: float
    concurrent: int


@dataclass(slots=True)
class Bucket:
    """A token bucket that holds at most one second's worth, and at least one token."""

    rate: float
    tokens: float
    at: float

    def refill(self, rate: float, now: float) -> None:
        self.rate = rate
        self.tokens = min(max(1.0, rate), self.tokens + (now - self.at) * rate)
        self.at = now

    def wait(self) -> float:
        """Seconds until a token is there."""
        return 0.0 if self.tokens >= 1 else max(_LEAST, (1 - self.tokens) / self.rate)


@dataclass(slots=True)
class Circuit:
    """Opens after five failures in a row; one call at a time tries it again."""

    failures: int = 0
    opened: int = 0
    until: float = 0.0

    def is_open(self, now: float) -> bool:
        return now < self.until

    @property
    def half_open(self) -> bool:
        return self.opened > 0

    def record(self, *, failed: bool, now: float, jitter: float) -> None:
        if not failed:
            self.failures = self.opened = 0
            self.until = 0.0
            return
        self.failures += 1
        if self.opened or self.failures >= _TRIPS_AT:
            if now >= self.until:
                self.opened += 1
            self.until = now + spread(_CIRCUIT.delay(self.opened), jitter)


@dataclass(slots=True)
class Host:
    """One origin."""

    origin: Origin
    limits: dict[str, Limits] = field(default_factory=dict)
    in_flight: int = 0
    bucket: Bucket | None = None
    newcomers: dict[str, Bucket] = field(default_factory=dict)
    parked: Line = field(default_factory=Line)
    circuit: Circuit = field(default_factory=Circuit)
    looked_at: dict[str, tuple[float, bool]] = field(default_factory=dict)
    witnessed: float = 0.0
    rings_at: float = inf  # when the timer that lets parked keys in fires

    @property
    def per_second(self) -> float:
        return min((one.per_second for one in self.limits.values()), default=20.0)

    @property
    def concurrent(self) -> int:
        return 1 if self.circuit.half_open else min((one.concurrent for one in self.limits.values()), default=16)


@dataclass(frozen=True, slots=True)
class Permit:
    """The right to call a host once."""

    host: Host


class Hosts:
    """All hosts, and who waits for them.

    Args:
        clock: tells the time.
        wake: puts a parked key back into the work queue.
        call_at: runs a function at a time (epoch seconds).

    """

    def __init__(
        self, clock: Clock, wake: Callable[[Key, Lane], None], call_at: Callable[[float, Callable[[], None]], object]
    ) -> None:
        self._clock = clock
        self._wake = wake
        self._call_at = call_at
        self._hosts: dict[Origin, Host] = {}

    def of(self, origin: Origin) -> Host:
        host = self._hosts.get(origin)
        if host is None:
            host = self._hosts[origin] = Host(origin)
        return host

    def set_limits(self, origins: Collection[Origin], provider: str, limits: Limits) -> None:
        """What an LLMProvider allows on each of its hosts; the strictest of a host's providers holds."""
        for other in self._hosts.values():
            if other.origin not in origins:
                other.limits.pop(provider, None)
        for origin in origins:
            self.of(origin).limits[provider] = limits

    def reserve(self, origin: Origin, namespace: str, *, proven: bool) -> Permit | float:
        """A permit to call the host now, or the seconds after which it is worth asking again.

        Args:
            origin: whom to call.
            namespace: whose key it is.
            proven: the key was good before. Keys that never were have a budget per namespace, so that one tenant's
                garbage costs the others nothing.

        """
        wait = self.wait_for(origin, namespace, proven=proven)
        if wait > 0:
            return wait
        host = self.of(origin)
        self._take(host, namespace, self._clock.now(), proven=proven)
        host.in_flight += 1
        return Permit(host)

    def spend(self, origin: Origin) -> None:
        """Charge the budget for one more call by somebody who has a permit; the next ones wait the longer."""
        bucket = self.of(origin).bucket
        if bucket is not None:
            bucket.tokens -= 1

    def pause(self, origin: Origin) -> float:
        """Seconds until the budget has room for one more call by somebody who has a permit, 0 if it has."""
        return self._budget_wait(self.of(origin), "", self._clock.now(), proven=True)

    def wait_for(self, origin: Origin, namespace: str, *, proven: bool) -> float:
        """Seconds after which it is worth asking for a permit, 0 if there is room now."""
        host = self.of(origin)
        wait = self._budget_wait(host, namespace, self._clock.now(), proven=proven)
        return max(wait, 1.0) if host.in_flight >= host.concurrent else wait

    def park(self, origin: Origin, key: Key, lane: Lane, wait: float) -> None:
        """Have a key woken when its host has room, after `wait` seconds at the latest."""
        host = self.of(origin)
        host.parked.put(key, lane)
        self._ring_in(host, wait)

    def forget(self, key: Key) -> None:
        for host in self._hosts.values():
            host.parked.discard(key)

    def give_back(self, permit: Permit) -> None:
        """The call is over."""
        host = permit.host
        was_full = host.in_flight >= host.concurrent
        host.in_flight -= 1
        if was_full:  # else it is tokens that the parked ones wait for, and the ring tells of those
            self._admit(host)

    def record(self, origin: Origin, *, failed: bool) -> None:
        """Tell the circuit how a call ended; `failed` means no usable answer, not a refused key."""
        self.of(origin).circuit.record(failed=failed, now=self._clock.now(), jitter=self._clock.jitter())

    # -- the memory of refusals ------------------------------------------------------------------------------

    def note_look(self, origin: Origin, identity: str, *, refused: bool) -> None:
        """Remember how a formerly proven key fared."""
        self.of(origin).looked_at[identity] = (self._clock.now(), refused)

    def suspect(self, origin: Origin) -> bool:
        """Whether the host refuses so many formerly proven keys that it is not believed."""
        host = self.of(origin)
        since = self._clock.now() - WINDOW
        for identity in [one for one, (at, _) in host.looked_at.items() if at < since]:
            del host.looked_at[identity]
        return is_suspect(sum(refused for _, refused in host.looked_at.values()), len(host.looked_at))

    def needs_witnesses(self, origin: Origin) -> bool:
        """Whether other proven keys should be looked at now; True at most once in ten minutes."""
        host = self.of(origin)
        now = self._clock.now()
        if host.witnessed and now - host.witnessed < WINDOW:
            return False
        host.witnessed = now
        return True

    # -- parts -----------------------------------------------------------------------------------------------

    def _budget_wait(self, host: Host, namespace: str, now: float, *, proven: bool) -> float:
        rate = host.per_second
        if host.bucket is None:
            host.bucket = Bucket(rate, max(1.0, rate), now)
        host.bucket.refill(rate, now)
        wait = host.bucket.wait()
        if not proven:
            bucket = self._newcomers(host, namespace, now)
            wait = max(wait, bucket.wait())
        return wait

    def _newcomers(self, host: Host, namespace: str, now: float) -> Bucket:
        rate = host.per_second * _NEWCOMERS_SHARE
        bucket = host.newcomers.get(namespace)
        if bucket is None:
            full = [one for one, other in host.newcomers.items() if now - other.at > 1 + 2 / rate]
            for one in full:  # a bucket that is full again remembers nothing
                del host.newcomers[one]
            bucket = host.newcomers[namespace] = Bucket(rate, max(1.0, rate), now)
        bucket.refill(rate, now)
        return bucket

    def _take(self, host: Host, namespace: str, now: float, *, proven: bool) -> None:
        if host.bucket is not None:
            host.bucket.tokens -= 1
        if not proven:
            self._newcomers(host, namespace, now).tokens -= 1

    def _admit(self, host: Host) -> None:
        if not host.parked or host.bucket is None:
            return
        now = self._clock.now()
        host.bucket.refill(host.per_second, now)
        # Not more than what the budget brings until the next ring: a woken key may be refused by its namespace's share.
        batch = max(1, int(host.per_second * _RING))
        for _ in range(min(host.concurrent - host.in_flight, int(host.bucket.tokens), batch)):
            following = host.parked.pop()
            if following is None:
                return
            self._wake(*following)
        if host.parked:
            self._ring_in(host, max(_RING, host.bucket.wait()))

    def _ring_in(self, host: Host, wait: float) -> None:
        at = self._clock.now() + wait
        if host.rings_at <= at:
            return
        host.rings_at = at

        def ring() -> None:
            if host.rings_at == at:  # else an earlier one took its place
                host.rings_at = inf
                self._admit(host)

        self._call_at(at, ring)
