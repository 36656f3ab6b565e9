import hashlib
import hmac
import re
from datetime import UTC, datetime
from urllib.parse import parse_qsl, quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.catalogue.credential import Auth
from llmkeys.crypto.secret import Secret
from llmkeys.probe.auth import aws_sigv4
from llmkeys.probe.auth.scheme import CredentialUnusableError, Showing
from llmkeys.probe.request import ProbeRequest
from tests.unit.probe.auth.credentials import NOW

# The pair, the moment and the signatures are those of AWS's own test suite for Signature Version 4.
PAIR = {"accessKeyId": "AKIDEXAMPLE", "secretAccessKey": "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
SUITE_MOMENT = datetime(2015, 8, 30, 12, 36, tzinfo=UTC).timestamp()
SUITE = [
    ("https://example.amazonaws.com/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
    (
        "https://example.amazonaws.com/?Param2=value2&Param1=value1",
        "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
    ),
]


def signed(
    url: str, *, now: float | None = SUITE_MOMENT, token: str = "", region: str = "us-east-1", body: bytes = b""
) -> dict[str, str]:
    fields = {name: Secret(text) for name, text in (PAIR | ({"sessionToken": token} if token else {})).items()}
    auth = Auth(scheme="aws_sigv4", service="service", region_field="region")
    request = ProbeRequest("POST" if body else "GET", url, body=body)
    shown = aws_sigv4.show(request, Showing(auth, fields, {"region": region} if region else {}, now))
    return dict(shown.headers) | {name: secret.reveal() for name, secret in shown.secret_headers}


@pytest.mark.parametrize(("url", "signature"), SUITE)
def test_the_vendors_examples_are_signed_as_the_vendor_signs_them(url: str, signature: str) -> None:
    headers = signed(url)
    assert headers["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders=host;x-amz-date, Signature={signature}"
    )
    assert headers["X-Amz-Date"] == "20150830T123600Z"


def expected(method: str, url: str, body: bytes, headers: dict[str, str], region: str) -> str:
    """The signature again, written down from the specification in another way."""
    parts = urlsplit(url)
    lines = [f"{quote(name, safe='-_.~')}={quote(value, safe='-_.~')}" for name, value in parse_qsl(parts.query, True)]
    names = sorted(headers)
    canonical = f"{method}\n{quote(parts.path) or '/'}\n{'&'.join(sorted(lines, key=lambda one: one.split('=')))}\n"
    canonical += "".join(f"{name}:{headers[name]}\n" for name in names)
    canonical += f"\n{';'.join(names)}\n{hashlib.sha256(body).hexdigest()}"
    stamp = headers["x-amz-date"]
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{stamp[:8]}/{region}/service/aws4_request\n"
    text += hashlib.sha256(canonical.encode()).hexdigest()
    key = b"AWS4" + PAIR["secretAccessKey"].encode()
    for step in (stamp[:8], region, "service", "aws4_request"):
        key = hmac.new(key, step.encode(), "sha256").digest()
    return hmac.new(key, text.encode(), "sha256").hexdigest()


@given(
    st.text("abcXYZ019-_.~ /+%", max_size=12),
    st.dictionaries(st.text("abXY09-_", min_size=1, max_size=5), st.text("ab 09/+=é", max_size=5), max_size=3),
    st.sampled_from(["", "session/token+1=="]),
    st.sampled_from(["us-east-1", "eu-central-1"]),
    st.binary(max_size=20),
    st.integers(0, 4_000_000_000),
)
def test_any_request_is_signed_as_the_specification_says(
    path: str, query: dict[str, str], token: str, region: str, body: bytes, now: int
) -> None:
    url = f"https://bedrock.us-east-1.amazonaws.com/{quote(path)}"
    if query:
        url += "?" + "&".join(f"{quote(name)}={quote(value, safe='')}" for name, value in query.items())
    headers = signed(url, now=float(now), token=token, region=region, body=body)
    lowered = {"host": "bedrock.us-east-1.amazonaws.com", "x-amz-date": headers["X-Amz-Date"]}
    if token:
        lowered["x-amz-security-token"] = token
    found = re.search(r"Signature=([0-9a-f]{64})$", headers["Authorization"])
    assert found
    assert found[1] == expected("POST" if body else "GET", url, body, lowered, region)


def test_a_session_token_is_sent_and_signed() -> None:
    headers = signed("https://example.amazonaws.com/", token="session")
    assert headers["X-Amz-Security-Token"] == "session"
    assert "SignedHeaders=host;x-amz-date;x-amz-security-token" in headers["Authorization"]


def test_without_a_region_nothing_is_signed() -> None:
    with pytest.raises(CredentialUnusableError, match="region"):
        signed("https://example.amazonaws.com/", region="")


def test_without_the_time_nothing_is_signed() -> None:
    with pytest.raises(ValueError, match="moment"):
        signed("https://example.amazonaws.com/", now=None)


def test_the_secret_key_is_nowhere_in_the_request() -> None:
    shown = signed("https://example.amazonaws.com/", now=NOW)
    assert not any(PAIR["secretAccessKey"] in text for text in shown.values())
