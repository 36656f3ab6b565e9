"""From the unsealer's answer to what it means for the workload. Pure."""

import json
from dataclasses import dataclass
from typing import Any, Final

from llmkeys.client.content import Opened, content_from
from llmkeys.client.errors import (
    AnswerUnknownError,
    CredentialGoneError,
    DeniedError,
    EnvelopeOutdatedError,
    EnvelopeRefusedError,
    TokenRefusedError,
    UnavailableError,
    UnsealError,
    WithdrawnError,
    WrongAudienceError,
)
from llmkeys.client.exchange import Reply

_OK: Final = 200
_TOO_MANY: Final = 429
_SERVER_ERRORS: Final = range(500, 600)
_MAX_MESSAGE: Final = 500
_LONGEST_WAIT: Final = 86_400.0

_RENEW_TOKEN: Final = "The kubelet renews the token at its mount; a token made by hand is of no use."  # noqa: S105
_REFUSALS: Final[dict[str, tuple[type[UnsealError], str]]] = {
    "TokenMissing": (TokenRefusedError, f"The unsealer saw no token. {_RENEW_TOKEN}"),
    "TokenInvalid": (TokenRefusedError, f"The token is expired or forged, or its pod is gone. {_RENEW_TOKEN}"),
    "NotPodBound": (TokenRefusedError, f"The token is bound to no pod. {_RENEW_TOKEN}"),
    "WrongAudience": (
        WrongAudienceError,
        "The token is for another audience. Mount a projected serviceAccountToken with audience llmkeys.dev.",
    ),
    "Denied": (
        DeniedError,
        (
            'The pod\'s account "{account}" may not have LLMCredential "{credential}" opened. Either add it to the '
            "credential's spec.target.serviceAccounts, or let it create llmcredentials/unseal: "
            "llmkeys manifest rolebinding {credential} --service-account {account}"
        ),
    ),
    "Withdrawn": (
        WithdrawnError,
        (
            'LLMCredential "{credential}" is withdrawn: its key was refused and none has taken its place. '
            "Its conditions say why: kubectl describe llmcredential {credential}"
        ),
    ),
    "Disabled": (WithdrawnError, 'LLMCredential "{credential}" is disabled. Set spec.enabled to true.'),
    "OtherForm": (
        WithdrawnError,
        (
            'LLMCredential "{credential}" is no longer delivered as an envelope for the unsealer. Create the pod anew, '
            "made for what spec.target asks for now."
        ),
    ),
    "OtherCredential": (
        CredentialGoneError,
        (
            'The envelope was made for another LLMCredential than the "{credential}" that is there now: it was copied, '
            "or the credential was created anew and the kubelet has not mounted the new envelope yet."
        ),
    ),
    "NoSuchCredential": (
        CredentialGoneError,
        'There is no LLMCredential "{credential}" in the pod\'s namespace. Check LLMKEYS_CREDENTIAL.',
    ),
    "StaleEnvelope": (
        EnvelopeOutdatedError,
        "The mounted envelope is of an earlier delivery. The kubelet mounts the current one within about a minute.",
    ),
    "KeyRetired": (
        EnvelopeOutdatedError,
        (
            "The mounted envelope is sealed with a key that is retired. The kubelet mounts the current one within "
            "about a minute, unless the operator does not run."
        ),
    ),
    "DecryptFailed": (
        EnvelopeRefusedError,
        "The mounted envelope does not open: it was changed. The operator heals the Secret once it runs.",
    ),
    "Malformed": (EnvelopeRefusedError, "The unsealer takes what is mounted for no envelope. {message}"),
    "TooLarge": (EnvelopeRefusedError, "What is mounted is too large for an envelope."),
    "TooManyRequests": (UnavailableError, "The unsealer is asked too often, by this account or in all."),
    "TooSlow": (UnavailableError, "The question took too long to reach the unsealer. It will be asked again."),
    "Unavailable": (UnavailableError, "The unsealer cannot reach the API server. It will be asked again."),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """For whom and what the question was, as far as texts name it; `account` may be empty."""

    credential: str
    account: str


def opened_from(reply: Reply, asked: Asked) -> Opened:
    """What was opened.

    Raises:
        UnsealError: it was not; the type says which of our errors it is, the text what to do.

    """
    found = _object(reply.body)
    if reply.status != _OK:
        raise _refusal(reply, found, asked)
    try:
        content, sequence = content_from(found.get("content")), found.get("sequence")
    except ValueError:
        content, sequence = {}, None
    if not isinstance(sequence, int) or isinstance(sequence, bool):
        raise AnswerUnknownError("The unsealer's answer is not as this version knows it. Use one version of llmkeys.")
    return Opened(content, sequence)


def _refusal(reply: Reply, found: dict[str, Any], asked: Asked) -> UnsealError:
    message = _printable(found.get("message"))
    kind, text = _REFUSALS.get(str(found.get("reason")), (None, ""))
    if kind is None:
        busy = reply.status == _TOO_MANY or reply.status in _SERVER_ERRORS
        kind = UnavailableError if busy else AnswerUnknownError
        text = f"The unsealer answered {reply.status}, which this version does not know. {{message}}"
    words = text.format(credential=asked.credential, account=asked.account or "ACCOUNT", message=message).rstrip()
    if issubclass(kind, UnavailableError):
        return kind(words, _seconds(reply.retry_after))
    return kind(words)


def _object(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _printable(message: Any) -> str:
    text = message if isinstance(message, str) else ""
    return "".join(character for character in text[:_MAX_MESSAGE] if character.isprintable())


def _seconds(retry_after: str) -> float:
    """Seconds of a Retry-After header (RFC 9110, 10.2.3); of its two forms the unsealer uses this one."""
    digits = retry_after.strip()
    return min(float(digits), _LONGEST_WAIT) if digits.isascii() and digits.isdigit() else 0.0
