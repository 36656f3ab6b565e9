"""When to look at a key again: pure functions of what was seen, with the jitter as an argument."""

from dataclasses import dataclass
from typing import Final

from llmkeys.api.reasons import Reason

MINUTE: Final = 60.0
HOUR: Final = 3600.0

CONFIRM_UNPROVEN: Final = (5.0,)
CONFIRM_PROVEN: Final = (10.0, 20.0, 30.0)

_DEAD_INTERVAL: Final = 6 * HOUR  # at most 4 looks a day at a dead key
_SPREAD: Final = 0.2  # ± 20 %
_LEAST: Final = 1.0


@dataclass(frozen=True, slots=True)
class BackOff:
    """An exponential back-off: `first` seconds, doubled at each failure, up to `most`."""

    first: float
    most: float

    def delay(self, failures: int) -> float:
        return min(self.most, self.first * 2.0 ** min(max(failures, 1) - 1, 30))


_BACK_OFFS: Final[dict[Reason, BackOff]] = {
    Reason.THROTTLED: BackOff(30, 15 * MINUTE),
    Reason.OVERLOADED: BackOff(20, 15 * MINUTE),
    Reason.PROVIDER_UNREACHABLE: BackOff(10, 10 * MINUTE),
    Reason.PROVIDER_SUSPECT: BackOff(2 * MINUTE, 10 * MINUTE),
    Reason.UNRECOGNISED: BackOff(MINUTE, HOUR),
    Reason.PROBE_REFUSED: BackOff(5 * MINUTE, 6 * HOUR),
    Reason.BAD_ENDPOINT: BackOff(5 * MINUTE, 6 * HOUR),
    Reason.ADDRESS_BLOCKED: BackOff(5 * MINUTE, HOUR),
    Reason.REGION_DENIED: BackOff(HOUR, 6 * HOUR),
    Reason.QUOTA_EXHAUSTED: BackOff(30 * MINUTE, 6 * HOUR),
    Reason.NOT_ACTIVATED: BackOff(10 * MINUTE, 6 * HOUR),
    Reason.PERMISSION_DENIED: BackOff(10 * MINUTE, 6 * HOUR),
}
_HEEDS_RETRY_AFTER: Final = frozenset({Reason.THROTTLED, Reason.OVERLOADED, Reason.QUOTA_EXHAUSTED})


def spread(delay: float, jitter: float) -> float:
    """`delay` ± 20 %, so that what began together does not stay together.

    Args:
        delay: seconds.
        jitter: 0 ≤ jitter < 1, random.

    """
    return delay * (1 - _SPREAD + 2 * _SPREAD * jitter)


def next_look(reason: Reason, failures: int, interval: float, retry_after: float | None, jitter: float) -> float:
    """Seconds until the next look.

    Args:
        reason: of the last look, confirmed.
        failures: how often in a row it ended so, counting this time; 0 for a good key.
        interval: seconds between routine looks at a good key.
        retry_after: seconds that the provider asked for, never undercut; of an unverified key, seconds until it can be
            told whether it is good.
        jitter: 0 ≤ jitter < 1, random.

    """
    back_off = _BACK_OFFS.get(reason)
    if back_off is not None:
        delay = spread(back_off.delay(failures), jitter)
        if retry_after is not None and reason in _HEEDS_RETRY_AFTER:
            # Only ever later: the provider said when it will listen again.
            return max(retry_after * (1 + _SPREAD * jitter), min(delay, retry_after + MINUTE))
        return delay
    if reason is Reason.UNVERIFIED and retry_after is not None:
        return min(max(retry_after, _LEAST) * (1 + _SPREAD * jitter), spread(interval, jitter))
    if reason in (Reason.VERIFIED, Reason.UNVERIFIED, Reason.MODEL_UNAVAILABLE):
        return spread(interval, jitter)
    return max(_DEAD_INTERVAL, interval) * (1 + _SPREAD * jitter)
