import asyncio
import json
from dataclasses import replace

import pytest

from llmkeys.api.errors import PlatformError
from llmkeys.api.names import ENVELOPE_SECRET
from llmkeys.api.objects import Key
from llmkeys.crypto.ring import Ring, ring_data
from llmkeys.engine.effects import ApiUnavailableError
from llmkeys.unsealer.limits import Rate
from llmkeys.unsealer.opening import Opened
from llmkeys.unsealer.refusal import Reason, Refusal
from llmkeys.unsealer.usage import UsageReport
from tests.unit.unsealer.world import CANARY, KEY, SUBJECT, World, seal, token, verdict

ACCOUNT = "system:serviceaccount:team-a:{}"


@pytest.fixture
def world() -> World:
    return World()


async def test_a_pod_whose_account_is_named_gets_the_content(world: World) -> None:
    outcome = await world.unseal()
    assert isinstance(outcome.result, Opened)
    assert json.loads(outcome.result.content) == {"OPENAI_API_KEY": CANARY}
    assert (outcome.result.fields, outcome.result.sequence) == (("OPENAI_API_KEY",), 3)
    assert CANARY not in repr(outcome)


async def test_an_account_that_rbac_allows_gets_it_too(world: World) -> None:
    world.change(service_accounts=frozenset())
    assert await world.why() is Reason.DENIED
    world.api.allowed.add((ACCOUNT.format("chat"), KEY))
    world.clock.at += 10
    assert await world.why() is None


async def test_who_is_named_costs_no_question_about_rights(world: World) -> None:
    await world.unseal()
    assert world.api.asked == ["token", "credential"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"token": ""},
        {"token": "forged"},
        {"token": token(aud=["https://kubernetes.default.svc"])},
        {"token": token(**{"kubernetes.io": {"namespace": "team-a"}})},
        {"envelope": "nothing"},
        {"credential": "../../secrets"},
    ],
)
async def test_what_is_refused_at_sight_costs_the_api_server_nothing(world: World, arguments: dict[str, str]) -> None:
    assert await world.why(**arguments) is not None
    assert world.api.asked == []


async def test_a_body_is_not_read_for_a_token_that_is_refused_at_sight(world: World) -> None:
    async def body() -> bytes | Refusal:
        raise AssertionError("it was read")

    assert await world.why(token="", body=body) is Reason.TOKEN_MISSING


async def test_a_forged_token_is_invalid_by_the_word_of_the_api_server(world: World) -> None:
    assert await world.why(token=token(signature=b"forged")) is Reason.TOKEN_INVALID


async def test_a_pod_in_the_claims_alone_is_no_pod(world: World) -> None:
    world.api.verdicts[world.token] = verdict(pod="")
    assert await world.why() is Reason.NOT_POD_BOUND


async def test_the_tokens_namespace_decides_whatever_the_envelope_says(world: World) -> None:
    world.api.verdicts[world.token] = verdict("chat", "team-b")
    assert await world.why() is Reason.NO_SUCH_CREDENTIAL


async def test_an_envelope_copied_to_another_name_or_namespace_stays_closed(world: World) -> None:
    other = Key("team-a", "other")
    there = Key("team-b", "openai")
    for key in (other, there):
        world.api.subjects[key] = replace(SUBJECT, key=key, uid="uid-other")
    assert await world.why(credential="other") is Reason.OTHER_CREDENTIAL
    world.api.verdicts[world.token] = verdict("chat", "team-b")
    world.clock.at += 10
    assert await world.why() is Reason.OTHER_CREDENTIAL


async def test_an_envelope_of_a_deleted_or_re_created_credential_stays_closed(world: World) -> None:
    world.change(uid="re-created")
    assert await world.why() is Reason.OTHER_CREDENTIAL
    del world.api.subjects[KEY]
    world.clock.at += 10
    assert await world.why() is Reason.NO_SUCH_CREDENTIAL


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"enabled": False}, Reason.DISABLED),
        ({"synced": "Withdrawn"}, Reason.WITHDRAWN),
        ({"encryption": "None"}, Reason.OTHER_FORM),
        ({"end_to_end": True}, Reason.OTHER_FORM),
        ({"sequence": 5}, Reason.STALE_ENVELOPE),
        ({"service_accounts": frozenset()}, Reason.DENIED),
    ],
)
async def test_a_change_acts_within_ten_seconds(world: World, changes: dict[str, object], reason: Reason) -> None:
    assert await world.why() is None
    world.change(**changes)
    world.clock.at += 9.9
    assert await world.why() is None
    world.clock.at += 0.1
    assert await world.why() is reason


async def test_a_revoked_token_is_refused_within_ten_seconds(world: World) -> None:
    assert await world.why() is None
    world.api.verdicts.clear()
    world.clock.at += 10
    assert await world.why() is Reason.TOKEN_INVALID


async def test_a_refused_token_is_remembered_as_well(world: World) -> None:
    forged = token(signature=b"forged")
    for _ in range(5):
        await world.unseal(token=forged)
    assert world.api.asked == ["token"]


async def test_a_credential_that_comes_late_is_seen_after_two_seconds(world: World) -> None:
    there = world.api.subjects.pop(KEY)
    assert await world.why() is Reason.NO_SUCH_CREDENTIAL
    world.api.subjects[KEY] = there
    world.clock.at += 2
    assert await world.why() is None


async def test_an_envelope_with_one_bit_changed_does_not_open(world: World) -> None:
    envelope = seal(world.ring)
    changed = envelope[:-4] + ("A" if envelope[-4] != "A" else "B") + envelope[-3:]
    assert await world.why(changed) is Reason.DECRYPT_FAILED


async def test_a_header_that_claims_a_newer_delivery_does_not_open(world: World) -> None:
    """The sequence is believed only because opening proves it."""
    form, header, ciphertext = seal(world.ring, sequence=2).split(".")
    _, newer, _ = seal(world.ring, sequence=3).split(".")
    assert await world.why(f"{form}.{header}.{ciphertext}") is Reason.STALE_ENVELOPE
    assert await world.why(f"{form}.{newer}.{ciphertext}") is Reason.DECRYPT_FAILED


async def test_an_envelope_of_another_installation_does_not_open(world: World) -> None:
    assert await world.why(seal(Ring.first("envelope", 0.0))) is Reason.DECRYPT_FAILED


async def test_an_envelope_under_a_retired_key_says_so(world: World) -> None:
    old = seal(world.ring)
    retired = world.ring.active.key_id
    world.rotate()
    world.ring = world.ring.retire(retired)
    world.secrets[ENVELOPE_SECRET] = ring_data(world.ring)
    assert await world.why(old) is Reason.KEY_RETIRED


async def test_a_key_made_a_moment_ago_is_read_when_the_first_envelope_needs_it(world: World) -> None:
    await world.unseal()
    world.clock.at += 5
    world.rotate()
    assert await world.why() is None


async def test_unknown_keys_do_not_make_it_read_the_ring_all_the_time(world: World) -> None:
    await world.unseal()
    strangers = [seal(Ring.first("envelope", 0.0)) for _ in range(20)]
    # Nothing is known of them until the ring has been read once more, which they cannot hasten.
    assert set(await asyncio.gather(*map(world.why, strangers))) == {Reason.UNAVAILABLE}
    assert world.ring_reads == 1
    world.clock.at += 5
    assert set(await asyncio.gather(*map(world.why, strangers))) == {Reason.DECRYPT_FAILED, Reason.UNAVAILABLE}
    assert world.ring_reads == 2


@pytest.mark.parametrize("error", [ApiUnavailableError("away", 7.0), PlatformError("forbidden")])
async def test_who_cannot_be_asked_opens_nothing(world: World, error: Exception) -> None:
    world.api.error = error
    outcome = await world.unseal()
    assert isinstance(outcome.result, Refusal)
    assert outcome.result.reason is Reason.UNAVAILABLE
    assert outcome.result.retry_after == (7.0 if isinstance(error, ApiUnavailableError) else 2.0)


async def test_an_outage_of_seconds_is_bridged_by_memory_and_of_more_is_not(world: World) -> None:
    assert await world.why() is None
    world.api.error = ApiUnavailableError("away")
    world.clock.at += 9
    assert await world.why() is None
    world.clock.at += 1
    assert await world.why() is Reason.UNAVAILABLE


async def test_without_its_ring_it_asks_for_patience(world: World) -> None:
    world.secrets.clear()
    assert await world.why() is Reason.UNAVAILABLE


@pytest.mark.parametrize("skew", [-3600.0, 3600.0])
async def test_a_clock_that_is_wrong_by_an_hour_opens_what_is_current_and_nothing_that_is_old(skew: float) -> None:
    world = World()
    world.clock.skew = skew
    assert await world.why() is None
    world.change(sequence=5, previous_until=world.clock.at - 7200)
    world.clock.at += 10
    assert await world.why(seal(world.ring, sequence=4)) is Reason.STALE_ENVELOPE
    assert await world.why(seal(world.ring, sequence=3)) is Reason.STALE_ENVELOPE
    assert await world.why(seal(world.ring, sequence=5)) is None


async def test_an_account_over_its_rate_waits_and_another_does_not() -> None:
    world = World(by_account=Rate(1.0, 2.0))
    other = token(signature=b"other")
    world.api.verdicts[other] = verdict("batch")
    world.change(service_accounts=frozenset({"chat", "batch"}))
    reasons = [await world.why() for _ in range(3)]
    assert reasons == [None, None, Reason.TOO_MANY_REQUESTS]
    assert await world.why(token=other) is None


async def test_an_address_over_its_rate_costs_the_api_server_nothing() -> None:
    world = World(by_address=Rate(1.0, 2.0))
    for number in range(10):
        await world.unseal(token=token(signature=str(number).encode()))
    assert world.api.asked == ["token", "token"]
    assert await world.why(address="10.0.0.8") is None


async def test_so_many_of_one_address_at_once_and_no_more() -> None:
    world = World(at_once=1)
    go = asyncio.Event()
    began = asyncio.Event()

    async def body() -> bytes | Refusal:
        began.set()
        await go.wait()
        return b""

    slow = asyncio.create_task(world.unseal(body=body))
    await began.wait()
    assert await world.why() is Reason.TOO_MANY_REQUESTS
    assert await world.why(address="10.0.0.8") is None
    go.set()
    await slow
    assert await world.why() is None


async def test_so_many_of_one_account_at_once_wherever_its_pods_are() -> None:
    world = World(at_once=1)
    other = token(signature=b"other")
    world.api.verdicts[other] = verdict(pod="chat-2")
    world.api.slow = "credential"
    first = asyncio.create_task(world.why())
    await world.api.waiting.wait()
    async with asyncio.timeout(5):
        assert await world.why(token=other, address="10.0.0.8") is Reason.TOO_MANY_REQUESTS
    world.api.go.set()
    assert await first is None
    assert await world.why(token=other, address="10.0.0.8") is None


async def test_only_what_was_opened_counts_as_use(world: World) -> None:
    await world.unseal()
    await world.unseal()
    await world.unseal("nothing")
    await world.unseal(seal(Ring.first("envelope", 0.0)))
    await world.unseal(credential="other")
    (line,) = world.usage.report().usage
    assert (line.namespace, line.credential, line.service_account, line.count) == ("team-a", "openai", "chat", 2)


async def test_the_controller_alone_reads_the_counts(world: World) -> None:
    by_hand = token(**{"kubernetes.io": {"namespace": "llmkeys-system"}})
    for account, namespace, allowed in (
        ("llmkeys-controller", "llmkeys-system", True),
        ("llmkeys-controller", "team-a", False),
        ("chat", "llmkeys-system", False),
    ):
        world.api.verdicts[by_hand] = verdict(account, namespace, pod="")
        world.clock.at += 10
        result = (await world.unsealer.report(world.incoming(token=by_hand))).result
        assert isinstance(result, UsageReport) is allowed
        assert allowed or (isinstance(result, Refusal) and result.reason is Reason.DENIED)


@pytest.mark.parametrize("bad", ["", token(aud=["other"])])
async def test_the_counts_need_a_token_for_us(world: World, bad: str) -> None:
    result = (await world.unsealer.report(world.incoming(token=bad))).result
    assert isinstance(result, Refusal)
    assert result.status == 401
