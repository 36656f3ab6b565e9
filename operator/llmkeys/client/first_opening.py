"""The first opening of several credentials: which failure is waited out, which is skipped, and which ends it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from llmkeys.api.errors import RetryableError
from llmkeys.client.clock import Clock
from llmkeys.client.errors import (
    CertificateNotTrustedError,
    EnvelopeMissingError,
    EnvelopeOutdatedError,
    OutputFailedError,
    OutputFullError,
    SettingsInvalidError,
    TokenMissingError,
    TokenRefusedError,
    UnavailableError,
    UnsealError,
    WrongAudienceError,
)
from llmkeys.client.following import Follower
from llmkeys.client.opening import earliest, pauses

OUTDATED_SECONDS: Final = 90.0
"""How long an optional credential may hold up a pod whose kubelet should have mounted its current envelope."""
_LONGEST_ATTEMPT: Final = 10.0

# The pod's own trouble, which is the same for every credential.
_OF_THE_POD: Final = (
    SettingsInvalidError,
    TokenMissingError,
    TokenRefusedError,
    WrongAudienceError,
    CertificateNotTrustedError,
    OutputFullError,
    OutputFailedError,
)


class Step(Enum):
    """What an error of one credential means for all of them."""

    AGAIN = auto()
    LEAVE_OUT = auto()
    FAIL = auto()
    """Once the others have been asked too."""
    END = auto()
    """At once."""


def next_step(error: UnsealError, *, required: bool, spent: float, deadline: float) -> Step:
    """What follows from an error.

    Args:
        error: of one credential's attempt.
        required: containers must not start without that credential.
        spent: seconds since the first attempt, up to when the next one could be.
        deadline: seconds within which it must have opened.

    """
    if isinstance(error, _OF_THE_POD):
        return Step.END
    if isinstance(error, RetryableError) and spent < _patience(error, required=required, deadline=deadline):
        return Step.AGAIN
    return Step.FAIL if required else Step.LEAVE_OUT


def of(name: str, error: UnsealError) -> UnsealError:
    """The same error, saying whose it is. An outage is everybody's."""
    return error if isinstance(error, UnavailableError) else type(error)(f"{name}: {error}")


@dataclass
class FirstOpening:
    """Every credential is asked for, round by round, until each is written, left out, or has failed.

    Args:
        followers: by name of the credential, in the order in which they are asked for; the required ones first.
        deadline: seconds.
        report: gets sentences for people.
        clock: what time is measured by.

    """

    followers: Mapping[str, Follower]
    deadline: float
    report: Callable[[str], None]
    clock: Clock
    _refused: dict[str, UnsealError] = field(default_factory=dict, init=False)
    _failed: dict[str, UnsealError] = field(default_factory=dict, init=False)
    _said: set[str] = field(default_factory=set, init=False)
    _began: float = field(default=0.0, init=False)

    def run(self) -> None:
        """Write what can be opened.

        Raises:
            UnsealError: of the first required credential that failed; of the first of all if none opened.

        """
        self._began, waiting = self.clock.now(), list(self.followers)
        for pause in pauses():
            waiting, wait = self._round(waiting, pause)
            if self._failed:
                raise next(of(name, self._failed[name]) for name in self.followers if name in self._failed)
            if not waiting:
                break
            self.clock.sleep(wait)
        if len(self._refused) == len(self.followers):
            raise next(of(name, self._refused[name]) for name in self.followers)

    def _round(self, names: Sequence[str], pause: float) -> tuple[list[str], float]:
        """Those that are to be tried again, and after how many seconds."""
        again: list[str] = []
        not_asked: list[str] = []
        outage: UnavailableError | None = None
        for name in names:
            error = outage or self._attempt(name)
            if error is None:
                continue
            if self._follows(name, error, earliest(error, pause)) is Step.AGAIN:
                # Who has not been asked is the first to be asked next time, lest one hold up all behind it.
                (not_asked if outage else again).append(name)
            if isinstance(error, UnavailableError):
                outage = error
        return not_asked + again, pause if outage is None else earliest(outage, pause)

    def _attempt(self, name: str) -> UnsealError | None:
        left = self.deadline - (self.clock.now() - self._began)
        try:
            self.followers[name].attempt(min(max(left, 1.0), _LONGEST_ATTEMPT))
        except UnsealError as error:
            return error
        return None

    def _follows(self, name: str, error: UnsealError, wait: float) -> Step:
        follower, spent = self.followers[name], self.clock.now() - self._began + wait
        step = next_step(error, required=not follower.optional, spent=spent, deadline=self.deadline)
        match step:
            case Step.AGAIN:
                self._say(f"trying again: {of(name, error)}")
            case Step.LEAVE_OUT:
                self._refused[name] = error
                follower.leave_out(error)
            case Step.FAIL:
                self._failed[name] = error
                follower.fail(error)
            case Step.END:
                raise error
        return step

    def _say(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self.report(text)


def _patience(error: UnsealError, *, required: bool, deadline: float) -> float:
    """Seconds for which an error that time may help is waited out."""
    if required:
        return deadline
    if isinstance(error, EnvelopeMissingError):
        return 0.0
    return min(deadline, OUTDATED_SECONDS) if isinstance(error, EnvelopeOutdatedError) else deadline
