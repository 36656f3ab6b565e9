"""What the unsealer says instead of opening: public words, each with its HTTP status."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Reason(StrEnum):
    """Why an envelope was not opened. In-pod clients and dashboards match on these."""

    MALFORMED = "Malformed"
    TOKEN_MISSING = "TokenMissing"  # noqa: S105  a word, not a token
    TOKEN_INVALID = "TokenInvalid"  # noqa: S105
    WRONG_AUDIENCE = "WrongAudience"
    NOT_POD_BOUND = "NotPodBound"
    DENIED = "Denied"
    WITHDRAWN = "Withdrawn"
    DISABLED = "Disabled"
    OTHER_FORM = "OtherForm"
    STALE_ENVELOPE = "StaleEnvelope"
    OTHER_CREDENTIAL = "OtherCredential"
    NO_SUCH_CREDENTIAL = "NoSuchCredential"
    NOT_FOUND = "NotFound"
    METHOD_NOT_ALLOWED = "MethodNotAllowed"
    TOO_SLOW = "TooSlow"
    KEY_RETIRED = "KeyRetired"
    TOO_LARGE = "TooLarge"
    UNSUPPORTED_MEDIA_TYPE = "UnsupportedMediaType"
    DECRYPT_FAILED = "DecryptFailed"
    TOO_MANY_REQUESTS = "TooManyRequests"
    UNAVAILABLE = "Unavailable"


STATUS: Final[dict[Reason, int]] = {
    Reason.MALFORMED: 400,
    Reason.TOKEN_MISSING: 401,
    Reason.TOKEN_INVALID: 401,
    Reason.WRONG_AUDIENCE: 401,
    Reason.NOT_POD_BOUND: 401,
    Reason.DENIED: 403,
    Reason.WITHDRAWN: 403,
    Reason.DISABLED: 403,
    Reason.OTHER_FORM: 403,
    Reason.STALE_ENVELOPE: 403,
    Reason.OTHER_CREDENTIAL: 403,
    Reason.NO_SUCH_CREDENTIAL: 404,
    Reason.NOT_FOUND: 404,
    Reason.METHOD_NOT_ALLOWED: 405,
    Reason.TOO_SLOW: 408,
    Reason.KEY_RETIRED: 410,
    Reason.TOO_LARGE: 413,
    Reason.UNSUPPORTED_MEDIA_TYPE: 415,
    Reason.DECRYPT_FAILED: 422,
    Reason.TOO_MANY_REQUESTS: 429,
    Reason.UNAVAILABLE: 503,
}


@dataclass(frozen=True, slots=True)
class Refusal:
    """One refusal.

    Args:
        reason: the word that programs match on.
        message: a sentence for people that says what to do; never holds a token or anything from inside an envelope.
        retry_after: seconds after which another try makes sense; None where only a change helps.

    """

    reason: Reason
    message: str
    retry_after: float | None = None

    @property
    def status(self) -> int:
        """HTTP's."""
        return STATUS[self.reason]


def unavailable(retry_after: float | None = None) -> Refusal:
    """Time helps: the API server is away or did not answer soon enough."""
    return Refusal(
        Reason.UNAVAILABLE,
        "The unsealer cannot ask the API server now, and opens nothing unasked. Try again.",
        retry_after if retry_after is not None else 2.0,
    )


def too_many_requests(retry_after: float) -> Refusal:
    """A limit was reached; `retry_after` in seconds."""
    return Refusal(Reason.TOO_MANY_REQUESTS, "Too many requests. Try again after Retry-After seconds.", retry_after)
