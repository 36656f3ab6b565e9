"""Who calls, by the word of the API server."""

import re
from dataclasses import dataclass
from typing import Final

import msgspec

from llmkeys.api.names import TOKEN_AUDIENCE
from llmkeys.unsealer.bearer import not_pod_bound, wrong_audience
from llmkeys.unsealer.refusal import Reason, Refusal

_ACCOUNT: Final = re.compile(r"system:serviceaccount:([a-z0-9-]{1,63}):([a-z0-9.-]{1,253})")
_POD_NAME: Final = "authentication.kubernetes.io/pod-name"
_POD_UID: Final = "authentication.kubernetes.io/pod-uid"


class User(msgspec.Struct, frozen=True):
    """As a TokenReview describes it."""

    username: str = ""
    uid: str = ""
    groups: tuple[str, ...] = ()
    extra: dict[str, list[str]] = {}


class TokenVerdict(msgspec.Struct, frozen=True):
    """The status of a TokenReview (authentication.k8s.io/v1)."""

    authenticated: bool = False
    user: User = User()
    audiences: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Caller:
    """A service account, and the pod that its token is bound to.

    Args:
        namespace: of the account, and so of what it may ask for.
        account: its name there.
        user: in the API server's words, for further questions to it.
        pod: name; empty for a token without a pod.
        pod_uid: of that pod; empty likewise.

    """

    namespace: str
    account: str
    user: User
    pod: str = ""
    pod_uid: str = ""


def caller_from(verdict: TokenVerdict) -> Caller | Refusal:
    """The service account that a token proves."""
    match = _ACCOUNT.fullmatch(verdict.user.username)
    if not verdict.authenticated or match is None:
        return Refusal(
            Reason.TOKEN_INVALID,
            "The API server does not accept the token: it is forged, has expired, or its pod or account is gone. "
            "Read the token's file again for every request.",
        )
    # An empty list is how an API server says that it looked at no audience but its own.
    if TOKEN_AUDIENCE not in verdict.audiences:
        return wrong_audience()
    extra = verdict.user.extra
    return Caller(match[1], match[2], verdict.user, _one(extra.get(_POD_NAME)), _one(extra.get(_POD_UID)))


def require_pod(caller: Caller) -> Refusal | None:
    """Refuse whom no pod stands behind."""
    return None if caller.pod and caller.pod_uid else not_pod_bound()


def _one(values: list[str] | None) -> str:
    return values[0] if values and len(values) == 1 else ""
