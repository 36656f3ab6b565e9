"""What a provider says of a key, and what the credential then says: the matrix, on a real API server."""

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import pytest

from llmkeys.api.conditions import TYPES
from llmkeys.api.names import CREDENTIAL_KIND
from tests.support.simulator.behaviour import Behaviour, Kind
from tests.support.stage import new_key
from tests.support.wait import eventually
from tests.support.world import World


@dataclass(frozen=True)
class Shape:
    """The conditions of a line of the matrix, for a key that was never proven."""

    active: str
    invalid: str
    limited: str
    ready: str
    reconciling: str
    stalled: str
    synced: str


GOOD: Final = Shape("True", "False", "False", "True", "False", "False", "Synced")
DEAD: Final = Shape("False", "True", "False", "False", "False", "True", "AwaitingKey")
LIMITED: Final = Shape("Unknown", "False", "True", "Unknown", "True", "False", "AwaitingKey")
WITHOUT_QUOTA: Final = Shape("False", "False", "True", "False", "False", "True", "AwaitingKey")
UNUSABLE: Final = Shape("False", "False", "False", "False", "False", "True", "AwaitingKey")
WITHOUT_MODEL: Final = Shape("True", "False", "False", "False", "False", "False", "Synced")
UNDECIDED: Final = Shape("Unknown", "False", "False", "Unknown", "True", "False", "AwaitingKey")
MISCONFIGURED: Final = Shape("Unknown", "False", "False", "False", "False", "True", "AwaitingKey")


@dataclass(frozen=True)
class Case:
    """One key at one provider.

    Args:
        name: of the credential.
        behaviour: of the provider towards the key.
        reason, shape: what the credential must say.
        kind: of the provider.
        says: a part of Ready's message.
        provider: more of its spec.
    """

    name: str
    behaviour: Behaviour
    reason: str
    shape: Shape
    kind: str = "openai"
    says: str = ""
    provider: dict[str, object] = field(default_factory=dict)


def error(status: int, code: str | None, message: str = "", headers: dict[str, str] | None = None) -> Behaviour:
    body = json.dumps({"error": {"message": message, "type": "invalid_request_error", "code": code}})
    return Behaviour.raw(status, {"Content-Type": "application/json", **(headers or {})}, body)


CASES: Final = (
    Case("good", Behaviour.GOOD, "Verified", GOOD, says='Key "k1" was accepted by OpenAI.'),
    Case("good-anthropic", Behaviour.GOOD, "Verified", GOOD, kind="anthropic"),
    Case("slow", Behaviour.slow(1), "Verified", GOOD),
    Case("revoked", Behaviour.REVOKED, "Rejected", DEAD, says="https://platform.openai.com/account/api-keys"),
    Case("revoked-anthropic", Behaviour.REVOKED, "Rejected", DEAD, kind="anthropic"),
    Case("revoked-in-200", Behaviour.error_in_200(Kind.REVOKED), "Rejected", DEAD),
    Case("expired", error(401, None, "Your token expired"), "Expired", DEAD),
    Case("blocked", Behaviour.ACCOUNT_BLOCKED, "AccountBlocked", DEAD),
    Case("throttled", Behaviour.throttled(3600), "Throttled", LIMITED),
    Case("overloaded", Behaviour.OVERLOADED, "Overloaded", LIMITED),
    Case("broken", Behaviour.server_error(500), "Overloaded", LIMITED),
    Case("gateway-page", Behaviour.html_page(502), "Overloaded", LIMITED),
    Case("no-money", Behaviour.NO_MONEY, "QuotaExhausted", WITHOUT_QUOTA, says="Check the billing at https://"),
    Case("no-money-402", Behaviour.NO_MONEY, "QuotaExhausted", WITHOUT_QUOTA, kind="deepseek"),
    Case("no-money-400", Behaviour.NO_MONEY, "QuotaExhausted", WITHOUT_QUOTA, kind="anthropic"),
    Case("not-activated", error(403, "AccessDenied.Unpurchased"), "NotActivated", UNUSABLE, kind="dashscope"),
    Case("forbidden", Behaviour.PERMISSION_DENIED, "PermissionDenied", UNUSABLE),
    Case("no-model", error(404, "model_not_found"), "ModelUnavailable", WITHOUT_MODEL),
    Case("region", Behaviour.REGION_BLOCKED, "RegionDenied", UNDECIDED),
    Case(
        "hanging",
        Behaviour.HANGING,
        "ProviderUnreachable",
        UNDECIDED,
        says="nothing is claimed about the key",
        provider={"validation": {"timeout": "1s"}},
    ),
    Case("cut-before", Behaviour.cut(after_headers=False), "ProviderUnreachable", UNDECIDED),
    Case("cut-within", Behaviour.cut(), "ProviderUnreachable", UNDECIDED),
    Case("firewall-page", Behaviour.html_page(403), "ProviderUnreachable", UNDECIDED),
    Case("login-page", Behaviour.html_page(401), "ProviderUnreachable", UNDECIDED),
    Case("redirect", Behaviour.redirect("https://127.0.0.1/login"), "BadEndpoint", MISCONFIGURED, says="HTTP 302"),
    Case("not-found", error(404, None), "BadEndpoint", MISCONFIGURED, says="spec.baseURL of LLMProvider"),
    Case("web-page", Behaviour.html_page(200), "BadEndpoint", MISCONFIGURED),
    Case(
        "refused-request",
        Behaviour.raw(
            400, {"Content-Type": "application/json"}, '{"error": {"type": "content_filter", "message": "high risk"}}'
        ),
        "ProbeRefused",
        UNDECIDED,
        kind="moonshot",
    ),
    Case("teapot", error(418, None), "Unrecognised", UNDECIDED, says="an answer that no rule knows (HTTP 418)"),
    Case("invalid-json", Behaviour.INVALID_JSON, "BadEndpoint", MISCONFIGURED),
    Case("half-json", Behaviour.TRUNCATED_JSON, "BadEndpoint", MISCONFIGURED),
    Case("deep-json", Behaviour.deep_json(), "BadEndpoint", MISCONFIGURED),
    Case("huge", Behaviour.huge_body(4), "BadEndpoint", MISCONFIGURED),
    Case("gzip-bomb", Behaviour.gzip_bomb(16), "BadEndpoint", MISCONFIGURED),
    Case(
        "private-address",
        Behaviour.GOOD,
        "AddressBlocked",
        MISCONFIGURED,
        says="spec.network.allowPrivateAddresses",
        provider={"network": {"allowPrivateAddresses": False}},
    ),
)


@pytest.fixture(scope="module")
def keys(world: World) -> Iterator[dict[str, str]]:
    """All cases at once: some take seconds to be decided, and none waits for another."""
    made = {}
    for case in CASES:
        key = made[case.name] = world.key(case.behaviour)
        world.credential(case.name, world.provider(case.kind, **case.provider), key)
    return made


def expected(case: Case) -> dict[str, tuple[str, str]]:
    shape = case.shape
    return {
        "Active": (shape.active, case.reason),
        "InvalidKey": (shape.invalid, case.reason),
        "RateLimited": (shape.limited, case.reason),
        "Ready": (shape.ready, case.reason),
        "Reconciling": (shape.reconciling, case.reason),
        "Stalled": (shape.stalled, case.reason),
        "SecretSynced": ("True" if shape.synced == "Synced" else "False", shape.synced),
    }


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_the_provider_says_decides_all_seven_conditions(world: World, keys: dict[str, str], case: Case) -> None:
    world.wait(case.name, ready=case.shape.ready, reason=case.reason, timeout=25)

    assert world.conditions(case.name) == expected(case)
    assert case.says in world.message(case.name)
    delivered = world.secret(case.name)
    if case.shape.synced == "Synced":
        assert delivered is not None
        assert keys[case.name] in delivered.values()
    else:
        assert delivered is None


def test_every_condition_is_there_and_about_the_present_generation(world: World, keys: dict[str, str]) -> None:
    del keys
    world.wait("revoked", ready="False", reason="Rejected", timeout=25)
    found = world.object(CREDENTIAL_KIND, "revoked")

    conditions = found["status"]["conditions"]
    assert {one["type"] for one in conditions} == set(TYPES)
    assert {one["observedGeneration"] for one in conditions} == {found["metadata"]["generation"]}


def test_a_refusal_is_believed_after_a_second_look_and_not_before(world: World) -> None:
    key = world.key(Behaviour.REVOKED)
    world.credential("confirmed", world.provider(), key)

    world.wait("confirmed", ready="Unknown", reason="Confirming")
    assert world.conditions("confirmed")["InvalidKey"] == ("False", "Confirming")
    world.wait("confirmed", ready="False", reason="Rejected")
    assert world.calls(key) == 2


def test_a_refused_request_to_a_private_address_is_never_made(world: World, keys: dict[str, str]) -> None:
    world.wait("private-address", ready="False", reason="AddressBlocked")
    assert world.calls(keys["private-address"]) == 0


def test_a_redirect_is_not_followed(world: World) -> None:
    key = new_key()
    elsewhere = world.provider()
    target = world.simulator.url(world.server(elsewhere)) + "/models"
    world.simulator.set(key, Behaviour.GOOD)
    led_astray = world.provider()
    world.simulator.set(key, Behaviour.redirect(target, 307), world.server(led_astray))
    world.credential("astray", led_astray, key)

    world.wait("astray", ready="False", reason="BadEndpoint")
    assert world.simulator.calls(key, world.server(elsewhere)) == []


def test_nothing_is_sent_before_the_provider_will_listen_again(world: World) -> None:
    key = world.key(Behaviour.throttled(3600))
    world.credential("patient", world.provider(), key)
    world.wait("patient", ready="Unknown", reason="Throttled")

    (state,) = world.status("patient")["keys"]
    last, following = (dt.datetime.fromisoformat(state[name]) for name in ("lastProbeTime", "nextProbeTime"))
    assert following - last >= dt.timedelta(seconds=3600)

    # What else happens meanwhile is no reason to ask earlier.
    world.change("patient", validation={"interval": "11m"})
    world.wait("patient", ready="Unknown", reason="Throttled")
    world.source("patient-1", {"note": "another version of the same key"}, apiKey=key)
    world.settle()
    world.stage.restart_operator()
    world.settle()
    assert world.calls(key) == 1


def test_two_credentials_with_one_key_ask_the_provider_once(world: World) -> None:
    key = world.key(Behaviour.slow(0.5))
    provider = world.provider()
    world.credential("twin-1", provider, key)
    world.credential("twin-2", provider, key)

    world.wait("twin-1", ready="True", reason="Verified")
    world.wait("twin-2", ready="True", reason="Verified")
    assert world.calls(key) == 1


def test_a_proven_key_that_is_throttled_stays_ready_and_delivered(world: World) -> None:
    provider = world.provider()
    key = world.proven("busy", provider)
    world.simulator.set(key, Behaviour.throttled(3600))
    world.look_again(provider)

    eventually(
        lambda: world.conditions("busy")["RateLimited"] == ("True", "Throttled"), message="RateLimited of a proven key"
    )
    seen = world.conditions("busy")
    assert seen["Ready"][0] == seen["Active"][0] == "True"
    assert seen["SecretSynced"] == ("True", "Synced")
    assert (world.secret("busy") or {})["OPENAI_API_KEY"] == key


def test_an_outage_changes_nothing_for_a_proven_key(world: World) -> None:
    provider = world.provider()
    key = world.proven("outage", provider)
    world.simulator.down(world.server(provider))
    world.look_again(provider)

    eventually(
        lambda: world.conditions("outage")["InvalidKey"] == ("False", "ProviderUnreachable"), message="the outage"
    )
    seen = world.conditions("outage")
    assert seen["Active"] == ("True", "Verified")
    assert seen["Ready"][0] == "True"
    assert (world.secret("outage") or {})["OPENAI_API_KEY"] == key


def test_a_keyless_server_is_usable_and_nothing_is_claimed_about_keys(world: World) -> None:
    provider = world.provider("ollama")
    world.credential("keyless", provider)

    world.wait("keyless", ready="True", reason="Unverified")
    assert world.conditions("keyless")["Active"] == ("True", "Unverified")
    base = world.simulator.origin(world.server(provider))
    assert base in (world.secret("keyless") or {}).values()
    assert world.status("keyless")["env"]


def test_a_type_that_needs_a_key_says_so_when_there_is_none(world: World) -> None:
    world.credential("without-keys", world.provider())

    world.wait("without-keys", ready="False", reason="KeysMissing")
    assert world.message("without-keys") == "OpenAI needs a key: add an entry to spec.keys."
