"""Renewals that came to nothing: what of them is remembered, and for how long it counts.

A failure is one of a file and of the settings that it was renewed with: another file in the source, or another setting,
is tried as if there was none, and so is a file that there was no room for once there is.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from llmkeys.api.names import RENEWED_SECRET
from llmkeys.api.reasons import REFUSALS, Reason
from llmkeys.crypto.mac import MacKey
from llmkeys.engine.clock import Clock
from llmkeys.engine.renewable import Renewable
from llmkeys.engine.renewed_book import MOST_FILES, RenewedBook, owner_of
from llmkeys.probe.schedule import HOUR, next_look
from llmkeys.probe.verdict import Verdict

_PURPOSE: Final = "renewal settings"  # the digests stay in memory
_FULL: Final = f"Secret {RENEWED_SECRET} has no room for another file (there may be {MOST_FILES})"


@dataclass(frozen=True, slots=True)
class Failure:
    """A renewal that came to nothing.

    Args:
        original: the digest of the file in the source.
        settings: a digest of the provider's.
        verdict: of the token service.
        until: not tried again before (epoch seconds).
        times: how often in a row it ended so.
        because: a clause for the message.

    """

    original: str
    settings: str
    verdict: Verdict
    until: float
    times: int
    because: str


class RenewalFailures:
    """Failures by the places of their files.

    Args:
        book: tells whether there is room.
        mac: digests.
        clock: time and jitter.

    """

    def __init__(self, book: RenewedBook, mac: MacKey, clock: Clock) -> None:
        self._book = book
        self._mac = mac
        self._clock = clock
        self._at: dict[str, Failure] = {}

    def of(self, file: Renewable) -> Failure | None:
        """The last renewal of a file, if it failed and that still counts."""
        known = self._at.get(file.place)
        if known is None:
            return None
        if (known.original, known.settings) == (file.original, self._settings(file)) and not self._has_room_now(
            known, file
        ):
            return known
        del self._at[file.place]
        return None

    def note(self, file: Renewable, verdict: Verdict, because: str = "") -> Verdict:
        """Remember a failure.

        Args:
            file: that was to be renewed.
            verdict: of the token service, or in its place.
            because: a clause for the message, if it is not that the service refused.

        Returns:
            the verdict.

        """
        known = self.of(file)
        times = known.times + 1 if known is not None and known.verdict.reason is verdict.reason else 1
        # A refusal is looked at again as that of a key is.
        refused = ends_it(verdict)
        wait = 0.0 if refused else next_look(verdict.reason, times, HOUR, verdict.retry_after, self._clock.jitter())
        because = because or f"{file.origin} refused the request (HTTP {verdict.status})"
        until = self._clock.now() + wait
        self._at[file.place] = Failure(file.original, self._settings(file), verdict, until, times, because)
        return verdict

    def note_full(self, file: Renewable) -> Verdict:
        """Remember that there was no room for a file; it counts until there is."""
        return self.note(file, Verdict(Reason.PROBE_REFUSED), _FULL)

    def forget(self, file: Renewable) -> None:
        """It was renewed."""
        self._at.pop(file.place, None)

    @property
    def owners(self) -> frozenset[str]:
        """Whose files they are of."""
        return frozenset(map(owner_of, self._at))

    def drop(self, owners: Collection[str]) -> None:
        """Forget all files of some owners: nothing is read from these sources any more."""
        for place in [one for one in self._at if owner_of(one) in owners]:
            del self._at[place]

    def _has_room_now(self, known: Failure, file: Renewable) -> bool:
        return known.because == _FULL and self._book.has_room(file.place, file.text.reveal())

    def _settings(self, file: Renewable) -> str:
        config = sorted(file.kind.endpoint.config.items())
        return self._mac.digest(_PURPOSE, "", (part for setting in config for part in setting))


def ends_it(verdict: Verdict | None) -> bool:
    """Whether the refresh token is refused, so that only its owner can help."""
    return verdict is not None and verdict.reason in REFUSALS
