"""A token that we sign with the secret half of a key `<id>.<secret>`, as Zhipu's older API wants it."""

import warnings
from typing import Final

from llmkeys.api.reasons import Reason
from llmkeys.catalogue.credential import Auth
from llmkeys.probe.auth.plain import with_bearer
from llmkeys.probe.auth.scheme import CredentialUnusableError, Problem, Showing
from llmkeys.probe.request import ProbeRequest

_LIFETIME: Final = 210.0
_MILLISECONDS: Final = 1000


def show(request: ProbeRequest, showing: Showing) -> ProbeRequest:
    """Sign for the next 210 seconds; this API counts in milliseconds where RFC 7519 counts in seconds."""
    import jwt  # noqa: PLC0415  it brings TLS along, which sealing a key never needs

    identity, dot, secret = showing.revealed(showing.auth.field).partition(".")
    if not (identity and dot and secret):
        raise CredentialUnusableError("the key is not of the form id.secret")
    claims = {
        "api_key": identity,
        "exp": int((showing.moment + _LIFETIME) * _MILLISECONDS),
        "timestamp": int(showing.moment * _MILLISECONDS),
    }
    with warnings.catch_warnings():
        # The vendor's secrets are shorter than RFC 7518 wants; that is not ours to mend.
        warnings.simplefilter("ignore")
        token = jwt.encode(claims, secret, algorithm="HS256", headers={"sign_type": "SIGN"})
    return with_bearer(request, token)


def check(text: str, _auth: Auth) -> Problem | None:
    """Whether the key has both halves."""
    identity, _, secret = text.partition(".")
    return None if identity and secret else Problem(Reason.MALFORMED_KEY, "it is not of the form id.secret")
