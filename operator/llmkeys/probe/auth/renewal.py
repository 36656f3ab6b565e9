"""An access token in a file is renewed (RFC 6749, 6): the request, what the reply means, and the file afterwards.

Of the reply three things are taken: the access token, how long it lives, and another refresh token if one came. No
address in it is, and of the file nothing else changes.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from llmkeys.api.reasons import Reason
from llmkeys.catalogue.calls import Probe, Success
from llmkeys.catalogue.credential import Auth, CredentialFile, TokenRenewal
from llmkeys.catalogue.model import Provider
from llmkeys.catalogue.rule import path_of, text_of, values_at
from llmkeys.crypto.secret import Secret
from llmkeys.probe.auth import oauth_file
from llmkeys.probe.auth.document import MILLISECONDS, MOST_SECONDS, Document, positive, read
from llmkeys.probe.auth.scheme import FORM, CredentialUnusableError
from llmkeys.probe.body import BROKEN, Body
from llmkeys.probe.classify import classify
from llmkeys.probe.reply import Reply
from llmkeys.probe.request import ProbeRequest
from llmkeys.probe.verdict import Verdict

_ACCEPT: Final = ("Accept", "application/json")
_JSON: Final = ("Content-Type", "application/json")
_MARGIN: Final = 300.0
_SHARE: Final = 0.1
_MOST_OF_LIFE: Final = 0.5
_SOONEST: Final = 60.0  # a token service that gives out tokens for a second is not called every second
_LONGEST_TOKEN: Final = 8192
_LONGEST_LIFE: Final = 10 * 365 * 86400.0
_ERROR_AT: Final = ("error", "error.type", "error.code")
# RFC 6749, 5.2: it is the program that is refused, or the request, and not the refresh token.
_NOT_THE_TOKEN: Final = frozenset({"invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope"})


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a reply gave.

    Args:
        access: the new access token.
        refresh: another refresh token; None if the old one stays in use.
        lifetime: seconds that the access token lives, None if the reply does not say.

    """

    access: Secret = field(repr=False)
    refresh: Secret | None = field(repr=False)
    lifetime: float | None


def refresh_token_in(text: str, auth: Auth) -> str:
    """The refresh token of a file; empty if there is none."""
    file, document = auth.file, read(text)
    return document.text_at(*file.renewal.refresh_token) if file and file.renewal and document else ""


def ends_at(text: str, auth: Auth) -> float | None:
    """When the access token of a file ends (epoch seconds); None if the file does not say."""
    document = read(text)
    return document.expiry(auth.file) if auth.file and document else None


def renew_at(text: str, auth: Auth, lifetime: float | None = None) -> float | None:
    """When the access token of a file is to be renewed (epoch seconds); None if its file does not say when it ends.

    Args:
        text: of the file.
        auth: of the catalogue.
        lifetime: seconds that the token lives in all, None if that is not known.

    """
    end = ends_at(text, auth)
    if end is None:
        return None
    if lifetime is None:
        return end - _MARGIN
    margin = min(max(_MARGIN, _SHARE * lifetime), _MOST_OF_LIFE * lifetime)
    return max(end - margin, end - lifetime + _SOONEST)


def renewal_request(url: str, text: str, auth: Auth, config: Mapping[str, str]) -> ProbeRequest:
    """The request for a new access token, which holds the refresh token in its body.

    Args:
        url: of the token endpoint: the catalogue's, or the one that the LLMProvider names.
        text: of the file.
        auth: of the catalogue.
        config: the settings in force.

    Raises:
        CredentialUnusableError: the file has no refresh token.

    """
    renewal, token = _renewal(auth), refresh_token_in(text, auth)
    if not token:
        raise CredentialUnusableError("the file has no refresh token")
    parameters = {"grant_type": "refresh_token", "refresh_token": token, "client_id": renewal.client_id}
    if renewal.client_secret:
        parameters["client_secret"] = config.get(renewal.client_secret, "")
    if renewal.body == "json":
        return ProbeRequest("POST", url, (_ACCEPT, _JSON), secret_body=Secret(msgspec.json.encode(parameters).decode()))
    return ProbeRequest("POST", url, (_ACCEPT, FORM), secret_body=Secret(urlencode(parameters)))


def tokens_of(reply: Reply, entry: Provider, now: float) -> Tokens | Verdict:
    """The tokens that a reply gives, or what it means where it gives none.

    Args:
        reply: to `renewal_request`.
        entry: of the catalogue, with a file that can be renewed.
        now: epoch seconds, see `classify`.

    """
    said = _error_in(reply)
    if said == "invalid_grant":
        return Verdict(Reason.EXPIRED, reply.status)
    if said in _NOT_THE_TOKEN:
        return Verdict(Reason.PROBE_REFUSED, reply.status)
    verdict = classify(reply, _as_probe(entry), now=now)
    if verdict.reason is Reason.REJECTED:
        # What is refused is not the key that a person put in, but that it is used for longer than it was good for.
        return Verdict(Reason.EXPIRED, reply.status, verdict.rule)
    if verdict.reason is not Reason.VERIFIED:
        return verdict
    # A success without a token that could be shown proves nothing.
    return _tokens_in(reply) or Verdict(Reason.UNRECOGNISED, reply.status)


def merged(text: str, auth: Auth, tokens: Tokens, now: float) -> str | None:
    """The file with other tokens in it, and everything else as it was.

    The end of the access token is written in the unit and to the place that the file has, or else beside the token in
    milliseconds, as all these programs do; where the reply does not say it, it is taken out, for the old one is wrong.

    Args:
        text: of the file.
        auth: of the catalogue.
        tokens: the new ones.
        now: epoch seconds, when they were given.

    Returns:
        None if the outcome could not be shown as this program's file.

    """
    document, copy = read(text), read(text)
    if document is None or copy is None:
        return None
    file, renewal, after = auth.file or CredentialFile(), _renewal(auth), copy.content
    place = _first(document, file.access_token)
    _put(after, file.access_token[place], tokens.access.reveal())
    if tokens.refresh is not None:
        _put(after, renewal.refresh_token[_first(document, renewal.refresh_token)], tokens.refresh.reveal())
    _put_expiry(after, document, file, place, None if tokens.lifetime is None else now + tokens.lifetime)
    try:
        written = msgspec.json.encode(after).decode()
    except (msgspec.MsgspecError, RecursionError):
        return None
    return written if oauth_file.check(written, auth) is None else None


def _put_expiry(after: dict[str, Any], before: Document, file: CredentialFile, place: int, end: float | None) -> None:
    known = next((path for path in file.expiry if before.has(path)), None)
    if end is None:
        if known is not None:
            _take_out(after, known)
        return
    path = known or file.expiry[min(place, len(file.expiry) - 1)]
    was = next(iter(values_at(before.content, path_of(path))), None)
    number = positive(was)
    value = end if number is not None and number <= MOST_SECONDS else end * MILLISECONDS
    _put(after, path, _like(was, value))


def _like(was: Any, value: float) -> Any:
    """A number as the file has it: as text, with a fraction, or whole."""
    if isinstance(was, str):
        return str(int(value))
    return value if isinstance(was, float) else int(value)


def _first(document: Document, paths: tuple[str, ...]) -> int:
    """The place of the first path where the file has a text."""
    return next((place for place, path in enumerate(paths) if document.text_at(path)), 0)


def _put(content: dict[str, Any], path: str, value: Any) -> None:
    *parents, name = path_of(path)
    for one in parents:
        content = content.setdefault(one, {})
    content[name] = value


def _take_out(content: dict[str, Any], path: str) -> None:
    *parents, name = path_of(path)
    for one in parents:
        content = content[one]
    del content[name]


def _tokens_in(reply: Reply) -> Tokens | None:
    document = Body(reply).json
    if document is BROKEN or not isinstance(document, dict):
        return None
    access, refresh = document.get("access_token"), document.get("refresh_token")
    if not isinstance(access, str) or not oauth_file.SENDABLE.fullmatch(access):
        return None
    lifetime = positive(document.get("expires_in"))
    return Tokens(
        access=Secret(access),
        refresh=Secret(refresh) if isinstance(refresh, str) and 0 < len(refresh) <= _LONGEST_TOKEN else None,
        lifetime=None if lifetime is None else min(lifetime, _LONGEST_LIFE),
    )


def _error_in(reply: Reply) -> str:
    """The error code of RFC 6749, 5.2, also where a provider wraps it in an object."""
    document = Body(reply).json
    if document is BROKEN or reply.failure is not None:
        return ""
    found = (text_of(value) for path in _ERROR_AT for value in values_at(document, path_of(path)))
    return next((text for text in found if text), "")


def _as_probe(entry: Provider) -> Provider:
    """The provider as if the renewal was its probe: the same rules say what a refusal of it means."""
    renewal = _renewal(entry.auth)
    probe = Probe(
        method="POST",
        path=renewal.path,
        endpoint=renewal.endpoint,
        authenticated=True,
        cost="zero",
        success=Success(expect={"access_token": "string"}),
        ev=entry.probe.ev,
    )
    return msgspec.structs.replace(entry, probe=probe)


def _renewal(auth: Auth) -> TokenRenewal:
    if auth.file is None or auth.file.renewal is None:
        raise AssertionError(f"nothing is known of a renewal for {auth.scheme}")
    return auth.file.renewal
