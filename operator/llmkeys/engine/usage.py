"""Who had which envelope opened: from what the unsealer's replicas count to what a status says."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from llmkeys.api.credential import Usage
from llmkeys.api.durations import epoch, rfc3339
from llmkeys.api.objects import Key

MOST: Final = 32
"""As many accounts as a status names; those that asked last."""


@dataclass(frozen=True, slots=True)
class Counted:
    """What one replica has counted since it began.

    Args:
        credential: whose envelope.
        account: the service account, in the credential's namespace.
        count: openings.
        last: epoch seconds.

    """

    credential: Key
    account: str
    count: int
    last: float


@dataclass(slots=True)
class _News:
    count: int = 0
    last: float = 0.0


class UsageBook:
    """Openings that no status tells of yet.

    A replica counts from its own start, the controller from its first look at that replica: what was opened while no
    controller ran shows in the time of the last opening, but not in the count.
    """

    def __init__(self) -> None:
        self._seen: dict[str, dict[tuple[Key, str], int]] = {}
        self._news: dict[Key, dict[str, _News]] = {}

    def take_in(self, replica: str, counted: Iterable[Counted]) -> None:
        """Note what a replica reports.

        Args:
            replica: an id that a process takes at its start.
            counted: everything since then.

        """
        first = replica not in self._seen
        seen = self._seen.setdefault(replica, {})
        for one in counted:
            place = (one.credential, one.account)
            more = 0 if first else one.count - seen.get(place, 0)
            seen[place] = one.count
            if more > 0 or first:
                news = self._news.setdefault(one.credential, {}).setdefault(one.account, _News())
                news.count += max(more, 0)
                news.last = max(news.last, one.last)

    def keep_only(self, replicas: Iterable[str]) -> None:
        """Forget replicas that are gone."""
        there = set(replicas)
        for replica in [one for one in self._seen if one not in there]:
            del self._seen[replica]

    def merged(self, credential: Key, told: tuple[Usage, ...]) -> tuple[Usage, ...]:
        """What the status says, with what it does not say yet; the last to ask first."""
        known = {one.service_account: one for one in told}
        for account, news in self._news.get(credential, {}).items():
            before = known.get(account, Usage(account))
            last = max(news.last, epoch(before.last_time) if before.last_time else 0.0)
            known[account] = Usage(account, before.count + news.count, rfc3339(last) if last else "")
        latest = sorted(known.values(), key=lambda one: (one.last_time, one.service_account), reverse=True)
        return tuple(latest[:MOST])

    def written(self, credential: Key) -> None:
        """The status tells it now."""
        self._news.pop(credential, None)
