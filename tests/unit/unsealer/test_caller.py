import pytest

from llmkeys.unsealer.caller import Caller, TokenVerdict, User, caller_from, require_pod
from llmkeys.unsealer.refusal import Reason, Refusal
from tests.unit.unsealer.world import verdict


def why(found: TokenVerdict) -> Reason | None:
    caller = caller_from(found)
    return caller.reason if isinstance(caller, Refusal) else None


def test_a_service_account_comes_out_with_its_namespace_and_pod() -> None:
    caller = caller_from(verdict("chat", "team-a", pod="chat-1"))
    assert isinstance(caller, Caller)
    assert (caller.namespace, caller.account, caller.pod, caller.pod_uid) == ("team-a", "chat", "chat-1", "pod-uid")
    assert require_pod(caller) is None


def test_what_the_api_server_does_not_accept_is_invalid() -> None:
    assert why(verdict(authenticated=False)) is Reason.TOKEN_INVALID


@pytest.mark.parametrize(
    "username",
    [
        "",
        "alice",
        "system:node:a",
        "system:serviceaccount:a",
        "system:serviceaccount:a:b:c",
        "x:system:serviceaccount:a:b",
    ],
)
def test_who_is_no_service_account_is_invalid(username: str) -> None:
    assert why(verdict(user=User(username))) is Reason.TOKEN_INVALID


@pytest.mark.parametrize("audiences", [(), ("https://kubernetes.default.svc",)])
def test_an_api_server_that_did_not_look_at_the_audience_proves_nothing(audiences: tuple[str, ...]) -> None:
    assert why(verdict(audiences=audiences)) is Reason.WRONG_AUDIENCE


@pytest.mark.parametrize("values", [[], ["a", "b"], [""]])
def test_a_pod_must_be_named_exactly_once(values: list[str]) -> None:
    extra = {"authentication.kubernetes.io/pod-name": values, "authentication.kubernetes.io/pod-uid": ["u"]}
    caller = caller_from(verdict(user=User("system:serviceaccount:team-a:chat", extra=extra)))
    assert isinstance(caller, Caller)
    refusal = require_pod(caller)
    assert refusal is not None
    assert refusal.reason is Reason.NOT_POD_BOUND


def test_a_pod_without_a_uid_is_none() -> None:
    extra = {"authentication.kubernetes.io/pod-name": ["chat-1"]}
    caller = caller_from(verdict(user=User("system:serviceaccount:team-a:chat", extra=extra)))
    assert isinstance(caller, Caller)
    assert require_pod(caller) is not None
