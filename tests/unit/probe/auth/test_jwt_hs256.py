import base64
import hmac
import json
from typing import Any

import pytest

from llmkeys.api.reasons import Reason
from llmkeys.catalogue.credential import Auth
from llmkeys.crypto.secret import Secret
from llmkeys.probe.auth import jwt_hs256
from llmkeys.probe.auth.scheme import CredentialUnusableError, Showing
from llmkeys.probe.request import ProbeRequest
from tests.unit.probe.auth.credentials import NOW

AUTH = Auth(scheme="jwt_hs256", field="signingKey")


def bearer_of(key: str) -> str:
    shown = jwt_hs256.show(
        ProbeRequest("GET", "https://a.example/models"), Showing(AUTH, {"signingKey": Secret(key)}, {}, NOW)
    )
    ((name, secret),) = shown.secret_headers
    assert name == "Authorization"
    return secret.reveal().removeprefix("Bearer ")


def decoded(part: str) -> Any:
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_a_key_becomes_a_token_for_a_few_minutes_counted_in_milliseconds() -> None:
    header, claims, signature = bearer_of("an-id.a-secret").split(".")
    assert decoded(header) == {"alg": "HS256", "sign_type": "SIGN", "typ": "JWT"}
    assert decoded(claims) == {"api_key": "an-id", "exp": 1767225810000, "timestamp": 1767225600000}
    expected = hmac.new(b"a-secret", f"{header}.{claims}".encode(), "sha256").digest()
    assert base64.urlsafe_b64decode(signature + "=") == expected


@pytest.mark.parametrize("key", ["no-dot", ".half", "half.", "."])
def test_a_key_without_both_halves_is_refused_and_never_signs(key: str) -> None:
    problem = jwt_hs256.check(key, AUTH)
    assert problem is not None
    assert problem.reason is Reason.MALFORMED_KEY
    assert "half" not in problem.because
    with pytest.raises(CredentialUnusableError):
        bearer_of(key)


def test_a_key_with_both_halves_is_not_refused() -> None:
    assert jwt_hs256.check("id.secret", AUTH) is None
