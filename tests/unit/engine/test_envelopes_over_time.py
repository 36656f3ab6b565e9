"""What is sealed, opened and sealed again, over the hours in which keys, rings and manifests change."""

from typing import Any

import msgspec
import pytest

from llmkeys.api.durations import epoch
from llmkeys.api.objects import Key
from llmkeys.crypto.content import decode_content
from llmkeys.crypto.keypair import PrivateKey
from llmkeys.crypto.recipients import open_for_recipient, recipients_delivery
from tests.unit.engine.doubles import ACCEPTED, DOWN, REFUSED
from tests.unit.engine.virtual import START, run
from tests.unit.engine.world import HOUR, NAMESPACE_UID, UNSEALER, World, until

GOOD = "Verified: Active Ready SecretSynced"
SECRET = Key("team", "chat-out")


async def good(world: World, text: str = "old", **more: Any) -> Key:
    """A credential whose sealed key is proven and delivered; it is one hour after the start."""
    world.net.answers[text] = ACCEPTED
    key = world.enveloped(world.sealed(text), **more)
    await until(HOUR)
    assert str(world.seen(key)) == GOOD
    return key


def test_a_sealed_key_is_proven_and_delivered_in_an_envelope() -> None:
    async def story() -> None:
        async with World() as world:
            key = await good(world)
            assert world.opened(key)["OPENAI_API_KEY"] == b"old"
            assert world.sequence(key) == world.status(key).target.sequence == 1
            assert world.status(key).unsealer == UNSEALER
            assert world.status(key).target.previous_until == ""
            assert b"old" not in b"".join(world.cluster.secrets[SECRET].data.values())

    run(story())


def test_an_envelope_is_not_written_again_while_nothing_changes() -> None:
    async def story() -> None:
        async with World() as world:
            await good(world)
            text = world.cluster.secrets[SECRET].data
            await until(30 * HOUR)
            await world.restart()
            await until(31 * HOUR)
            assert world.cluster.secrets[SECRET].data == text
            assert world.cluster.writes == [("create", SECRET)]
            assert len(world.net.times("old")) == 6

    run(story())


def test_an_envelope_that_an_earlier_version_wrote_is_of_the_same_delivery() -> None:
    """Before there were rollouts, a digest of the content did not tell the version of the key that made it."""

    async def story() -> None:
        async with World() as world:
            key = await good(world)
            standing, text = world.cluster.credentials[key], world.cluster.secrets[SECRET].data
            version, _, digest = standing.status.target.content.partition(".")
            target = msgspec.structs.replace(standing.status.target, content=digest)
            status = msgspec.structs.replace(standing.status, target=target)
            world.cluster.credentials[key] = msgspec.structs.replace(standing, status=status)
            await world.restart()
            await until(30 * HOUR)
            assert world.status(key).target.content == f"{version}.{digest}"
            assert world.status(key).target.sequence == 1
            assert world.cluster.secrets[SECRET].data == text

    run(story())


@pytest.mark.parametrize(("overlap", "lasts"), [(None, 600.0), ("1m", 300.0), ("2h", 7200.0)])
def test_a_changed_key_raises_the_sequence_and_the_one_before_opens_for_a_while(
    overlap: str | None, lasts: float
) -> None:
    async def story() -> None:
        async with World() as world:
            rotation = {"overlap": overlap} if overlap else {}
            key = await good(world, rotation=rotation)
            world.net.answers["new"] = ACCEPTED
            world.enveloped(world.sealed("new"), rotation=rotation)
            await until(HOUR + 10)
            assert world.opened(key)["OPENAI_API_KEY"] == b"new"
            target = world.status(key).target
            assert (world.sequence(key), target.sequence) == (2, 2)
            assert epoch(target.previous_until) - START - HOUR == pytest.approx(lasts, abs=2)

    run(story())


def test_healing_does_not_raise_the_sequence() -> None:
    async def story() -> None:
        async with World() as world:
            key = await good(world)
            for data in ({"envelope": b"forged"}, {}):
                meta = world.cluster.put_secret(SECRET, dict(data), {"llmkeys.dev/credential": "chat"})
                world.engine.generated_seen(SECRET, meta)
                await until(world.clock.now() - START + 5)
                assert world.opened(key)["OPENAI_API_KEY"] == b"old"
                assert world.status(key).target.sequence == 1
            del world.cluster.secrets[SECRET]
            world.engine.generated_gone(SECRET)
            await until(world.clock.now() - START + 5)
            assert (world.sequence(key), world.status(key).target.sequence) == (1, 1)
            assert len(world.net.times("old")) == 1

    run(story())


def test_a_withdrawal_raises_the_sequence_and_nothing_from_before_it_opens_again() -> None:
    async def story() -> None:
        async with World() as world:
            key = await good(world)
            entry = world.sealed("old")
            world.enveloped(entry, enabled=False)
            await until(HOUR + 10)
            assert world.cluster.secrets[SECRET].data == {}
            assert world.status(key).target.sequence == 2
            world.enveloped(entry)
            await until(HOUR + 20)
            assert world.opened(key)["OPENAI_API_KEY"] == b"old"
            target = world.status(key).target
            assert (world.sequence(key), target.sequence, target.previous_until) == (3, 3, "")

    run(story())


def test_the_sequence_outlives_a_withdrawn_secret_that_is_deleted() -> None:
    async def story() -> None:
        async with World() as world:
            key = await good(world)
            entry = world.sealed("old")
            world.enveloped(entry, enabled=False)
            await until(HOUR + 10)
            del world.cluster.secrets[SECRET]
            world.engine.generated_gone(SECRET)
            await until(HOUR + 20)
            world.enveloped(entry)
            await until(HOUR + 30)
            assert world.sequence(key) == 3

    run(story())


def test_a_new_root_key_seals_everything_again_without_a_call() -> None:
    async def story() -> None:
        async with World() as world:
            key = await good(world)
            old = world.roots
            world.rings(envelope=old.rotate(HOUR))
            await until(HOUR + 10)
            assert world.status(key).target.sealed_with == world.roots.active.key_id != old.active.key_id
            assert world.opened(key)["OPENAI_API_KEY"] == b"old"
            assert (world.sequence(key), world.status(key).target.sequence) == (1, 1)
            assert len(world.net.times("old")) == 1
            world.rings(envelope=world.roots.retire(old.active.key_id))
            await until(HOUR + 20)
            assert world.opened(key)["OPENAI_API_KEY"] == b"old"

    run(story())


def test_the_last_good_value_is_sealed_again_too() -> None:
    async def story() -> None:
        async with World() as world:
            key = await good(world)
            world.net.answers["new"] = DOWN
            world.enveloped(world.sealed("new"))
            await until(HOUR + 60)
            assert world.seen(key).condition("Active").reason == "KeptLastGood"
            world.rings(envelope=world.roots.rotate(HOUR))
            await until(HOUR + 120)
            assert world.status(key).target.sealed_with == world.roots.active.key_id
            assert world.opened(key)["OPENAI_API_KEY"] == b"old"
            assert world.sequence(key) == 1

    run(story())


@pytest.mark.parametrize(
    ("bound", "reason"),
    [
        ({"namespace": "other"}, "SealedForOtherScope"),
        ({"name": "other"}, "SealedForOtherScope"),
        ({"field": "other"}, "SealedForOtherScope"),
        ({"purpose": "recipient"}, "SealedForOtherScope"),
        ({"audience": "https://gateway.test"}, "SealedForOtherHost"),
        ({"audience": "https://api.openai.com:8443"}, "SealedForOtherHost"),
        ({"delivery": recipients_delivery([PrivateKey.generate().public])}, "SealedForOtherDelivery"),
    ],
)
def test_a_value_sealed_for_elsewhere_is_neither_sent_nor_delivered(bound: dict[str, str], reason: str) -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["old"] = ACCEPTED
            key = world.enveloped(world.sealed("old", **bound))
            await until(60)
            assert str(world.seen(key)) == f"{reason}: Stalled"
            assert world.net.sent == []
            assert SECRET not in world.cluster.secrets

    run(story())


@pytest.mark.parametrize(
    "bound", [{"scope": "namespace", "name": ""}, {"audience": "any"}, {"delivery": "any"}], ids=str
)
def test_a_value_sealed_more_widely_opens(bound: dict[str, str]) -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["old"] = ACCEPTED
            key = world.enveloped(world.sealed("old", **bound))
            await until(60)
            assert str(world.seen(key)) == GOOD

    run(story())


@pytest.mark.parametrize("text", ["llmkeys1.garbage", "llmkeys1.AAAA.AAAA", "sk-in-clear"])
def test_a_value_that_is_none_says_so(text: str) -> None:
    async def story() -> None:
        async with World() as world:
            key = world.enveloped({"name": "main", "sealed": {"apiKey": text}})
            await until(60)
            assert str(world.seen(key)) == "DecryptFailed: Stalled"
            assert text not in world.seen(key).condition("Ready").message

    run(story())


def test_a_value_of_a_retired_key_says_so() -> None:
    async def story() -> None:
        async with World() as world:
            old = world.sealing.active.key_id
            entry = world.sealed("old")
            world.rings(sealing=world.sealing.rotate(0).retire(old))
            key = world.enveloped(entry)
            await until(60)
            assert str(world.seen(key)) == "KeyRetired: Stalled"
            assert old in world.seen(key).condition("Ready").message

    run(story())


def test_a_ring_that_gets_a_key_back_opens_what_it_could_not() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["old"] = ACCEPTED
            whole = world.sealing
            entry = world.sealed("old")
            world.rings(sealing=whole.rotate(0).retire(whole.active.key_id))
            key = world.enveloped(entry)
            await until(60)
            world.rings(sealing=whole)
            await until(120)
            assert str(world.seen(key)) == GOOD

    run(story())


def test_when_the_provider_goes_elsewhere_bound_keys_are_neither_sent_nor_delivered_any_more() -> None:
    async def story() -> None:
        async with World() as world:
            key = await good(world)
            world.provider(baseURL="https://elsewhere.test/v1")
            await until(HOUR + 60)
            assert str(world.seen(key)) == "SealedForOtherHost: Stalled"
            assert "https://api.openai.com" in world.seen(key).condition("Ready").message
            assert [one.url for one in world.net.sent if "elsewhere" in one.url] == []
            assert world.cluster.secrets[SECRET].data == {}
            assert world.status(key).target.sequence == 2

    run(story())


def test_a_value_bound_to_a_gateway_does_not_follow_the_provider_to_the_vendor() -> None:
    async def story() -> None:
        async with World() as world:
            world.provider(baseURL="https://gateway.test/v1")
            world.net.answers["old"] = ACCEPTED
            key = world.enveloped(world.sealed("old", audience="https://gateway.test"))
            await until(60)
            assert str(world.seen(key)) == GOOD
            sent = len(world.net.sent)
            world.provider()
            await until(120)
            assert str(world.seen(key)) == "SealedForOtherHost: Stalled"
            assert len(world.net.sent) == sent

    run(story())


@pytest.mark.parametrize(
    "target",
    [{"encryption": "None"}, {"recipients": [PrivateKey.generate().public.text()]}],
    ids=["in clear", "to other recipients"],
)
@pytest.mark.parametrize("replacement", [False, True])
def test_a_manifest_edited_to_another_form_releases_nothing(target: dict[str, Any], replacement: bool) -> None:
    async def story() -> None:
        async with World() as world:
            key = await good(world)
            entry = world.sealed("bad") if replacement else world.sealed("old")
            world.net.answers["bad"] = REFUSED
            world.enveloped(entry, target=target)
            await until(HOUR + 60)
            assert str(world.seen(key)) == "SealedForOtherDelivery: Stalled"
            assert world.cluster.secrets[SECRET].data == {}
            assert world.status(key).target.sequence == 2

    run(story())


def test_other_names_and_formats_are_renamed_inside_the_envelope() -> None:
    async def story() -> None:
        async with World() as world:
            key = await good(world)
            world.enveloped(world.sealed("old"), target={"data": {"MY_KEY": "$(apiKey)"}})
            await until(HOUR + 60)
            assert world.opened(key) == {"MY_KEY": b"old"}
            assert world.status(key).env == ("MY_KEY",)
            world.enveloped(world.sealed("old"), target={"format": "JSON"})
            await until(HOUR + 120)
            assert set(world.opened(key)) == {"credentials.json"}
            assert world.sequence(key) == 3
            assert len(world.net.times("old")) == 1

    run(story())


def test_recipients_alone_can_open_what_is_sealed_to_them() -> None:
    async def story() -> None:
        async with World() as world:
            holders = [PrivateKey.generate(), PrivateKey.generate()]
            publics = [one.public for one in holders]
            world.net.answers["old"] = ACCEPTED
            key = world.enveloped(
                world.sealed("old", delivery=recipients_delivery(publics)),
                target={"recipients": [one.text() for one in publics]},
            )
            await until(60)
            assert str(world.seen(key)) == GOOD
            assert world.status(key).unsealer is None
            assert world.status(key).target.sealed_with == ""
            for holder in holders:
                data = world.cluster.secrets[SECRET].data["envelope"]
                uid = world.cluster.credentials[key].metadata.uid
                content = decode_content(open_for_recipient(holder, data, NAMESPACE_UID, uid))
                assert content["OPENAI_API_KEY"] == b"old"
            world.rings(envelope=world.roots.rotate(60))
            await until(120)
            assert world.cluster.writes == [("create", SECRET)]
            meta = world.cluster.put_secret(SECRET, {"envelope": b"[]"}, {"llmkeys.dev/credential": "chat"})
            world.engine.generated_seen(SECRET, meta)
            await until(180)
            assert world.cluster.secrets[SECRET].data["envelope"] != b"[]"

    run(story())


def test_recipients_that_are_no_keys_are_named() -> None:
    async def story() -> None:
        async with World() as world:
            key = world.enveloped(world.sealed("old"), target={"recipients": ["llmkeys-public-1:AAAA"]})
            await until(60)
            assert str(world.seen(key)) == "DataInvalid: Stalled"
            assert "recipients[0]" in world.seen(key).condition("Ready").message

    run(story())


@pytest.mark.parametrize(
    ("hosts", "sent"),
    [
        ("api.openai.com", True),
        ("elsewhere.test, api.openai.com:443", True),
        ("elsewhere.test", False),
        ("api.openai.com:8443", False),
        ("", False),
    ],
)
def test_a_source_that_names_hosts_is_sent_to_no_other(hosts: str, sent: bool) -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["old"] = ACCEPTED
            world.source("old")
            world.cluster.secrets[Key("team", "raw")].hosts = tuple(one for one in hosts.split(", ") if one)
            key = world.credential()
            await until(60)
            assert bool(world.net.sent) is sent
            assert str(world.seen(key)) == (GOOD if sent else "SealedForOtherHost: Stalled")

    run(story())
