from typing import Any
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from llmkeys.api.reasons import Reason
from llmkeys.catalogue.loader import load
from llmkeys.crypto.secret import Secret
from llmkeys.probe.auth import service_account as scheme
from llmkeys.probe.auth.scheme import CredentialUnusableError, Showing
from llmkeys.probe.request import ProbeRequest
from tests.unit.probe.auth.credentials import NOW, pem, private_key, service_account

VERTEX = load().find("google-vertex")


def shown(document: str) -> ProbeRequest:
    showing = Showing(VERTEX.auth, {"serviceAccountJson": Secret(document)}, {}, NOW)
    return scheme.show(ProbeRequest("POST", "https://gw.example/token"), showing)


def claims_in(request: ProbeRequest) -> Any:
    assert request.secret_body is not None
    form = parse_qs(request.secret_body.reveal(), strict_parsing=True)
    assert form["grant_type"] == ["urn:ietf:params:oauth:grant-type:jwt-bearer"]
    (assertion,) = form["assertion"]
    assert jwt.get_unverified_header(assertion) == {"alg": "RS256", "kid": "0123", "typ": "JWT"}
    options: Any = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
    return jwt.decode(assertion, private_key().public_key(), algorithms=["RS256"], options=options)


def test_the_key_signs_an_assertion_for_googles_token_service() -> None:
    request = shown(service_account())
    assert claims_in(request) == {
        "iss": "operator@a-project.iam.gserviceaccount.com",
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "aud": "https://oauth2.googleapis.com/token",
        "iat": 1767225600,
        "exp": 1767225900,
    }
    assert ("Content-Type", "application/x-www-form-urlencoded") in request.headers
    assert request.body == b""


def test_neither_key_nor_assertion_can_be_printed() -> None:
    request = shown(service_account())
    assert request.secret_body is not None
    assert request.secret_body.reveal()[-40:] not in repr(request)
    assert "PRIVATE KEY" not in repr(request)


@pytest.mark.parametrize("uri", ["https://oauth2.googleapis.com/token", "https://oauth2.googleapis.com/token/", None])
def test_the_addresses_that_we_know_are_taken(uri: str | None) -> None:
    assert scheme.check(service_account(token_uri=uri), VERTEX.auth) is None


@pytest.mark.parametrize(
    "uri",
    [
        "https://tenant.example/token",
        "https://oauth2.googleapis.com.tenant.example/token",
        "https://oauth2.googleapis.com@tenant.example/token",
        "http://oauth2.googleapis.com/token",
        "https://oauth2.googleapis.com/token?x=https://tenant.example",
        "//tenant.example",
        "https://OAUTH2.googleapis.com/token",
    ],
)
def test_an_address_in_the_document_is_neither_followed_nor_signed_for(uri: str) -> None:
    problem = scheme.check(service_account(token_uri=uri), VERTEX.auth)
    assert problem is not None
    assert problem.reason is Reason.BAD_ENDPOINT
    assert "token_uri" in problem.because
    assert "tenant" not in problem.because
    with pytest.raises(CredentialUnusableError):
        shown(service_account(token_uri=uri))


def other_key() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.mark.parametrize(
    ("changed", "reason", "words"),
    [
        ({"private_key": None}, Reason.MALFORMED_KEY, "private_key"),
        ({"client_email": ""}, Reason.MALFORMED_KEY, "client_email"),
        ({"client_email": 7}, Reason.MALFORMED_KEY, "client_email"),
        ({"private_key": "no pem"}, Reason.MALFORMED_KEY, "PEM"),
        (
            {"private_key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"},
            Reason.MALFORMED_KEY,
            "RSA",
        ),
        ({"private_key": "\udc80"}, Reason.MALFORMED_KEY, "JSON"),
        ({"private_key": "EC"}, Reason.MALFORMED_KEY, "RSA"),
        ({"type": "authorized_user"}, Reason.WRONG_CREDENTIAL_TYPE, "gcloud"),
        ({"type": "external_account"}, Reason.WRONG_CREDENTIAL_TYPE, "identity federation"),
        ({"access_token": "ya29.x"}, Reason.WRONG_CREDENTIAL_TYPE, "OAuth client"),
    ],
)
def test_a_document_that_cannot_sign_says_why(changed: dict[str, Any], reason: Reason, words: str) -> None:
    if changed.get("private_key") == "EC":
        changed = {"private_key": other_key()}
    problem = scheme.check(service_account(**changed), VERTEX.auth)
    assert problem is not None
    assert (problem.reason, words in problem.because) == (reason, True)


def test_a_key_in_the_older_form_signs_too() -> None:
    older = private_key().private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()).decode()
    assert older != pem()
    assert claims_in(shown(service_account(private_key=older)))["iss"].startswith("operator@")
