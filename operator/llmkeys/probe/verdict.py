"""The verdict of one look at a key."""

from dataclasses import dataclass

from llmkeys.api.reasons import Reason


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one reply means.

    Args:
        reason: a row of the matrix.
        status: the HTTP status that it was read from, 0 without a reply.
        rule: which rule matched, for people: `openai/errors[3]`, `default/errors[12]`, `openai/success`; empty if none.
        detail: the catalogue's own finer word (`DailyQuota`, `KeyLeaked`); data of ours, never provider text.
        retry_after: seconds that the provider asked us to wait, None if it did not say.

    """

    reason: Reason
    status: int = 0
    rule: str = ""
    detail: str = ""
    retry_after: float | None = None
