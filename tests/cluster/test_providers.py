"""LLMProviders: what makes one unusable and usable again, and what it says of itself and its credentials."""

from typing import Any, Final

import pytest

from llmkeys.api.names import CREDENTIAL_KIND, PROVIDER_KIND
from tests.cluster.conftest import Kubectl
from tests.support.simulator.behaviour import Behaviour
from tests.support.wait import eventually
from tests.support.world import World

PRIVATE_ALLOWED: Final = {"allowPrivateAddresses": True}


def waits(world: World, provider: str, ready: str, reason: str) -> None:
    world.wait(provider, ready=ready, reason=reason, kind=PROVIDER_KIND)


def key_of(world: World, name: str) -> str | None:
    return (world.secret(name) or {}).get("OPENAI_API_KEY")


# -- unknown -------------------------------------------------------------------------------------------------


def test_an_unknown_type_offers_the_nearest_three_and_recovers_when_corrected(world: World) -> None:
    provider = world.provider(type="opena1")
    key = world.key()
    world.credential("typo", provider, key)

    waits(world, provider, "False", "UnknownType")
    world.wait("typo", ready="False", reason="UnknownType")
    for message in (world.message(provider, kind=PROVIDER_KIND), world.message("typo")):
        assert "no provider type 'opena1'" in message
        nearest = message.partition("The nearest are: ")[2].rstrip(".").split(", ")
        assert len(nearest) == 3
        assert nearest[0] == "openai"
    assert world.conditions("typo")["Stalled"] == ("True", "UnknownType")
    assert world.calls(key) == 0

    world.change_provider(provider, type="openai")

    world.wait("typo", ready="True", reason="Verified")
    waits(world, provider, "True", "Resolved")


@pytest.mark.parametrize("written", ["OpenAI", "chatgpt", "OPENAI"])
def test_a_type_is_known_by_its_other_names(world: World, written: str) -> None:
    provider = world.provider(type=written)

    waits(world, provider, "True", "Resolved")
    assert world.status(provider, PROVIDER_KIND)["type"] == "openai"


def test_a_provider_that_comes_later_is_picked_up(world: World) -> None:
    name = world.provider_name()
    key = world.key()
    world.credential("waiting", name, key)
    world.wait("waiting", ready="Unknown", reason="ProviderNotFound")
    assert world.message("waiting").startswith(f"LLMProvider {name} does not exist.")
    assert world.conditions("waiting")["Reconciling"] == ("True", "ProviderNotFound")

    world.provider(name=name)

    world.wait("waiting", ready="True", reason="Verified")
    assert world.calls(key) == 1


def test_a_provider_that_is_deleted_takes_no_delivered_key_with_it(world: World) -> None:
    provider = world.provider()
    key = world.proven("orphan", provider)

    world.delete(PROVIDER_KIND, provider)

    world.wait("orphan", ready="Unknown", reason="ProviderNotFound", synced="Synced")
    assert key_of(world, "orphan") == key


# -- switched off --------------------------------------------------------------------------------------------


def test_disabling_a_provider_empties_the_secret_and_enabling_restores_it_without_a_call(world: World) -> None:
    provider = world.provider()
    key = world.proven("switched", provider)
    uid = world.object("Secret", "switched")["metadata"]["uid"]

    world.change_provider(provider, enabled=False)
    world.wait("switched", ready="False", reason="ProviderDisabled", synced="Disabled")
    waits(world, provider, "False", "ProviderDisabled")
    assert world.secret("switched") == {}
    assert world.conditions("switched")["Active"] == ("Unknown", "ProviderDisabled")

    world.change_provider(provider, enabled=True)
    world.wait("switched", ready="True", reason="Verified", synced="Synced")
    assert key_of(world, "switched") == key
    assert world.object("Secret", "switched")["metadata"]["uid"] == uid
    assert world.calls(key) == 1


def test_disabling_a_credential_empties_the_secret_and_enabling_restores_it_without_a_call(world: World) -> None:
    key = world.proven("off", world.provider())
    uid = world.object("Secret", "off")["metadata"]["uid"]

    world.change("off", enabled=False)
    world.wait("off", ready="False", reason="Disabled", synced="Disabled")
    assert world.secret("off") == {}

    world.change("off", enabled=True)
    world.wait("off", ready="True", reason="Verified", synced="Synced")
    assert key_of(world, "off") == key
    assert world.object("Secret", "off")["metadata"]["uid"] == uid
    assert world.calls(key) == 1


def test_nothing_is_sent_or_written_for_what_is_disabled_from_the_start(world: World) -> None:
    key = world.key()
    world.credential("never-on", world.provider(), key, enabled=False)
    world.credential("provider-never-on", world.provider(enabled=False), key)

    world.wait("never-on", ready="False", reason="Disabled", synced="Disabled")
    world.wait("provider-never-on", ready="False", reason="ProviderDisabled", synced="Disabled")
    assert world.secret("never-on") is world.secret("provider-never-on") is None
    assert world.calls(key) == 0


def test_a_namespace_is_let_in_when_it_gets_the_label_and_put_out_when_it_loses_it(world: World) -> None:
    selector = {"matchLabels": {"team": "allowed"}}
    provider = world.provider(allowedNamespaces={"from": "Selector", "selector": selector})
    key = world.key()
    world.credential("guest", provider, key)
    world.wait("guest", ready="False", reason="NamespaceNotAllowed")
    assert f"does not admit namespace {world.namespace}" in world.message("guest")
    assert world.calls(key) == 0

    world.patch("Namespace", world.namespace, {"metadata": {"labels": {"team": "allowed"}}})
    world.wait("guest", ready="True", reason="Verified")
    assert key_of(world, "guest") == key

    world.patch("Namespace", world.namespace, {"metadata": {"labels": {"team": None}}})
    world.wait("guest", ready="False", reason="NamespaceNotAllowed")
    assert world.secret("guest") == {}


# -- addresses -----------------------------------------------------------------------------------------------

UNUSABLE: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "port": ({"baseURL": "https://127.0.0.1:99999/v1"}, "Check"),
    "dots": ({"baseURL": "https://.../v1"}, "host"),
    "setting": ({"config": {"colour": "blue"}}, "spec.config.colour is no setting of type openai"),
    "region": ({"baseURL": None, "region": "moon"}, "Set spec.region to one of: global."),
    "without-address": ({"baseURL": None, "type": "openai-compatible"}, "Set spec.baseURL"),
}


@pytest.mark.parametrize("name", UNUSABLE)
def test_an_address_that_cannot_be_used_is_said_and_nothing_is_sent(world: World, name: str) -> None:
    spec, says = UNUSABLE[name]
    provider = world.provider(**spec)
    key = world.key()
    world.credential(f"bad-{name}", provider, key)

    waits(world, provider, "False", "BadEndpoint")
    world.wait(f"bad-{name}", ready="False", reason="BadEndpoint")
    assert world.conditions(f"bad-{name}")["Stalled"] == ("True", "BadEndpoint")
    assert world.message(f"bad-{name}").startswith(f"LLMProvider {provider} cannot be used. ")
    assert name == "port" or says in world.message(f"bad-{name}")
    assert world.calls(key) == 0


# Where a URL may lead although it does not look like it; `{port}` is that of a server which would answer.
GUARDED: Final[dict[str, tuple[str, bool]]] = {
    "loopback": ("https://127.0.0.1:{port}/v1", False),
    "loopback-by-name": ("https://localhost:{port}/v1", False),
    "loopback-mapped": ("https://[::ffff:127.0.0.1]:{port}/v1", False),
    "loopback-nat64": ("https://[64:ff9b::7f00:1]:{port}/v1", False),
    "private": ("https://10.1.2.3/v1", False),
    "metadata": ("https://169.254.169.254/v1", True),
    "metadata-mapped": ("https://[::ffff:169.254.169.254]/v1", True),
    "link-local": ("https://169.254.7.7/v1", True),
    "clear-loopback": ("http://127.0.0.1:{port}/v1", False),
    "clear-public": ("http://93.184.216.34/v1", False),
    "clear-public-allowed": ("http://93.184.216.34/v1", True),
}


@pytest.mark.parametrize("name", GUARDED)
def test_no_key_goes_to_an_address_that_is_not_permitted(world: World, name: str) -> None:
    url, private = GUARDED[name]
    provider = world.provider(network={"allowPrivateAddresses": private})
    port = world.simulator.origin(world.server(provider)).rpartition(":")[2]
    world.change_provider(provider, baseURL=url.format(port=port))
    key = world.key()
    world.credential(f"guarded-{name}", provider, key)

    world.wait(f"guarded-{name}", ready="False", reason="AddressBlocked")
    assert world.conditions(f"guarded-{name}")["Stalled"] == ("True", "AddressBlocked")
    assert world.calls(key) == 0


def test_an_address_that_is_permitted_later_is_used(world: World) -> None:
    ca = world.simulator.ca_pem
    provider = world.provider(network={"caBundle": ca})
    world.credential("permitted", provider, world.key())
    world.wait("permitted", ready="False", reason="AddressBlocked")

    world.change_provider(provider, network=PRIVATE_ALLOWED)

    world.wait("permitted", ready="True", reason="Verified")


def test_a_certificate_that_is_not_trusted_is_no_verdict_on_the_key(world: World) -> None:
    provider = world.provider(network=PRIVATE_ALLOWED)
    key = world.key()
    world.credential("untrusted", provider, key)

    world.wait("untrusted", ready="Unknown", reason="ProviderUnreachable")
    assert world.calls(key) == 0


# -- status --------------------------------------------------------------------------------------------------


def test_a_provider_tells_where_requests_go_and_how_its_credentials_fare(world: World) -> None:
    provider = world.provider()
    for name, behaviour in {
        "counted-good": Behaviour.GOOD,
        "counted-dead": Behaviour.REVOKED,
        "counted-busy": Behaviour.throttled(3600),
        "counted-away": Behaviour.REGION_BLOCKED,
    }.items():
        world.credential(name, provider, world.key(behaviour))
    origin = world.simulator.origin(world.server(provider))

    def counts() -> bool:
        seen = world.status(provider, PROVIDER_KIND).get("credentials")
        assert seen == {"total": 4, "active": 1, "invalid": 1, "rateLimited": 1}, seen
        return True

    eventually(counts, timeout=20, message="the counts")
    status = world.status(provider, PROVIDER_KIND)
    assert status["urls"] == {
        "base": f"{origin}/v1",
        "chat": f"{origin}/v1/chat/completions",
        "models": f"{origin}/v1/models",
        "probe": f"{origin}/v1/models",
    }
    assert status["audience"] == origin
    assert world.conditions(provider, PROVIDER_KIND) == {
        "Ready": ("True", "Resolved"),
        "Reconciling": ("False", "Resolved"),
        "Stalled": ("False", "Resolved"),
    }

    world.delete(CREDENTIAL_KIND, "counted-dead")
    eventually(
        lambda: world.status(provider, PROVIDER_KIND)["credentials"]["total"] == 3, message="one credential less"
    )


def test_kubectl_get_answers_at_a_glance(world: World, kubectl: Kubectl) -> None:
    provider = world.provider()
    world.proven("glance", provider)
    world.credential("glance-missing", provider, entries=[{"name": "main", "secretRef": {"name": "nowhere"}}])
    world.wait("glance-missing", ready="Unknown", reason="SourceNotFound")

    credentials = columns(kubectl("get", "llmc", "-n", world.namespace, "glance", "glance-missing").stdout)
    assert [row["NAME"] for row in credentials] == ["glance", "glance-missing"]
    good, missing = credentials
    assert good | {"VALIDATED": "", "AGE": ""} == {
        "NAME": "glance",
        "PROVIDER": provider,
        "READY": "True",
        "REASON": "Verified",
        "KEY": "k1",
        "SECRET": "glance",
        "VALIDATED": "",
        "AGE": "",
    }
    assert good["VALIDATED"]
    assert (missing["READY"], missing["REASON"], missing["KEY"]) == ("Unknown", "SourceNotFound", "")
    assert missing["SECRET"] == "glance-missing"

    wide = columns(kubectl("get", "llmc", "-n", world.namespace, "glance", "-o", "wide").stdout)[0]
    assert (wide["ACTIVE"], wide["INVALIDKEY"], wide["RATELIMITED"]) == ("True", "False", "False")

    (row,) = columns(kubectl("get", "llmp", provider).stdout)
    assert (row["NAME"], row["TYPE"], row["READY"]) == (provider, "openai", "True")
    assert provider in kubectl("get", "llm", "-n", world.namespace).stdout


def columns(table: str) -> list[dict[str, str]]:
    """The rows of what kubectl prints: a column begins where its heading does."""
    head, *rows = table.splitlines()
    names = head.split()
    starts = [head.index(f" {name}") + 1 if index else 0 for index, name in enumerate(names)]
    ends = [*starts[1:], None]
    return [{name: row[a:b].strip() for name, a, b in zip(names, starts, ends, strict=True)} for row in rows]
