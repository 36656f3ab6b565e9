"""Who had what opened, since this process began: what the controller fetches and writes into status."""

import secrets
from collections.abc import Callable
from typing import Final

import msgspec

from llmkeys.api.durations import rfc3339

_MOST: Final = 10_000


class UsageLine(msgspec.Struct, frozen=True, rename="camel"):
    """One account's use of one credential."""

    namespace: str
    credential: str
    service_account: str
    count: int
    last_time: str


class UsageReport(msgspec.Struct, frozen=True):
    """All of one process; `replica` tells its counts from those of another, and of a restart."""

    replica: str
    usage: tuple[UsageLine, ...]


class Usage:
    """Counts opened envelopes.

    Args:
        now: epoch seconds.

    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now: Final = now
        self._replica: Final = secrets.token_hex(8)
        self._counts: dict[tuple[str, str, str], tuple[int, float]] = {}

    def count(self, namespace: str, credential: str, account: str) -> None:
        """Add one; beyond ten thousand of them, who was longest without a use is forgotten."""
        key = (namespace, credential, account)
        count, _ = self._counts.pop(key, (0, 0.0))
        if len(self._counts) >= _MOST:
            del self._counts[next(iter(self._counts))]
        self._counts[key] = (count + 1, self._now())

    def report(self) -> UsageReport:
        """The counts so far."""
        return UsageReport(
            self._replica,
            tuple(UsageLine(*key, count, rfc3339(last)) for key, (count, last) in self._counts.items()),
        )
