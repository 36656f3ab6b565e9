"""A Google service account's key: an assertion that we sign, posted for an access token (RFC 7523, 2.1).

The address in the document is compared with the catalogue's and never followed; the assertion is of no use elsewhere.
"""

from dataclasses import replace
from typing import Final
from urllib.parse import urlencode

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from llmkeys.api.reasons import Reason
from llmkeys.catalogue.credential import Auth
from llmkeys.crypto.secret import Secret
from llmkeys.probe.auth.document import Document, problem_in, read
from llmkeys.probe.auth.scheme import FORM, CredentialUnusableError, Problem, Showing
from llmkeys.probe.request import ProbeRequest

_GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_LIFETIME: Final = 300


def show(request: ProbeRequest, showing: Showing) -> ProbeRequest:
    """The request for a token, which proves the key by itself."""
    import jwt  # noqa: PLC0415  it brings TLS along, which sealing a key never needs

    auth = showing.auth
    text = showing.revealed(auth.field)
    document = read(text)
    if document is None or problem_in(text, auth) is not None:
        raise CredentialUnusableError("the document is no service account's key")
    issued = int(showing.moment)
    claims = {
        "iss": document.text_at("client_email"),
        "scope": auth.scope,
        "aud": auth.audience,
        "iat": issued,
        "exp": issued + _LIFETIME,
    }
    key = _private_key(document)
    if key is None:
        raise CredentialUnusableError("the private key cannot be read")
    assertion = jwt.encode(claims, key, algorithm="RS256", headers={"kid": document.text_at("private_key_id")})
    body = urlencode({"grant_type": _GRANT, "assertion": assertion})
    return replace(request, headers=(*request.headers, FORM), secret_body=Secret(body))


def check(text: str, auth: Auth) -> Problem | None:
    """Whether the document is a service account's key for the token endpoint that we know."""
    problem = problem_in(text, auth)
    if problem is not None:
        return problem
    document = read(text)
    if document is not None and _private_key(document) is not None:
        return None
    return Problem(Reason.MALFORMED_KEY, "its private_key is no RSA key in PEM")


def _private_key(document: Document) -> RSAPrivateKey | None:
    try:
        # The checks of its numbers take long, and a key with wrong ones is refused by its issuer.
        key = load_pem_private_key(
            document.text_at("private_key").encode(), password=None, unsafe_skip_rsa_key_validation=True
        )
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, RSAPrivateKey) else None
