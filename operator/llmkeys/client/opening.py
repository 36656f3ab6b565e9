"""From what is mounted to what is in it: one attempt, and attempts until a deadline."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from typing import Final

from llmkeys.api.errors import RetryableError
from llmkeys.client.answers import Asked, opened_from
from llmkeys.client.clock import Clock
from llmkeys.client.content import Opened
from llmkeys.client.errors import UnavailableError, UnsealError
from llmkeys.client.exchange import Post, post
from llmkeys.client.local import is_for_recipients, open_with
from llmkeys.client.mounted import read_envelope, read_token, service_account_of, wait_for_envelope
from llmkeys.client.settings import DEADLINE_SECONDS, WAIT_SECONDS, Settings

_PATH: Final = "/v1/unseal"
_ATTEMPT_SECONDS: Final = 10.0
_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 5.0
_DOUBLINGS: Final = 16


@dataclass(frozen=True, slots=True)
class Limits:
    """For how many seconds an envelope is waited for, and then its opening is tried."""

    wait: float = WAIT_SECONDS
    deadline: float = DEADLINE_SECONDS


def open_text(
    settings: Settings, text: str, seconds: float, clock: Clock, lowest_sequence: int = 0, ask: Post = post
) -> Opened:
    """Open an envelope, once.

    Args:
        settings: where things are.
        text: what is mounted.
        seconds: how long it may take.
        clock: what they are measured by.
        lowest_sequence: the newest delivery seen so far; only recipients must remember it, the unsealer knows.
        ask: sends the question.

    Raises:
        UnsealError: it did not open.

    """
    if is_for_recipients(text):
        return open_with(settings.identity, text, lowest_sequence)
    unsealer, token = settings.service(), read_token(settings.token)
    body = json.dumps({"credential": settings.credential, "envelope": text}).encode()
    reply = ask(unsealer, _PATH, token, body, min(seconds, _ATTEMPT_SECONDS), clock)
    return opened_from(reply, Asked(settings.credential, service_account_of(token)))


def open_mounted(settings: Settings, limits: Limits, clock: Clock) -> Opened:
    """Wait for an envelope, and try until it opens. What is mounted is read anew for every attempt.

    Raises:
        UnsealError: the last attempt's, if time does not help or is over.

    """
    wait_for_envelope(settings.envelope, limits.wait, clock)
    return _until(
        limits.deadline, clock, lambda left: open_text(settings, read_envelope(settings.envelope), left, clock)
    )


def pauses(longest: float = _LONGEST_PAUSE) -> Iterator[float]:
    """Seconds between attempts: doubled each time, and spread so that pods which failed together do not come together.

    Args:
        longest: seconds that none exceeds.

    """
    for attempt in count():
        yield spread(min(longest, _FIRST_PAUSE * 2 ** min(attempt, _DOUBLINGS)))


def spread(seconds: float) -> float:
    """At random between three quarters and the whole."""
    return seconds * (0.75 + 0.25 * int.from_bytes(os.urandom(2), "big") / 0xFFFF)


def earliest(error: UnsealError, pause: float) -> float:
    """The pause after an error, in seconds: never shorter than it asks for."""
    return max(pause, error.retry_after) if isinstance(error, UnavailableError) else pause


def _until(seconds: float, clock: Clock, attempt: Callable[[float], Opened]) -> Opened:
    ends = clock.now() + seconds
    for pause in pauses():
        try:
            return attempt(max(ends - clock.now(), 1.0))
        except UnsealError as error:
            wait = earliest(error, pause)
            if not isinstance(error, RetryableError) or clock.now() + wait >= ends:
                raise
        clock.sleep(wait)
    raise AssertionError("pauses never end")
