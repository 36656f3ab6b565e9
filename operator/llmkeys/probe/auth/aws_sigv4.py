"""AWS Signature Version 4, in the Authorization header.

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final
from urllib.parse import parse_qsl, quote, urlsplit

from llmkeys.crypto.secret import Secret
from llmkeys.probe.auth.hmac_chain import chained, signature
from llmkeys.probe.auth.scheme import CredentialUnusableError, Showing
from llmkeys.probe.request import ProbeRequest

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_END: Final = "aws4_request"
_UNRESERVED: Final = "-_.~"


def show(request: ProbeRequest, showing: Showing) -> ProbeRequest:
    """Sign with `accessKeyId`, `secretAccessKey` and, for temporary credentials, `sessionToken`."""
    auth = showing.auth
    region = auth.region or showing.config.get(auth.region_field, "")
    if not region:
        raise CredentialUnusableError("a signature needs a region")
    moment = datetime.fromtimestamp(showing.moment, UTC)
    stamp, day = moment.strftime("%Y%m%dT%H%M%SZ"), moment.strftime("%Y%m%d")
    token = showing.fields.get("sessionToken")
    signed = {"host": urlsplit(request.url).netloc, "x-amz-date": stamp}
    if token is not None:
        signed["x-amz-security-token"] = token.reveal()
    scope = f"{day}/{region}/{auth.service}/{_END}"
    canonical = "\n".join(_canonical(request, signed))
    to_sign = "\n".join((_ALGORITHM, stamp, scope, sha256(canonical.encode()).hexdigest()))
    key = chained(f"AWS4{showing.revealed('secretAccessKey')}", day, region, auth.service, _END)
    shown = (
        f"{_ALGORITHM} Credential={showing.revealed('accessKeyId')}/{scope}, "
        f"SignedHeaders={';'.join(sorted(signed))}, Signature={signature(key, to_sign)}"
    )
    secrets = [("Authorization", Secret(shown))]
    if token is not None:
        secrets.append(("X-Amz-Security-Token", token))
    return replace(
        request,
        headers=(*request.headers, ("X-Amz-Date", stamp)),
        secret_headers=(*request.secret_headers, *secrets),
    )


def _canonical(request: ProbeRequest, signed: dict[str, str]) -> Iterator[str]:
    """The request as both sides write it down before they sign it."""
    parts = urlsplit(request.url)
    yield request.method
    # Every service but S3 has the path encoded once more than it is sent.
    yield quote(parts.path or "/", safe=f"/{_UNRESERVED}")
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    encoded = sorted((quote(name, safe=_UNRESERVED), quote(value, safe=_UNRESERVED)) for name, value in pairs)
    yield "&".join(f"{name}={value}" for name, value in encoded)
    for name in sorted(signed):
        yield f"{name}:{' '.join(signed[name].split())}"
    yield ""
    yield ";".join(sorted(signed))
    yield sha256(request.body).hexdigest()
