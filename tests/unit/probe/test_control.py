import re

import msgspec
import pytest

from llmkeys.api.provider import ProviderSpec
from llmkeys.api.reasons import REFUSALS, Reason
from llmkeys.catalogue.loader import load
from llmkeys.crypto.secret import Secret
from llmkeys.probe.control import Known, after_control, after_key, wants_control, weighed
from llmkeys.probe.endpoint import resolve_endpoint
from llmkeys.probe.kind import kind_of
from llmkeys.probe.material import Material
from llmkeys.probe.verdict import Match, Verdict

CATALOGUE = load()
NOW, HOUR, DAY = 1000.0, 3600.0, 86400.0
KEY = Material((("apiKey", Secret("sk-real")),))
CLIENT_SECRET = Material((("clientSecret", Secret("s")),))
ENTRA = {"resource": "acme", "tenantId": "contoso.example", "clientId": "66666666-7777-8888-9999-000000000000"}


def wanted(spec: ProviderSpec, material: Material) -> bool:
    entry = CATALOGUE.find(spec.type)
    kind = kind_of(resolve_endpoint(spec, entry), entry, material)
    return wants_control(kind.entry, kind.endpoint, material)


@pytest.mark.parametrize(
    ("kind", "material", "expected"),
    [
        ("minimax", KEY, True),
        ("openai-compatible", KEY, True),
        ("openai-compatible", Material(()), False),
        ("openai", KEY, False),
        ("cometapi", KEY, False),
    ],
)
def test_a_control_is_wanted_where_the_catalogue_does_not_know_whether_keys_are_checked(
    kind: str, material: Material, *, expected: bool
) -> None:
    own = CATALOGUE.find(kind).endpoint()
    base = None if own else "https://gw.example"
    assert wanted(ProviderSpec(kind, base_url=base), material) is expected


STRANGERS = [
    ProviderSpec("openai", base_url="https://gw.example/v1"),
    ProviderSpec("openai", base_url="https://api.openai.com:8443/v1"),
    ProviderSpec("openai", base_url="http://api.openai.com/v1"),
    ProviderSpec("openai", base_url="https://api.openai.com.gw.example/v1"),
    ProviderSpec("openai", base_url="https://gw.example/api.openai.com/v1"),
    ProviderSpec("openai", base_url="https://api.anthropic.com/v1"),
    ProviderSpec("openai", endpoints={"models": "https://gw.example/v1/models"}),
    ProviderSpec("azure-openai", base_url="https://acme.openai.azure.com.gw.example"),
    ProviderSpec("azure-openai", base_url="https://acme.openai.azure.com:8443"),
    ProviderSpec("azure-openai", base_url="http://acme.openai.azure.com"),
    ProviderSpec("azure-openai", base_url="http://acme.openai.azure.com:443"),
    ProviderSpec("azure-openai", base_url="https://acme.openai-azure.com"),
    ProviderSpec("azure-openai", base_url="https://a.b.openai.azure.com"),
]
OWN = [
    ProviderSpec("openai"),
    ProviderSpec("openai", base_url="https://API.openai.com"),
    ProviderSpec("moonshot", region="intl"),
    ProviderSpec("moonshot", base_url="https://api.moonshot.ai/v1"),
    ProviderSpec("openai", endpoints={"models": "https://api.openai.com/v2/models"}),
    ProviderSpec("azure-openai", config={"resource": "Acme"}),
    ProviderSpec("azure-openai", base_url="https://acme.openai.azure.com"),
]


@pytest.mark.parametrize("spec", STRANGERS, ids=str)
def test_what_is_known_of_a_type_is_not_known_of_a_strangers_address(spec: ProviderSpec) -> None:
    assert CATALOGUE.find(spec.type).probe.authenticated is True
    assert wanted(spec, KEY)


@pytest.mark.parametrize("spec", OWN, ids=str)
def test_the_types_own_hosts_need_no_control_whatever_region_they_are_of(spec: ProviderSpec) -> None:
    assert not wanted(spec, KEY)


def test_the_hosts_of_a_type_are_worked_out_once(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = ProviderSpec("azure-openai", base_url="https://acme.openai.azure.com")
    assert not wanted(spec, KEY)

    def again(_: str) -> re.Pattern[str]:
        raise AssertionError("worked out again")

    monkeypatch.setattr(re, "escape", again)
    monkeypatch.setattr(re, "compile", again)
    assert not wanted(spec, KEY)


def test_types_of_the_same_digest_are_told_apart_by_their_hosts() -> None:
    """Neither hosts beside the API nor the patterns of settings are in the digest."""
    spec = ProviderSpec("azure-openai", base_url="https://acme.openai.azure.com")
    entry = CATALOGUE.find(spec.type)
    fields = [msgspec.structs.replace(one, pattern="other") for one in entry.config_fields if one.name == "resource"]
    other = msgspec.structs.replace(entry, config_fields=tuple(fields))
    endpoint = resolve_endpoint(spec, entry)
    assert (entry.digest, wants_control(entry, endpoint, KEY)) == (other.digest, False)
    assert wants_control(other, endpoint, KEY)


def test_where_a_type_checks_no_keys_there_is_nothing_to_find_out_at_a_strangers_either() -> None:
    entry = CATALOGUE.find("openai")
    checks_none = msgspec.structs.replace(entry, probe=msgspec.structs.replace(entry.probe, authenticated=False))
    endpoint = resolve_endpoint(ProviderSpec("openai", base_url="https://gw.example"), checks_none)
    assert not wants_control(checks_none, endpoint, KEY)


def former_hosts() -> list[tuple[str, str]]:
    known = (one for one in CATALOGUE.providers.values() if one.probe.authenticated is True)
    return [(one.id, host) for one in known for host in one.former_hosts if one.required_fields == {"apiKey"}]


@pytest.mark.parametrize(("kind", "host"), former_hosts())
def test_a_former_host_of_the_type_needs_no_control(kind: str, host: str) -> None:
    assert not wanted(ProviderSpec(kind, base_url=f"https://{host}"), KEY)


def test_a_host_that_only_looks_like_the_services_own_is_a_strangers() -> None:
    keys = Material((("accessKeyId", Secret("AKIA")), ("secretAccessKey", Secret("s"))))
    region = {"region": "us-east-1"}
    assert not wanted(ProviderSpec("aws-bedrock", config=region), keys)
    # Everybody may have a host below that domain.
    gateway = "https://abc.execute-api.us-east-1.amazonaws.com"
    assert wanted(ProviderSpec("aws-bedrock", config=region, base_url=gateway), keys)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, False),
        ({"base_url": "https://gw.example"}, False),
        ({"endpoints": {"token": "https://login.example"}}, True),
    ],
)
def test_a_credential_that_is_exchanged_is_proven_by_its_token_service(
    change: dict[str, object], *, expected: bool
) -> None:
    spec = msgspec.structs.replace(ProviderSpec("azure-openai", config=ENTRA), **change)
    assert wanted(spec, CLIENT_SECRET) is expected


def test_every_type_whose_success_proves_a_key_needs_one() -> None:
    """Else a request without a key would be taken for the proof of one at a stranger's."""
    proving = [one for one in CATALOGUE.providers.values() if one.probe.authenticated is True]
    assert all(one.key_required for one in proving)


NOTHING, CHECKS, OPEN = Known(), Known(checks=True, due=5.0), Known(checks=False, due=5.0)
CONTROLS = [
    (Reason.VERIFIED, False, DAY),
    *((reason, True, DAY) for reason in sorted(REFUSALS)),
    (Reason.PERMISSION_DENIED, True, DAY),
]
SAYS_NOTHING = [
    (Reason.REGION_DENIED, DAY),
    (Reason.QUOTA_EXHAUSTED, DAY),
    (Reason.UNRECOGNISED, DAY),
    (Reason.PROBE_REFUSED, DAY),
]


@pytest.mark.parametrize("before", [NOTHING, CHECKS, OPEN])
@pytest.mark.parametrize(("reason", "checks", "wait"), CONTROLS)
def test_what_is_said_of_a_made_up_key_tells_what_the_endpoint_checks(
    before: Known, reason: Reason, *, checks: bool, wait: float
) -> None:
    assert after_control(before, Verdict(reason), NOW) == Known(checks, NOW + wait)


@pytest.mark.parametrize("before", [NOTHING, CHECKS, OPEN])
@pytest.mark.parametrize(("reason", "wait"), SAYS_NOTHING)
def test_an_answer_that_is_not_about_the_key_leaves_what_was_known(before: Known, reason: Reason, wait: float) -> None:
    assert after_control(before, Verdict(reason), NOW) == Known(before.checks, NOW + wait)


@pytest.mark.parametrize("before", [NOTHING, CHECKS, OPEN])
@pytest.mark.parametrize("reason", [one for one in Reason if one not in REFUSALS])
def test_only_the_refusal_of_a_real_key_tells_as_much(before: Known, reason: Reason) -> None:
    assert after_key(before, Verdict(reason), NOW) is before
    assert after_key(before, Verdict(Reason.REJECTED), NOW) == Known(checks=True, due=NOW + DAY)


@pytest.mark.parametrize(("known", "proves"), [(NOTHING, "unknown"), (OPEN, "unknown"), (CHECKS, True)])
def test_a_success_proves_a_key_only_where_keys_are_known_to_be_checked(known: Known, proves: object) -> None:
    assert known.proves == proves


UNWELL = [
    Reason.PROVIDER_UNREACHABLE,
    Reason.OVERLOADED,
    Reason.ADDRESS_BLOCKED,
    Reason.THROTTLED,
    Reason.BAD_ENDPOINT,
]


@pytest.mark.parametrize("before", [NOTHING, CHECKS, OPEN])
@pytest.mark.parametrize("reason", UNWELL)
def test_a_host_that_is_not_well_is_asked_again_soon_and_then_ever_later(before: Known, reason: Reason) -> None:
    waits = []
    known = before
    for _ in range(20):
        known = after_control(known, Verdict(reason), NOW)
        assert known.checks is before.checks
        waits.append(known.due - NOW)
    assert waits[:4] == [5, 10, 20, 40]
    assert waits[-1] == DAY
    assert after_control(known, Verdict(Reason.REJECTED), NOW) == Known(checks=True, due=NOW + DAY)


def test_a_made_up_key_is_not_sent_before_the_host_will_listen_again() -> None:
    known = after_control(NOTHING, Verdict(Reason.THROTTLED, retry_after=60.0), NOW)
    assert known.due == NOW + 60


GOOD = Verdict(Reason.VERIFIED, 200, "openai/success", match=Match("provider"))


def test_a_success_is_worth_what_is_known_of_the_endpoint() -> None:
    assert weighed(GOOD, CHECKS, NOW) == GOOD
    for known in (NOTHING, OPEN):
        worth = weighed(GOOD, known, NOW)
        assert (worth.reason, worth.retry_after) == (Reason.UNVERIFIED, None)
        assert (worth.status, worth.rule, worth.match) == (GOOD.status, GOOD.rule, GOOD.match)


@pytest.mark.parametrize(("due", "wait"), [(NOW + 5, 5.0), (NOW - 1, 0.0)])
def test_a_success_whose_proof_is_late_is_asked_for_again_with_the_next_control(due: float, wait: float) -> None:
    assert weighed(GOOD, Known(due=due, unanswered=1), NOW).retry_after == wait


@pytest.mark.parametrize("reason", [one for one in Reason if one is not Reason.VERIFIED])
def test_only_a_success_is_weighed(reason: Reason) -> None:
    verdict = Verdict(reason, 401, retry_after=7.0)
    assert weighed(verdict, OPEN, NOW) is verdict
