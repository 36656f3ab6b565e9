"""Which of several controllers leads: decided from what one of them has seen of the Lease, and since when.

No time that somebody else wrote is ever compared with a clock here, so clocks may differ: a Lease has run out when it
has not changed for its whole duration before the eyes of whoever wants it. Times are seconds on a clock that only this
process reads and that goes on while the machine sleeps. A claim is a write in exactly the version that was seen, so of
several candidates one gets it.
"""

from dataclasses import dataclass, replace
from math import inf
from typing import Final, Self

# A holder gives up this part of the duration early: clocks of two machines may run one percent apart, ten times what
# NTP ever slews a clock by (500 ppm, RFC 5905).
_COUNTED_ON: Final = 0.98
# A Lease that is not there shows nothing of one that came and went. So it is made right after a look, and has been away
# for as long as looks follow each other closely. Both in pauses between two looks.
_RIGHT_AFTER: Final = 0.5
_CLOSELY: Final = 2.0


@dataclass(frozen=True, slots=True)
class Terms:
    """How long a Lease lasts and how often it is asked for; all in seconds.

    Args:
        lease: after a renewal, until another may take it.
        renew: between two renewals by its holder.
        retry: after a request that failed, and between two looks of those who wait.

    """

    lease: float = 10.0
    renew: float = 2.0
    retry: float = 1.0

    @property
    def counted_on(self) -> float:
        """Seconds for which a holder relies on a renewal, counted from before it was sent."""
        return self.lease * _COUNTED_ON


@dataclass(frozen=True, slots=True)
class SeenLease:
    """A Lease as it was read, or as a write left it.

    Args:
        version: its resourceVersion: another one after every renewal.
        holder: who leads; empty if it was released.
        seconds: how long it lasts, by the word of its holder.
        transitions: how often it changed hands.

    """

    version: str
    holder: str
    seconds: float
    transitions: int = 0


@dataclass(frozen=True, slots=True)
class Look:
    """Read the Lease."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Write the Lease in one's own name: take it, or renew it."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Do nothing for some seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Stop:
    """Leadership is lost: nothing may be written any more.

    Args:
        why: a clause for people.

    """

    why: str


Step = Look | Claim | Wait | Stop


@dataclass(frozen=True, slots=True)
class Candidacy:
    """What one candidate knows; each thing that happens makes the next of it.

    Args:
        identity: its own, shared by no other process ever.
        terms: the same for all candidates.
        lease: as last seen; None if it was not there, or was not looked for.
        since: when it was first seen so.
        existed: it was there at some time, or may have been; else this is the one that may make the first ever.
        looked: when it was last seen; None if what is known is not to be relied on.
        failed: when the last request that failed ended.
        renewed: when the last claim that was granted was sent.
        until: when that ends; None while this candidate does not lead.

    """

    identity: str
    terms: Terms = Terms()
    lease: SeenLease | None = None
    since: float = -inf
    existed: bool = False
    looked: float | None = None
    failed: float = -inf
    renewed: float = -inf
    until: float | None = None

    # -- what to do ------------------------------------------------------------------------------------------

    def step(self, now: float) -> Step:
        """What to do at this time; asked again after it was done."""
        return self._lead(now) if self.until is not None else self._follow(now)

    @property
    def vacant_from(self) -> float:
        """When the last leader's time ends, or ended at the latest, by what is known."""
        if self.lease is None:
            # One that was deleted tells nothing of its holder, who has not noticed yet.
            return self.since + self.terms.lease if self.existed else self.since
        if self.lease.holder in {"", self.identity}:
            return self.since
        return self.since + max(self.lease.seconds, self.terms.lease)

    def _lead(self, now: float) -> Step:
        if self.until is None or now >= self.until:
            return Stop("it could not be renewed in time")
        if self.lease is None:
            return Stop("it was deleted")
        if self.lease.holder != self.identity:
            return Stop(f"{self.lease.holder} holds it" if self.lease.holder else "it was released by somebody else")
        if self.looked is None:
            return self._at(self.failed + self.terms.retry, now, Look())
        return self._at(max(self.renewed + self.terms.renew, self.failed + self.terms.retry), now, Claim())

    def _follow(self, now: float) -> Step:
        again = self.failed + self.terms.retry
        if self.looked is None:
            return self._at(again, now, Look())
        claim_at, look_at = max(self.vacant_from, again), max(self.looked + self.terms.retry, again)
        if claim_at > look_at:
            return self._at(look_at, now, Look())
        return self._at(claim_at, now, Look() if self.lease is None and not self._just_looked(now) else Claim())

    def _just_looked(self, now: float) -> bool:
        return self.looked is not None and now - self.looked <= self.terms.retry * _RIGHT_AFTER

    def _was_away_until(self, now: float) -> bool:
        """Whether a Lease that is still not there has not been there meanwhile, by what can be known."""
        if not self.existed:
            # All others wait for a whole Lease before they make one.
            return now - self.since < self.terms.counted_on
        return self.looked is not None and now - self.looked <= self.terms.retry * _CLOSELY

    def _at(self, at: float, now: float, step: Step) -> Step:
        ends = inf if self.until is None else self.until
        return step if now >= at else Wait(min(at, ends) - now)

    # -- what happened ---------------------------------------------------------------------------------------

    def expecting(self, now: float) -> Self:
        """Another controller has been here: a Lease that is not there was deleted, at this time at the latest."""
        return replace(self, since=max(self.since, now) if self.lease is None else self.since, existed=True)

    def saw(self, lease: SeenLease | None, now: float) -> Self:
        """The Lease was read; None if it is not there.

        Args:
            lease: as it is.
            now: after the answer, so that a change counts from later than it was made.

        """
        unchanged = self.since > -inf and _version(lease) == _version(self.lease)
        if unchanged and (lease is not None or self._was_away_until(now)):
            return replace(self, looked=now)
        existed = self.existed or lease is not None or unchanged
        return replace(self, lease=lease, since=now, existed=existed, looked=now)

    def granted(self, lease: SeenLease, sent: float, now: float) -> Self:
        """A claim was written.

        Args:
            lease: as the write left it.
            sent: before the request was sent, from where on the others may count at the earliest.
            now: after its answer.

        """
        if _version(lease) == _version(self.lease):
            # It changed nothing, so the others have seen no renewal.
            return self.failed_at(now)
        until = sent + self.terms.counted_on
        return replace(self, lease=lease, since=now, existed=True, looked=now, renewed=sent, until=until)

    def refused(self) -> Self:
        """Somebody wrote the Lease since it was seen."""
        return replace(self, existed=True, looked=None)

    def failed_at(self, now: float) -> Self:
        """A request had no answer, or no useful one; a claim may have been written all the same."""
        return replace(self, failed=now)


def _version(lease: SeenLease | None) -> str | None:
    return None if lease is None else lease.version
