"""Tencent Cloud's TC3-HMAC-SHA256 (https://cloud.tencent.com/document/api/1312/48171).

The action is a fixed header of the catalogue, so the body of a POST and the query of a GET are parameters only.
"""

from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final
from urllib.parse import urlsplit

from llmkeys.crypto.secret import Secret
from llmkeys.probe.auth.hmac_chain import chained, signature
from llmkeys.probe.auth.scheme import FORM, Showing
from llmkeys.probe.request import ProbeRequest

_ALGORITHM: Final = "TC3-HMAC-SHA256"
_END: Final = "tc3_request"
_JSON: Final = ("Content-Type", "application/json")
_SIGNED: Final = "content-type;host"


def show(request: ProbeRequest, showing: Showing) -> ProbeRequest:
    """Sign with `secretId` and `secretKey`, for the service of the catalogue."""
    parts = urlsplit(request.url)
    content_type = _JSON if request.method == "POST" else FORM
    canonical = "\n".join(
        (
            request.method,
            "/",
            "" if request.method == "POST" else parts.query,
            f"content-type:{content_type[1]}",
            f"host:{parts.netloc}",
            "",
            _SIGNED,
            sha256(request.body).hexdigest(),
        )
    )
    stamp = str(int(showing.moment))
    day = datetime.fromtimestamp(int(stamp), UTC).strftime("%Y-%m-%d")
    scope = f"{day}/{showing.auth.service}/{_END}"
    to_sign = "\n".join((_ALGORITHM, stamp, scope, sha256(canonical.encode()).hexdigest()))
    key = chained(f"TC3{showing.revealed('secretKey')}", day, showing.auth.service, _END)
    shown = (
        f"{_ALGORITHM} Credential={showing.revealed('secretId')}/{scope}, "
        f"SignedHeaders={_SIGNED}, Signature={signature(key, to_sign)}"
    )
    return replace(
        request,
        headers=(*request.headers, content_type, ("X-TC-Timestamp", stamp)),
        secret_headers=(*request.secret_headers, ("Authorization", Secret(shown))),
    )
