"""The token of a request, looked at without verifying it: what cannot pass is refused before anybody is asked."""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass, field
from typing import Final

import msgspec

from llmkeys.api.names import TOKEN_AUDIENCE
from llmkeys.unsealer.refusal import Reason, Refusal

MAX_TOKEN: Final = 16 * 1024
# The API server decides whether a token has expired. This only saves it the question, also where a clock is wrong.
_LONG_EXPIRED: Final = 24 * 3600.0
_SCHEME: Final = "bearer"
# RFC 7515, 7.1: header, payload and signature in base64url without padding.
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]+\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+")


class _Pod(msgspec.Struct):
    name: str
    uid: str


class _Kubernetes(msgspec.Struct):
    namespace: str
    pod: _Pod | None = None


class _Claims(msgspec.Struct, rename={"kubernetes": "kubernetes.io"}):
    """https://kubernetes.io/docs/reference/access-authn-authz/service-accounts-admin/#schema-for-service-account-private-claims."""

    iss: str
    aud: str | list[str]
    exp: float
    kubernetes: _Kubernetes


_claims = msgspec.json.Decoder(_Claims)


@dataclass(frozen=True, slots=True)
class Bearer:
    """A token that has the shape of one of a service account; nothing has proven it yet.

    Args:
        text: the token itself.
        digest: SHA-256 of it, by which verdicts are remembered.
        pod_bound: it says that it is bound to a pod.

    """

    text: str = field(repr=False)
    digest: bytes = field(repr=False)
    pod_bound: bool


def bearer_from(authorization: str | None, now: float) -> Bearer | Refusal:
    """The token in an Authorization header (RFC 6750, 2.1).

    Args:
        authorization: the header's value, None if there is none.
        now: epoch seconds.

    """
    scheme, _, text = (authorization or "").partition(" ")
    text = text.strip()
    if scheme.lower() != _SCHEME or not text:
        return Refusal(
            Reason.TOKEN_MISSING,
            "Send 'Authorization: Bearer TOKEN' with the pod's projected service account token of audience "
            f"{TOKEN_AUDIENCE}.",
        )
    claims = _read(text)
    if claims is None or claims.exp + _LONG_EXPIRED < now:
        return Refusal(
            Reason.TOKEN_INVALID,
            "The token is no current token of a service account. Mount a projected token of audience "
            f"{TOKEN_AUDIENCE} and read its file again for every request.",
        )
    if TOKEN_AUDIENCE not in (claims.aud if isinstance(claims.aud, list) else [claims.aud]):
        return wrong_audience()
    return Bearer(text, hashlib.sha256(text.encode()).digest(), claims.kubernetes.pod is not None)


def wrong_audience() -> Refusal:
    """The token was made for somebody else."""
    return Refusal(
        Reason.WRONG_AUDIENCE,
        f"The token is not for this service. Mount a projected token with audience {TOKEN_AUDIENCE}; the token that "
        "every pod has by default is for the API server.",
    )


def not_pod_bound() -> Refusal:
    """The token was made by hand."""
    return Refusal(
        Reason.NOT_POD_BOUND,
        "The token is not bound to a pod. Use the one that the kubelet projects into the pod (volumes.projected."
        "sources.serviceAccountToken); tokens made by hand open nothing.",
    )


def _read(text: str) -> _Claims | None:
    if len(text) > MAX_TOKEN:
        return None
    match = _TOKEN.fullmatch(text)
    if match is None:
        return None
    payload = match[1]
    try:
        return _claims.decode(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (msgspec.MsgspecError, UnicodeDecodeError, binascii.Error):
        return None
