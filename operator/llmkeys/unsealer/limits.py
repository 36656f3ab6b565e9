"""How much one client, and all together, may ask for."""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

_FORGET_FROM: Final = 4096


@dataclass(frozen=True, slots=True)
class Rate:
    """Of a token bucket.

    Args:
        per_second: requests that it gains in a second.
        burst: requests that it holds at most.

    """

    per_second: float
    burst: float


@dataclass(slots=True)
class _Bucket:
    level: float
    at: float


class RateLimit:
    """A token bucket for each client.

    Args:
        rate: of each.
        monotonic: seconds of a clock that never goes back.

    """

    def __init__(self, rate: Rate, monotonic: Callable[[], float]) -> None:
        self._rate: Final = rate
        self._monotonic: Final = monotonic
        self._buckets: dict[str, _Bucket] = {}

    def take(self, client: str) -> float:
        """Seconds to wait before the next try; 0 if the request may go on."""
        now = self._monotonic()
        bucket = self._buckets.get(client)
        if bucket is None:
            self._forget(now)
            bucket = self._buckets[client] = _Bucket(self._rate.burst, now)
        bucket.level, bucket.at = self._level(bucket, now), now
        if bucket.level < 1:
            return (1 - bucket.level) / self._rate.per_second
        bucket.level -= 1
        return 0.0

    def _level(self, bucket: _Bucket, now: float) -> float:
        return min(self._rate.burst, bucket.level + (now - bucket.at) * self._rate.per_second)

    def _forget(self, now: float) -> None:
        """Drop the buckets that are full again: a new one would be the same."""
        if len(self._buckets) < _FORGET_FROM:
            return
        self._buckets = {
            client: bucket for client, bucket in self._buckets.items() if self._level(bucket, now) < self._rate.burst
        }


class Concurrency:
    """Counts what is under way, for each client and in all.

    Args:
        each: how much of one client.
        total: how much of all.

    """

    def __init__(self, each: int, total: int) -> None:
        self._each: Final = each
        self._total: Final = total
        self._of: Counter[str] = Counter()
        self._sum = 0

    def enter(self, client: str) -> bool:
        """Whether one more may begin; then `leave` must follow."""
        if self._sum >= self._total or self._of[client] >= self._each:
            if not self._of[client]:
                del self._of[client]
            return False
        self._of[client] += 1
        self._sum += 1
        return True

    def leave(self, client: str) -> None:
        """End what `enter` began."""
        self._sum -= 1
        self._of[client] -= 1
        if not self._of[client]:
            del self._of[client]

    @contextmanager
    def held(self, client: str) -> Iterator[bool]:
        """Whether one more may begin, until the block ends."""
        entered = self.enter(client)
        try:
            yield entered
        finally:
            if entered:
                self.leave(client)


@dataclass(frozen=True, slots=True)
class Limits:
    """All limits on requests. Addresses come first, because nobody has proven yet who calls.

    Args:
        by_address: rate for each peer address.
        by_account: rate for each service account.
        under_way_by_address: at once, for each peer address and in all.
        under_way_by_account: at once, for each service account and in all.

    """

    by_address: RateLimit
    by_account: RateLimit
    under_way_by_address: Concurrency
    under_way_by_account: Concurrency
