"""From one verdict to what is believed of a key: confirmations, memory, and the next look.

A refusal is confirmed before it is believed; an outage changes no belief; a dead key stays dead until an answer says
otherwise. `KeyState` is what `status.keys[]` holds, so a restart loses nothing.
"""

from dataclasses import dataclass, replace
from typing import Final

from llmkeys.api.reasons import REFUSALS, Belief, Reason, row_of
from llmkeys.probe.schedule import CONFIRM_PROVEN, CONFIRM_UNPROVEN, next_look
from llmkeys.probe.verdict import Verdict

_SUSPECT_MINIMUM: Final = 3
_SUSPECT_SHARE: Final = 0.2
_MUST_WAIT: Final = frozenset({Reason.THROTTLED, Reason.OVERLOADED, Reason.CONFIRMING})


@dataclass(frozen=True, slots=True)
class KeyState:
    """What is known of one key at one endpoint.

    Args:
        belief: VALID means proven.
        verdict: the reason of the last look that counts, None before any.
        last: when it was looked at (epoch seconds), 0 before any.
        due: when it is to be looked at again (epoch seconds).
        failures: looks in a row that ended in `verdict`; while Confirming, refusals so far.

    """

    belief: Belief = Belief.UNKNOWN
    verdict: Reason | None = None
    last: float = 0.0
    due: float = 0.0
    failures: int = 0

    @property
    def proven(self) -> bool:
        return self.belief is Belief.VALID

    def is_due(self, now: float) -> bool:
        return self.verdict is None or now >= self.due

    @property
    def must_wait(self) -> bool:
        """Whether not even a person's wish moves the next look: the provider asked for it, or time is what confirms."""
        return self.verdict in _MUST_WAIT


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the judgement depends on besides the verdict.

    Args:
        now: epoch seconds.
        interval: seconds between routine looks.
        jitter: 0 ≤ jitter < 1, random.
        checks_keys: the type has a required key, so an `Unverified` answer proves nothing.
        suspect: the host refuses many formerly proven keys; its refusals are not believed.

    """

    now: float
    interval: float
    jitter: float
    checks_keys: bool = True
    suspect: bool = False


def judge(before: KeyState, verdict: Verdict, at: Circumstances) -> KeyState:
    """What is believed after one more look."""
    if verdict.reason in REFUSALS:
        return _refused(before, verdict, at)
    row = row_of(verdict.reason, proven=before.proven)
    if before.belief is Belief.INVALID and row.belief is None:
        return _still_dead(before, verdict, at)
    failures = 0 if row.delivers else (before.failures + 1 if before.verdict is verdict.reason else 1)
    belief = row.belief or before.belief
    if verdict.reason is Reason.UNVERIFIED and at.checks_keys:
        belief = before.belief if before.proven else Belief.UNKNOWN
    wait = next_look(verdict.reason, failures, at.interval, verdict.retry_after, at.jitter)
    return KeyState(belief, verdict.reason, at.now, at.now + wait, failures)


def _refused(before: KeyState, verdict: Verdict, at: Circumstances) -> KeyState:
    if before.belief is Belief.INVALID:
        return _dead(before, verdict.reason, at)
    if at.suspect and before.proven:
        return _suspect(before, at)
    refusals = before.failures + 1 if before.verdict is Reason.CONFIRMING else 1
    waits = CONFIRM_PROVEN if before.proven else CONFIRM_UNPROVEN
    if refusals <= len(waits):
        return KeyState(before.belief, Reason.CONFIRMING, at.now, at.now + waits[refusals - 1], refusals)
    return _dead(before, verdict.reason, at)


def _dead(before: KeyState, reason: Reason, at: Circumstances) -> KeyState:
    failures = before.failures + 1
    return KeyState(
        Belief.INVALID, reason, at.now, at.now + next_look(reason, 1, at.interval, None, at.jitter), failures
    )


def _suspect(before: KeyState, at: Circumstances) -> KeyState:
    failures = before.failures + 1 if before.verdict is Reason.PROVIDER_SUSPECT else 1
    wait = next_look(Reason.PROVIDER_SUSPECT, failures, at.interval, None, at.jitter)
    return KeyState(before.belief, Reason.PROVIDER_SUSPECT, at.now, at.now + wait, failures)


def _still_dead(before: KeyState, verdict: Verdict, at: Circumstances) -> KeyState:
    """An outage or a limit says nothing new about a dead key: only the next look moves."""
    usual = next_look(before.verdict or Reason.REJECTED, 1, at.interval, None, at.jitter)
    wait = max(usual, next_look(verdict.reason, 1, at.interval, verdict.retry_after, at.jitter))
    return replace(before, last=at.now, due=at.now + wait)


def decided_without_call(before: KeyState, reason: Reason, at: Circumstances) -> KeyState:
    """A key that is dead by what it looks like or by its date: believed at once, nothing is sent."""
    return _dead(before, reason, at) if before.verdict is not reason else before


def is_suspect(refused: int, looked_at: int) -> bool:
    """Whether a host's refusals are believed no longer.

    Args:
        refused: distinct, formerly proven keys that it refused within ten minutes.
        looked_at: distinct, formerly proven keys looked at within ten minutes.

    """
    return refused > max(_SUSPECT_MINIMUM, _SUSPECT_SHARE * looked_at)
