import hashlib
import hmac
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.catalogue.credential import Auth
from llmkeys.crypto.secret import Secret
from llmkeys.probe.auth import tc3
from llmkeys.probe.auth.scheme import CredentialUnusableError, Showing
from llmkeys.probe.request import ProbeRequest

# The pair, the moment and the signature are those of the vendor's documentation of the scheme.
PAIR = {"secretId": "AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE", "secretKey": "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE"}


def signed(method: str, url: str, now: float, body: bytes = b"") -> dict[str, str]:
    fields = {name: Secret(text) for name, text in PAIR.items()}
    showing = Showing(Auth(scheme="tc3_hmac_sha256", service="cvm"), fields, {}, now)
    shown = tc3.show(ProbeRequest(method, url, body=body), showing)
    return dict(shown.headers) | {name: secret.reveal() for name, secret in shown.secret_headers}


def test_the_vendors_example_is_signed_as_the_vendor_signs_it() -> None:
    assert signed("GET", "https://cvm.tencentcloudapi.com/?Limit=10&Offset=0", 1539084154) == {
        "Authorization": (
            "TC3-HMAC-SHA256 Credential=AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE/2018-10-09/cvm/tc3_request, "
            "SignedHeaders=content-type;host, "
            "Signature=5da7a33f6993f0614b047e5df4582db9e9bf4672ba50567dba16c6ccf174c474"
        ),
        "Content-Type": "application/x-www-form-urlencoded",
        "X-TC-Timestamp": "1539084154",
    }


@given(st.binary(max_size=20), st.integers(0, 4_000_000_000))
def test_a_post_is_signed_with_its_body_for_the_day_in_utc(body: bytes, now: int) -> None:
    headers = signed("POST", "https://asr.tencentcloudapi.com/", now, body)
    day = datetime.fromtimestamp(now, UTC).date().isoformat()
    canonical = "POST\n/\n\ncontent-type:application/json\nhost:asr.tencentcloudapi.com\n\ncontent-type;host\n"
    canonical += hashlib.sha256(body).hexdigest()
    text = f"TC3-HMAC-SHA256\n{now}\n{day}/cvm/tc3_request\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"TC3{PAIR['secretKey']}".encode()
    for step in (day, "cvm", "tc3_request"):
        key = hmac.new(key, step.encode(), "sha256").digest()
    assert headers["Authorization"].endswith(f"Signature={hmac.new(key, text.encode(), 'sha256').hexdigest()}")
    assert headers["Content-Type"] == "application/json"


def test_half_a_pair_signs_nothing() -> None:
    showing = Showing(Auth(scheme="tc3_hmac_sha256", service="sts"), {"secretId": Secret("AKID1")}, {}, 1.0)
    with pytest.raises(CredentialUnusableError, match="secretKey"):
        tc3.show(ProbeRequest("GET", "https://sts.tencentcloudapi.com/"), showing)
