"""Client credentials that are exchanged for an access token before the probe is sent (RFC 6749, 4.4)."""

import re
from typing import Final
from urllib.parse import urlencode

import msgspec

from llmkeys.api.reasons import Reason
from llmkeys.catalogue.calls import Probe, Success
from llmkeys.catalogue.model import Provider
from llmkeys.catalogue.rule import path_of, values_at
from llmkeys.crypto.secret import Secret
from llmkeys.probe.auth.plain import with_bearer
from llmkeys.probe.auth.scheme import FORM, CredentialUnusableError, Showing
from llmkeys.probe.auth.template import filled
from llmkeys.probe.body import BROKEN, Body
from llmkeys.probe.classify import classify
from llmkeys.probe.reply import Reply
from llmkeys.probe.request import ProbeRequest
from llmkeys.probe.verdict import Verdict

_SENDABLE: Final = re.compile(r"[\x21-\x7e]+")
_ACCEPT: Final = ("Accept", "application/json")


def show(request: ProbeRequest, showing: Showing) -> ProbeRequest:
    """The probe, with the token that the exchange gave."""
    if showing.token is None:
        raise CredentialUnusableError("the credential was not exchanged for a token")
    return with_bearer(request, showing.token.reveal())


def token_request(url: str, showing: Showing) -> ProbeRequest:
    """The request for a token, which holds the credential in its body.

    Args:
        url: of the token endpoint: the catalogue's, or the one that the LLMProvider names.
        showing: the credential.

    """
    values = {**showing.config, **{name: secret.reveal() for name, secret in showing.fields.items()}}
    exchange = showing.auth.exchange
    form = {name: filled(text, values) for name, text in exchange.form.items()} if exchange else {}
    return ProbeRequest("POST", url, (_ACCEPT, FORM), secret_body=Secret(urlencode(form)))


def as_probe(entry: Provider) -> Provider:
    """The provider as if the exchange was its probe: the same rules say what a refusal of it means."""
    exchange = entry.auth.exchange
    if exchange is None:
        return entry
    probe = Probe(
        method="POST",
        path=exchange.path,
        endpoint=exchange.endpoint,
        authenticated=True,
        cost="zero",
        success=Success(expect={exchange.token: "string"}),
        ev=entry.probe.ev,
    )
    return msgspec.structs.replace(entry, probe=probe)


def token_of(reply: Reply, entry: Provider, now: float) -> Secret | Verdict:
    """The token that a reply to the exchange gives, or what the reply means where it gives none that could be shown.

    Args:
        reply: to `token_request`.
        entry: of the catalogue, with an exchange.
        now: epoch seconds, see `classify`.

    """
    verdict = classify(reply, as_probe(entry), now=now)
    if verdict.reason is not Reason.VERIFIED:
        return verdict
    # A success without a token that could be shown proves nothing.
    return _token_in(reply, entry) or Verdict(Reason.UNRECOGNISED, reply.status)


def _token_in(reply: Reply, entry: Provider) -> Secret | None:
    document = Body(reply).json
    if entry.auth.exchange is None or document is BROKEN:
        return None
    found = values_at(document, path_of(entry.auth.exchange.token))
    return next((Secret(one) for one in found if isinstance(one, str) and _SENDABLE.fullmatch(one)), None)
