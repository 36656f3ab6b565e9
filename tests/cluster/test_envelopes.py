"""Sealed values in, envelopes out, on a real API server."""

import base64
import time
from typing import Any

import pytest

from llmkeys.api.names import CREDENTIAL_KIND, DEFAULT_NAMESPACE, ENVELOPE_SECRET, HOSTS_ANNOTATION, UNSEALER_SERVICE
from llmkeys.crypto.keypair import PrivateKey
from llmkeys.crypto.recipients import open_for_recipient, recipients_delivery
from llmkeys.crypto.ring import ring_data
from tests.support.sealing import envelope, header, opened, roots, sealed_entry
from tests.support.simulator.behaviour import Behaviour
from tests.support.wait import eventually
from tests.support.world import World

ENVELOPE: dict[str, Any] = {"encryption": "Envelope"}


@pytest.fixture(scope="module")
def openai(world: World) -> str:
    return world.provider("openai")


def deliver(world: World, provider: str, name: str, value: str, *, target: Any = ENVELOPE, **spec: Any) -> None:
    """Create a credential with a sealed key and wait until it is delivered."""
    world.credential(name, provider, entries=[sealed_entry(world, provider, name, value)], target=target, **spec)
    world.wait(name, ready="True", reason="Verified", synced="Synced")


def test_a_sealed_key_arrives_in_an_envelope(world: World, openai: str) -> None:
    key = world.key()

    deliver(world, openai, "sealed", key)

    assert opened(world, "sealed")["OPENAI_API_KEY"] == key
    status = world.status("sealed")
    assert status["encryption"] == "Envelope"
    assert status["target"]["sequence"] == header(world, "sealed").binding.sequence == 1
    assert status["target"]["sealedWith"] == roots(world).active.key_id
    assert status["unsealer"]["address"] == f"https://{UNSEALER_SERVICE}.{DEFAULT_NAMESPACE}.svc"
    assert "BEGIN CERTIFICATE" in status["unsealer"]["caBundle"]


def test_an_envelope_is_what_is_written_unless_told_otherwise(world: World, openai: str) -> None:
    key = world.key()

    world.credential("unset", openai, key, target={"encryption": None})

    world.wait("unset", ready="True", reason="Verified")
    assert opened(world, "unset")["OPENAI_API_KEY"] == key


def test_names_and_unsealer_are_known_before_the_key_is_proven(world: World, openai: str) -> None:
    world.credential("early", openai, world.key(Behaviour.slow(5)), target=ENVELOPE)

    def told() -> bool:
        status = world.status("early")
        assert status["unsealer"]["address"]
        assert status["env"] == ["OPENAI_API_KEY", "OPENAI_BASE_URL"]
        return bool(status["secretName"])

    eventually(told, timeout=4, message="the names")
    assert world.secret("early") is None


def test_a_key_that_no_env_file_carries_is_malformed_before_any_pod_hangs(world: World, openai: str) -> None:
    key = f"{world.key()}'s"
    world.credential("quoted", openai, key, target=ENVELOPE)

    world.wait("quoted", ready="False", reason="MalformedKey")
    assert "holds a single quote, which an env file cannot; target.format JSON or Files can" in world.message("quoted")
    assert key not in world.message("quoted")
    assert world.calls(key) == 0

    world.change("quoted", target={**ENVELOPE, "format": "Files"})
    eventually(lambda: world.calls(key) > 0)


def test_the_files_that_a_workload_will_find_are_known_by_name(world: World, openai: str) -> None:
    deliver(world, openai, "one-file", world.key(), target={**ENVELOPE, "format": "JSON"})

    assert world.status("one-file")["files"] == [{"name": "credentials.json"}]
    assert "env" not in world.status("one-file")


@pytest.mark.parametrize(
    ("bound", "reason"),
    [
        ({"namespace": "kube-system"}, "SealedForOtherScope"),
        ({"name": "another"}, "SealedForOtherScope"),
        ({"audience": "https://api.openai.com"}, "SealedForOtherHost"),
        ({"delivery": "recipients:" + "A" * 32}, "SealedForOtherDelivery"),
    ],
    ids=lambda one: one if isinstance(one, str) else next(iter(one)),
)
def test_a_value_sealed_for_elsewhere_is_not_sent(
    world: World, openai: str, bound: dict[str, str], reason: str
) -> None:
    name, key = f"elsewhere-{next(iter(bound))}", world.key()

    world.credential(name, openai, entries=[sealed_entry(world, openai, name, key, **bound)], target=ENVELOPE)

    world.wait(name, ready="False", reason=reason)
    assert world.conditions(name)["Stalled"][0] == "True"
    assert "llmkeys seal" in world.message(name)
    assert world.calls(key) == 0


def test_a_provider_that_moves_gets_no_key_that_is_bound_to_its_old_host(world: World) -> None:
    provider, other, key = world.provider("openai"), world.provider("openai"), world.key()
    deliver(world, provider, "moving", key)
    moved = world.simulator.url(world.server(other))

    world.change_provider(provider, baseURL=moved)

    world.wait("moving", ready="False", reason="SealedForOtherHost", synced="Withdrawn")
    assert world.secret("moving") == {}
    assert world.calls(key) == 1


@pytest.mark.parametrize("replaced", [False, True], ids=["same key", "bad replacement"])
@pytest.mark.parametrize(
    "target",
    [{"encryption": "None"}, {"recipients": [PrivateKey.generate().public.text()]}],
    ids=["in clear", "other recipients"],
)
def test_an_edit_of_the_form_alone_releases_no_key(
    world: World, openai: str, target: dict[str, Any], *, replaced: bool
) -> None:
    name, key = f"edited-{'clear' if 'encryption' in target else 'recipients'}-{replaced}".lower(), world.key()
    deliver(world, openai, name, key)
    worse = world.key(Behaviour.REVOKED)
    entries = [sealed_entry(world, openai, name, worse if replaced else key)]
    change = {"encryption": None, **target}

    world.change(name, target=change, keys=entries)

    world.wait(name, ready="False", reason="SealedForOtherDelivery", synced="Withdrawn")
    assert world.secret(name) == {}


def test_recipients_open_it_and_the_ring_does_not(world: World, openai: str) -> None:
    holder, key = PrivateKey.generate(), world.key()
    name = "to-recipients"
    entry = sealed_entry(world, openai, name, key, delivery=recipients_delivery([holder.public]))

    world.credential(
        name, openai, entries=[entry], target={"encryption": "Envelope", "recipients": [holder.public.text()]}
    )

    world.wait(name, ready="True", reason="Verified")
    assert key.encode() in open_for_recipient(holder, envelope(world, name))
    assert "unsealer" not in world.status(name)
    assert "sealedWith" not in world.status(name)["target"]


def test_an_edited_envelope_is_healed_without_a_call_and_without_a_rise(world: World, openai: str) -> None:
    key = world.key()
    deliver(world, openai, "healed", key)

    world.patch("Secret", "healed", {"data": {"envelope": "Zm9yZ2Vk"}})

    eventually(lambda: envelope(world, "healed") != "forged", timeout=10, message="the healing of the envelope")
    assert opened(world, "healed")["OPENAI_API_KEY"] == key
    assert header(world, "healed").binding.sequence == 1
    assert world.calls(key) == 1


def test_a_new_root_key_seals_every_envelope_again(world: World, openai: str) -> None:
    keys = {f"renewed-{index}": world.key() for index in range(5)}
    for name, key in keys.items():
        deliver(world, openai, name, key)
    before = roots(world).active.key_id

    rotate(world)

    def renewed() -> bool:
        active = roots(world).active.key_id
        assert active != before
        return all(header(world, name).key_id == active for name in keys)

    eventually(renewed, timeout=20, message="the new envelopes")
    for name, key in keys.items():
        assert opened(world, name)["OPENAI_API_KEY"] == key
        assert header(world, name).binding.sequence == 1
        assert world.calls(key) == 1


def rotate(world: World) -> None:
    """Put a new root key into the ring, as `llmkeys keys rotate` does."""
    data = {
        name: base64.b64encode(value).decode() for name, value in ring_data(roots(world).rotate(time.time())).items()
    }
    path = f"/api/v1/namespaces/{DEFAULT_NAMESPACE}/secrets/{ENVELOPE_SECRET}"
    world.stage.api.merge(path, {"data": data})


def test_a_source_that_names_its_hosts_goes_to_no_other(world: World, openai: str) -> None:
    key = world.key()
    world.source("bound", apiKey=key)
    world.patch("Secret", "bound", {"metadata": {"annotations": {HOSTS_ANNOTATION: "api.openai.com"}}})
    entry = {"name": "main", "secretRef": {"name": "bound"}}

    world.credential("bound-source", openai, entries=[entry])

    world.wait("bound-source", ready="False", reason="SealedForOtherHost")
    assert world.calls(key) == 0
    host = world.simulator.url(world.server(openai)).split("//")[1].split("/")[0]
    world.patch("Secret", "bound", {"metadata": {"annotations": {HOSTS_ANNOTATION: host}}})
    world.wait("bound-source", ready="True", reason="Verified")


def test_nothing_is_written_or_asked_after_a_restart(world: World, openai: str) -> None:
    key = world.key()
    deliver(world, openai, "restarted", key)
    world.settle()
    before = {name: version(world, "Secret", name) for name in ("restarted", "sealed")}
    statuses = {name: version(world, CREDENTIAL_KIND, name) for name in before}

    world.stage.restart_operator()

    world.settle()
    assert {name: version(world, "Secret", name) for name in before} == before
    assert {name: version(world, CREDENTIAL_KIND, name) for name in before} == statuses
    assert world.calls(key) == 1


def version(world: World, kind: str, name: str) -> str:
    return str(world.object(kind, name)["metadata"]["resourceVersion"])
