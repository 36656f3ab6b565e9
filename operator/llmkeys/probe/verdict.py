"""The verdict of one look at a key."""

from dataclasses import dataclass
from typing import Literal

from llmkeys.api.reasons import Reason

Source = Literal["provider", "default"]
"""Whose rules: those in the provider's own file, or those that hold for every provider."""


@dataclass(frozen=True, slots=True)
class Match:
    """Where the rule stands that a verdict comes from.

    Args:
        source: whose rule it is.
        index: its place in `errors`, counted from 0; None: no rule of errors, but what makes a success of the probe.

    """

    source: Source
    index: int | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one reply means.

    Args:
        reason: a row of the matrix.
        status: the HTTP status that it was read from, 0 without a reply.
        rule: which rule matched, for people: `openai/errors[3]`, `default/errors[12]`, `openai/success`; empty if none.
        detail: the catalogue's own finer word (`DailyQuota`, `KeyLeaked`); data of ours, never provider text.
        retry_after: seconds that the provider asked us to wait, None if it did not say.
        match: the same as `rule`, for programs; None if no rule matched.

    """

    reason: Reason
    status: int = 0
    rule: str = ""
    detail: str = ""
    retry_after: float | None = None
    match: Match | None = None
