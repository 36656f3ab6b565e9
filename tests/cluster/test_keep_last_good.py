"""What becomes of a delivered key: refused by its provider, replaced, removed, or without its source."""

from typing import Any, Final

import pytest

from llmkeys.api.names import CREDENTIAL_KIND
from tests.support.simulator.behaviour import Behaviour
from tests.support.wait import eventually
from tests.support.world import World

WITHDRAW: Final = {"onInvalid": "Withdraw"}
CONFIRMED_WITHIN: Final = 100.0  # three looks more, after 10, 20 and 30 s


def key_of(world: World, name: str) -> str | None:
    return (world.secret(name) or {}).get("OPENAI_API_KEY")


def withdrawn(world: World, name: str) -> bool:
    """The object is there, and nothing is in it."""
    return world.secret(name) == {} and world.conditions(name)["SecretSynced"] == ("False", "Withdrawn")


def replaced(world: World, name: str, new: str, **spec: Any) -> str:
    """Create a credential whose proven key is then replaced by `new`; the old one."""
    old = world.proven(name, world.provider(), **spec)
    world.source(f"{name}-1", apiKey=new)
    return old


@pytest.fixture(scope="module", autouse=True)
def refused(world: World) -> dict[str, str]:
    """Proven keys that their providers refuse now; it takes a minute until that is believed, so it begins first."""
    keys = {}
    for name, spec in {"refused-kept": {}, "refused-withdrawn": {"validation": WITHDRAW}}.items():
        provider = world.provider()
        keys[name] = world.proven(name, provider, **spec)
        world.simulator.set(keys[name], Behaviour.REVOKED)
        world.look_again(provider)
    return keys


# -- replaced ------------------------------------------------------------------------------------------------


def test_a_replaced_value_is_delivered_on_while_its_replacement_is_being_proven(world: World) -> None:
    new = world.key(Behaviour.throttled(3600))
    old = replaced(world, "unproven", new)

    world.wait("unproven", ready="Unknown", reason="Throttled", synced="Synced")
    seen = world.conditions("unproven")
    assert seen["Active"] == ("True", "KeptLastGood")
    assert seen["InvalidKey"] == ("False", "Throttled")
    assert seen["Reconciling"] == ("True", "Throttled")
    assert key_of(world, "unproven") == old
    assert "the last good value is still delivered" in world.message("unproven", "Active")


def test_a_replaced_value_is_delivered_on_when_its_replacement_is_refused(world: World) -> None:
    new = world.key(Behaviour.REVOKED)
    old = replaced(world, "bad-swap", new)

    world.wait("bad-swap", ready="False", reason="Rejected", synced="Synced")
    seen = world.conditions("bad-swap")
    assert seen["Active"] == ("True", "KeptLastGood")
    assert seen["InvalidKey"] == ("True", "Rejected")
    assert seen["Stalled"] == ("True", "Rejected")
    assert key_of(world, "bad-swap") == old

    world.source("bad-swap-1", apiKey=(better := world.key()))
    world.wait("bad-swap", ready="True", reason="Verified")
    assert key_of(world, "bad-swap") == better


def test_a_malformed_replacement_takes_nothing_away(world: World) -> None:
    old = replaced(world, "slip", "")

    world.wait("slip", ready="False", reason="MalformedKey", synced="Synced")
    assert world.conditions("slip")["Active"] == ("True", "KeptLastGood")
    assert key_of(world, "slip") == old


def test_a_replaced_value_is_withdrawn_when_the_overlap_is_over(world: World) -> None:
    old = replaced(world, "short", world.key(Behaviour.throttled(3600)), rotation={"overlap": "4s"})
    world.wait("short", ready="Unknown", reason="Throttled", synced="Synced")
    assert key_of(world, "short") == old

    eventually(lambda: withdrawn(world, "short"), message="the end of the overlap")
    assert world.conditions("short")["Active"] == ("Unknown", "Throttled")


def test_a_replaced_value_is_not_delivered_on_under_withdraw(world: World) -> None:
    replaced(world, "strict", world.key(Behaviour.throttled(3600)), validation=WITHDRAW)

    eventually(lambda: withdrawn(world, "strict"), message="the withdrawal")
    assert world.conditions("strict")["Active"] == ("Unknown", "Throttled")


def test_another_proven_key_of_the_list_goes_before_a_replaced_value(world: World) -> None:
    provider = world.provider()
    world.credential("listed", provider, world.key(), spare := world.key())
    world.wait("listed", ready="True", reason="Verified")

    world.source("listed-1", apiKey=world.key(Behaviour.throttled(3600)))

    eventually(lambda: key_of(world, "listed") == spare, message="the spare key in use")
    world.wait("listed", ready="True", reason="Verified", synced="Synced")
    assert world.status("listed")["activeKey"] == "k2"


FORMS: Final[dict[str, dict[str, Any]]] = {
    "format": {"format": "Files"},
    "data": {"data": {"MY_KEY": "$(apiKey)"}},
}


@pytest.mark.parametrize("name", FORMS)
def test_a_replaced_value_is_never_rendered_anew(world: World, name: str) -> None:
    credential = f"form-{name}"
    replaced(world, credential, world.key(Behaviour.throttled(3600)))
    world.wait(credential, ready="Unknown", reason="Throttled", synced="Synced")

    world.change(credential, target=FORMS[name])

    eventually(lambda: withdrawn(world, credential), message="the withdrawal")


def test_a_replaced_value_does_not_follow_its_provider_to_another_host(world: World) -> None:
    provider = world.provider()
    world.proven("moved", provider)
    world.source("moved-1", apiKey=world.key(Behaviour.throttled(3600)))
    world.wait("moved", ready="Unknown", reason="Throttled", synced="Synced")

    world.change_provider(provider, baseURL=world.simulator.url(world.server(world.provider())))

    eventually(lambda: withdrawn(world, "moved"), message="the withdrawal")


@pytest.mark.parametrize("how", ["edited", "deleted"])
def test_a_replaced_value_that_somebody_touched_is_withdrawn(world: World, how: str) -> None:
    name = f"touched-{how}"
    old = replaced(world, name, world.key(Behaviour.throttled(3600)))
    world.wait(name, ready="Unknown", reason="Throttled", synced="Synced")

    if how == "edited":
        world.patch("Secret", name, {"data": {"OPENAI_API_KEY": "ZWRpdGVk"}})
    else:
        world.delete("Secret", name)

    eventually(lambda: world.conditions(name)["SecretSynced"] == ("False", "Withdrawn"), message="the withdrawal")
    assert key_of(world, name) not in (old, "edited")


# -- removed -------------------------------------------------------------------------------------------------


def test_removing_an_entry_ends_the_delivery_of_its_key_at_once(world: World) -> None:
    world.proven("dropped", world.provider())
    world.source("dropped-2", apiKey=world.key(Behaviour.throttled(3600)))

    world.change("dropped", keys=[{"name": "other", "secretRef": {"name": "dropped-2"}}])

    eventually(lambda: withdrawn(world, "dropped"), message="the withdrawal")


def test_disabling_ends_the_delivery_of_a_replaced_value_at_once(world: World) -> None:
    replaced(world, "halted", world.key(Behaviour.throttled(3600)))
    world.wait("halted", ready="Unknown", reason="Throttled", synced="Synced")

    world.change("halted", enabled=False)

    world.wait("halted", ready="False", reason="Disabled", synced="Disabled")
    assert world.secret("halted") == {}


def test_without_its_source_a_key_is_delivered_on(world: World) -> None:
    key = world.proven("sourceless", world.provider())

    world.delete("Secret", "sourceless-1")

    world.wait("sourceless", ready="Unknown", reason="SourceNotFound", synced="Synced")
    assert world.conditions("sourceless")["Active"][0] == "True"
    assert key_of(world, "sourceless") == key


def test_without_its_source_a_key_is_withdrawn_under_withdraw(world: World) -> None:
    key = world.proven("sourceless-strict", world.provider(), validation=WITHDRAW)

    world.delete("Secret", "sourceless-strict-1")
    eventually(lambda: withdrawn(world, "sourceless-strict"), message="the withdrawal")

    world.source("sourceless-strict-1", apiKey=key)
    world.wait("sourceless-strict", ready="True", reason="Verified", synced="Synced")
    assert key_of(world, "sourceless-strict") == key


def test_a_withdrawn_secret_keeps_its_identity(world: World) -> None:
    world.proven("same-object", world.provider(), validation=WITHDRAW)
    uid = world.object("Secret", "same-object")["metadata"]["uid"]

    world.source("same-object-1", apiKey=world.key(Behaviour.throttled(3600)))
    eventually(lambda: withdrawn(world, "same-object"), message="the withdrawal")
    world.source("same-object-1", apiKey=world.key())
    world.wait("same-object", ready="True", reason="Verified", synced="Synced")

    assert world.object("Secret", "same-object")["metadata"]["uid"] == uid


def test_a_delivered_key_without_money_stays_delivered_and_ready(world: World) -> None:
    provider = world.provider()
    key = world.proven("spent", provider)
    world.simulator.set(key, Behaviour.NO_MONEY)
    world.look_again(provider)

    eventually(
        lambda: world.conditions("spent")["RateLimited"] == ("True", "QuotaExhausted"), message="the spent quota"
    )
    seen = world.conditions("spent")
    assert seen["Active"] == ("False", "QuotaExhausted")
    assert seen["Ready"][0] == "True"
    assert key_of(world, "spent") == key


# -- refused by the provider ---------------------------------------------------------------------------------


def test_a_refused_delivered_key_stays_ready_until_the_refusal_is_confirmed(
    world: World, refused: dict[str, str]
) -> None:
    provider = world.provider()
    key = world.proven("doubted", provider)
    world.simulator.set(key, Behaviour.REVOKED)
    world.look_again(provider)

    eventually(lambda: world.conditions("doubted")["InvalidKey"] == ("False", "Confirming"), message="the doubt")
    assert world.conditions("doubted")["Ready"][0] == "True"
    assert world.conditions("doubted")["Active"] == ("True", "Verified")
    assert key_of(world, "doubted") == key

    # A slip of the provider: the next look, ten seconds later, ends it.
    world.simulator.set(key, Behaviour.GOOD)
    world.wait("doubted", ready="True", reason="Verified", timeout=25)
    assert refused


def test_a_confirmed_refusal_keeps_the_value_and_says_that_it_is_bad(world: World, refused: dict[str, str]) -> None:
    world.wait("refused-kept", ready="False", reason="Rejected", synced="Synced", timeout=CONFIRMED_WITHIN)

    seen = world.conditions("refused-kept")
    assert seen["Active"] == ("False", "Rejected")
    assert seen["InvalidKey"] == ("True", "Rejected")
    assert seen["Stalled"] == ("True", "Rejected")
    assert key_of(world, "refused-kept") == refused["refused-kept"]
    assert world.calls(refused["refused-kept"]) == 5  # proven, refused, and three that confirm it


def test_a_confirmed_refusal_empties_the_secret_under_withdraw(world: World, refused: dict[str, str]) -> None:
    world.wait("refused-withdrawn", ready="False", reason="Rejected", synced="Withdrawn", timeout=CONFIRMED_WITHIN)

    assert world.secret("refused-withdrawn") == {}
    assert world.object(CREDENTIAL_KIND, "refused-withdrawn")["status"].get("activeKey", "") == ""
    assert world.calls(refused["refused-withdrawn"]) == 5


def test_a_refusal_is_one_event(world: World, refused: dict[str, str]) -> None:
    del refused
    world.wait("refused-kept", ready="False", reason="Rejected", timeout=CONFIRMED_WITHIN)

    (told,) = eventually(lambda: world.events("refused-kept", "Rejected"), message="the Event")
    assert told["type"] == "Warning"
    assert told["message"] == world.message("refused-kept")
