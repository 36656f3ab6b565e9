"""Files whose access token is renewed: when, how often, what is kept, delivered and said."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import pytest

from llmkeys.api.objects import Key
from llmkeys.api.provider import Network
from llmkeys.crypto.ring import Ring
from llmkeys.engine.effects import ApiUnavailableError, ForbiddenError
from llmkeys.engine.renewed_book import MOST_FILES
from llmkeys.probe.reply import Reply
from llmkeys.probe.request import ProbeRequest
from tests.unit.engine.doubles import ACCEPTED, DOWN, MemoryRenewed, RecordingNet, reply
from tests.unit.engine.virtual import START, run, until
from tests.unit.engine.world import DAY, HOUR, World

SERVICE = "https://chat.qwen.ai/api/v1/oauth2/token"
API = "https://portal.qwen.ai/v1/models"
REFUSED = reply(400, {"error": "invalid_grant", "error_description": "expired"})
EXPIRED = reply(401, {"error": {"message": "invalid access token or token expired"}})
BUSY = reply(429, {"error": "slow_down"}, retry_after="600")
LIFE = 6 * HOUR


@dataclass
class TokenNet(RecordingNet):
    """A provider whose token service gives out `access-1`, `access-2`… and takes each refresh token once.

    Args:
        lifetime: seconds, None to say nothing of it.
        instead: what the service answers instead.
        asked: when it was asked, and with which refresh token.
        ended: access tokens that the provider takes no more.

    """

    lifetime: float | None = LIFE
    rotates: bool = True
    instead: Reply | None = None
    refresh: str = "refresh-0"
    given: int = 0
    asked: list[tuple[float, str]] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)
    printed: list[str] = field(default_factory=list)

    async def send(self, request: ProbeRequest, network: Network, timeout: float, limit: int) -> Reply:  # noqa: ASYNC109
        self.printed.append(f"{request!r}")
        if request.secret_body is None:
            self.at |= {(API, one): EXPIRED for one in self.ended}
            return await super().send(request, network, timeout, limit)
        assert request.url == SERVICE
        (token,) = parse_qs(request.secret_body.reveal())["refresh_token"]
        self.asked.append((asyncio.get_running_loop().time(), token))
        await asyncio.sleep(self.takes)
        if self.instead is not None:
            return self.instead
        if token != self.refresh:
            return REFUSED
        self.given += 1
        body: dict[str, Any] = {"access_token": f"access-{self.given}", "resource_url": "tenant.example"}
        if self.lifetime is not None:
            body["expires_in"] = self.lifetime
        if self.rotates:
            self.refresh = body["refresh_token"] = f"refresh-{self.given}"
        self.answers[f"access-{self.given}"] = ACCEPTED
        return reply(200, body)


class Renewing(World):
    """A world whose provider renews, with one file in a source."""

    net: TokenNet

    def __init__(self, renewed: MemoryRenewed | None = None) -> None:
        super().__init__()
        self.renewed = renewed or self.renewed
        self.net = TokenNet(answers={"access-0": ACCEPTED})
        self.engine = self._engine()

    def file(self, ends: float | None = LIFE, *, refresh: str = "refresh-0", source: str = "raw", **more: Any) -> None:
        """Put a file into the source whose token ends so many seconds after the start."""
        document = {"access_token": "access-0", "refresh_token": refresh, "resource_url": "portal.qwen.ai", **more}
        if ends is not None:
            document["expiry_date"] = (START + ends) * 1000
        key, data = Key("team", source), {"oauth_creds.json": json.dumps(document).encode()}
        self.engine.source_seen(key, self.cluster.put_secret(key, data, {"llmkeys.dev/source": "true"}))

    def renewing(self, **spec: Any) -> None:
        self.provider(**{"type": "qwen-code", "config": {"refresh": "true"}, **spec})

    def begun(self, ends: float | None = LIFE, **more: Any) -> Key:
        self.renewing()
        self.file(ends, **more)
        return self.credential()

    def delivered_file(self, key: Key) -> dict[str, Any]:
        stored = self.cluster.secrets[Key(key.namespace, f"{key.name}-out")]
        found: dict[str, Any] = json.loads(stored.data["oauth_creds.json"])
        return found

    @property
    def renewals(self) -> list[float]:
        """Seconds after the start at which the token service was called."""
        return [at for at, _ in self.net.asked]


def message(world: World, key: Key) -> str:
    return world.seen(key).condition("Ready").message


# -- when -----------------------------------------------------------------------------------------------------


def test_a_token_is_renewed_before_it_ends_and_the_new_file_is_delivered() -> None:
    async def story() -> None:
        async with Renewing() as world:
            chat = world.begun(expiry_unit="kept")
            await until(2)
            assert str(world.seen(chat)) == "Verified: Active Ready SecretSynced"
            assert world.delivered_file(chat)["access_token"] == "access-0"
            assert world.renewals == []
            await until(LIFE)
            assert world.renewals == [pytest.approx(LIFE - 300, abs=1)]
            file = world.delivered_file(chat)
            ends = START + world.renewals[0] + LIFE
            assert file == {
                "access_token": "access-1",
                "refresh_token": "refresh-1",
                "resource_url": "portal.qwen.ai",
                "expiry_unit": "kept",
                "expiry_date": pytest.approx(ends * 1000, abs=1000),
            }
            assert str(world.seen(chat)) == "Verified: Active Ready SecretSynced"

    run(story())


def test_every_token_is_renewed_when_a_tenth_of_its_life_is_left() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.begun()
            await until(2 * DAY)
            gaps = [later - earlier for earlier, later in zip(world.renewals, world.renewals[1:], strict=False)]
            assert gaps
            assert gaps == [pytest.approx(0.9 * LIFE, abs=2)] * len(gaps)
            assert [token for _, token in world.net.asked] == [f"refresh-{n}" for n in range(len(world.net.asked))]

    run(story())


def test_a_file_that_has_ended_is_renewed_before_anything_of_it_is_shown() -> None:
    async def story() -> None:
        async with Renewing() as world:
            chat = world.begun(-HOUR)
            await until(2)
            assert len(world.renewals) == 1
            assert {one.key for one in world.net.sent} == {"access-1"}
            assert world.delivered_file(chat)["access_token"] == "access-1"

    run(story())


def test_without_leave_nothing_is_renewed_and_the_message_tells_how_to_give_it() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.renewing(config={})
            world.file(-HOUR)
            chat = world.credential()
            await until(DAY)
            assert world.net.asked == []
            assert world.net.sent == []
            assert world.renewed.reads == 0
            assert str(world.seen(chat)) == "Expired: InvalidKey Stalled"
            assert 'spec.config.refresh: "true"' in message(world, chat)
            assert "may log its owner out" in message(world, chat)
            world.renewing()
            await until(DAY + 5)
            assert str(world.seen(chat)) == "Verified: Active Ready SecretSynced"

    run(story())


def test_a_file_without_a_refresh_token_cannot_be_renewed() -> None:
    async def story() -> None:
        async with Renewing() as world:
            chat = world.begun(-HOUR, refresh="")
            await until(60)
            assert world.net.asked == []
            assert str(world.seen(chat)) == "Expired: InvalidKey Stalled"

    run(story())


def test_a_token_that_the_provider_calls_expired_is_renewed_once_a_day() -> None:
    async def story() -> None:
        async with Renewing() as world:
            chat = world.begun(None)
            await until(2)
            world.net.lifetime = None
            world.net.ended.add("access-0")
            await until(12 * HOUR)
            assert len(world.renewals) == 1
            assert world.delivered_file(chat)["access_token"] == "access-1"
            assert str(world.seen(chat)) == "Verified: Active Ready SecretSynced"
            world.net.ended |= {f"access-{number}" for number in range(9)}
            await until(20 * HOUR)
            assert len(world.renewals) == 1
            assert str(world.seen(chat)) == "Expired: InvalidKey SecretSynced Stalled"
            await until(3 * DAY)
            assert len(world.renewals) <= 3

    run(story())


def test_a_service_that_gives_tokens_for_a_second_is_not_called_every_second() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.net.lifetime = 1
            world.begun(-HOUR)
            await until(HOUR)
            assert len(world.renewals) <= 61

    run(story())


def test_a_key_that_is_not_in_use_is_not_renewed() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.net.answers["other"] = ACCEPTED
            world.renewing()
            world.file(30 * DAY, source="first", access_token="other")
            world.file(-HOUR, source="second")
            world.credential(sources=("first", "second"))
            await until(2 * DAY)
            assert world.net.asked == []

    run(story())


def test_a_service_that_takes_its_time_does_not_delay_the_first_status() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.net.takes = 3
            chat = world.begun(-HOUR)
            await until(0.5)
            assert str(world.seen(chat)) == "Checking: Reconciling"
            await until(10)
            assert str(world.seen(chat)) == "Verified: Active Ready SecretSynced"

    run(story())


# -- once -----------------------------------------------------------------------------------------------------


def test_credentials_of_one_source_share_a_renewal() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.renewing()
            world.file(-HOUR)
            keys = [world.credential(f"chat-{number}") for number in range(5)]
            await until(2 * LIFE)
            assert [token for _, token in world.net.asked] == ["refresh-0", "refresh-1", "refresh-2"]
            assert {world.delivered_file(key)["access_token"] for key in keys} == {"access-3"}

    run(story())


def test_a_copy_of_a_used_up_file_gains_nothing_by_it() -> None:
    async def story() -> None:
        async with Renewing() as world:
            chat = world.begun(-HOUR)
            await until(2)
            world.file(-HOUR, source="copy")
            thief = world.credential("thief", sources=("copy",))
            await until(300)
            assert str(world.seen(thief)) == "Expired: InvalidKey Stalled"
            assert str(world.seen(chat)) == "Verified: Active Ready SecretSynced"

    run(story())


def test_a_restart_calls_nobody_and_reads_what_is_kept() -> None:
    async def story() -> None:
        async with Renewing() as world:
            chat = world.begun(-HOUR)
            await until(60)
            before, sent = list(world.net.asked), len(world.net.sent)
            reads, writes, patches = world.renewed.reads, len(world.renewed.writes), len(world.patches_of(chat))
            await world.restart()
            await until(120)
            assert (world.net.asked, len(world.net.sent)) == (before, sent)
            assert (world.renewed.reads, len(world.renewed.writes)) == (reads, writes)
            assert len(world.patches_of(chat)) == patches
            del world.cluster.secrets[Key("team", "chat-out")]
            world.engine.generated_gone(Key("team", "chat-out"))
            await until(180)
            assert world.delivered_file(chat)["access_token"] == "access-1"
            assert (world.net.asked, len(world.net.sent)) == (before, sent)

    run(story())


def test_a_file_that_cannot_be_written_yet_is_not_used_and_its_token_is_not_asked_for_again() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.renewed.failures = [None, *[ApiUnavailableError("away")] * 4]
            chat = world.begun(-HOUR)
            await until(0.5)
            assert len(world.net.asked) == 1
            assert world.net.sent == []
            assert Key("team", "chat-out") not in world.cluster.secrets
            await until(60)
            assert len(world.net.asked) == 1
            assert world.delivered_file(chat)["refresh_token"] == "refresh-1"
            assert world.renewed.writes[-1] <= world.net.sent[0].at

    run(story())


def test_what_is_still_to_be_written_is_written_before_it_is_shown() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.renewed.failures = [None, ApiUnavailableError("away")]
            world.net.ended.add("access-0")
            chat = world.begun()
            await until(60)
            assert [one.key for one in world.net.sent] == ["access-0", "access-1"]
            assert len(world.net.asked) == 1
            assert world.delivered_file(chat)["access_token"] == "access-1"

    run(story())


def test_a_secret_that_may_not_be_written_costs_no_refresh_token() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.renewed.failures = [ForbiddenError("patch secrets: forbidden")] * 3
            chat = world.begun(-HOUR)
            await until(0.5)
            assert world.net.asked == []
            await until(HOUR)
            assert world.delivered_file(chat)["access_token"] == "access-1"

    run(story())


def test_a_stop_waits_for_the_answer_that_is_under_way() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.net.takes = 5
            chat = world.begun(-HOUR)
            await until(1)
            assert len(world.net.asked) == 1
            world.net.takes = 0.05
            await world.restart()
            await until(30)
            assert len(world.net.asked) == 1
            assert world.delivered_file(chat)["access_token"] == "access-1"

    run(story())


def test_another_process_that_was_faster_is_believed() -> None:
    async def story() -> None:
        async with Renewing() as world:
            chat = world.begun()
            await until(2)
            other = Renewing(world.renewed)
            other.net.lifetime = 2 * LIFE
            world.net.answers["access-1"] = ACCEPTED
            other.net.ended.add("access-0")
            async with other:
                other.begun()
                await until(10)
            assert other.renewals
            await until(LIFE)
            assert world.net.asked == []
            assert world.delivered_file(chat)["access_token"] == "access-1"

    run(story())


# -- what is kept ---------------------------------------------------------------------------------------------


def test_what_is_kept_shows_nothing_and_neither_does_anything_else() -> None:
    async def story() -> None:
        async with Renewing() as world:
            chat = world.begun(-HOUR)
            await until(60)
            assert world.renewed.data
            shown = (str(world.renewed.data), str(world.status(chat)), str(world.cluster.events), *world.net.printed)
            assert not any(word in text for text in shown for word in ("access-", "refresh-", "resource_url"))

    run(story())


def test_the_source_is_never_written_and_its_fingerprint_stays() -> None:
    async def story() -> None:
        async with Renewing() as world:
            chat = world.begun()
            await until(2)
            source = world.cluster.secrets[Key("team", "raw")].version
            fingerprint = world.status(chat).keys[0].fingerprint
            await until(DAY)
            assert len(world.renewals) > 2
            assert world.cluster.secrets[Key("team", "raw")].version == source
            assert world.status(chat).keys[0].fingerprint == fingerprint

    run(story())


def test_a_replaced_source_starts_over() -> None:
    async def story() -> None:
        async with Renewing() as world:
            chat = world.begun(-HOUR)
            await until(60)
            world.net.answers["fresh"] = ACCEPTED
            world.file(LIFE, refresh="fresh-refresh", access_token="fresh")
            await until(70)
            assert world.delivered_file(chat)["access_token"] == "fresh"
            world.net.refresh = "fresh-refresh"
            await until(LIFE)
            assert world.net.asked[-1][1] == "fresh-refresh"
            assert world.delivered_file(chat)["access_token"] == "access-2"

    run(story())


def test_what_belongs_to_no_credential_is_dropped() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.begun(-HOUR)
            await until(2)
            assert world.renewed.data is not None
            first = set(world.renewed.data)
            gone = Key("team", "chat")
            del world.cluster.credentials[gone]
            world.engine.credential_gone(gone)
            world.net.refresh = "refresh-b"
            world.file(-HOUR, source="other", refresh="refresh-b")
            world.credential("other", sources=("other",))
            await until(10)
            assert len(world.renewed.data) == 1
            assert not first & set(world.renewed.data)

    run(story())


def test_a_deleted_secret_is_put_back_from_memory() -> None:
    async def story() -> None:
        async with Renewing() as world:
            chat = world.begun(-HOUR)
            await until(2)
            world.renewed.data = None
            await until(2 * LIFE)
            assert [token for _, token in world.net.asked] == ["refresh-0", "refresh-1", "refresh-2"]
            assert str(world.seen(chat)) == "Verified: Active Ready SecretSynced"

    run(story())


def test_a_write_puts_back_all_that_was_in_a_deleted_secret() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.begun(-HOUR)
            await until(HOUR)
            world.net.refresh = "refresh-b"
            world.file(-HOUR, source="other", refresh="refresh-b")
            world.credential("other", sources=("other",))
            await until(2 * HOUR)
            assert world.renewed.data
            there = set(world.renewed.data)
            assert len(there) == 2
            world.renewed.data, world.net.refresh = None, "refresh-1"
            await until(5.5 * HOUR)
            assert len(world.net.asked) == 3
            assert set(world.renewed.data or ()) == there

    run(story())


def test_a_new_sealing_key_has_everything_sealed_anew_and_the_old_one_can_go() -> None:
    async def story() -> None:
        async with Renewing() as world:
            chat = world.begun(-HOUR)
            await until(2)
            old = world.sealing.active.key_id
            world.rings(sealing=world.sealing.rotate(2.0))
            await until(3)
            assert world.renewed.data
            assert all(old.encode() not in sealed for sealed in world.renewed.data.values())
            world.rings(sealing=world.sealing.retire(old))
            await world.restart()
            await until(LIFE)
            assert [token for _, token in world.net.asked] == ["refresh-0", "refresh-1"]
            assert str(world.seen(chat)) == "Verified: Active Ready SecretSynced"

    run(story())


def test_what_does_not_open_is_as_if_it_was_not_there() -> None:
    async def story() -> None:
        async with Renewing() as world:
            chat = world.begun(-HOUR)
            await until(2)
            world.sealing = Ring.first("sealing", 1.0)
            await world.restart()
            world.file(-HOUR, note="touched")
            await until(120)
            assert [token for _, token in world.net.asked][1:] == ["refresh-0"] * 2, "a look, confirmed once"
            assert world.seen(chat).condition("Ready").reason == "Expired"

    run(story())


def test_a_full_secret_costs_no_refresh_token_and_is_said() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.begun(-HOUR)
            await until(2)
            assert world.renewed.data
            ((place, sealed),) = world.renewed.data.items()
            owner = place.partition(".")[0]
            world.renewed.data |= {f"{owner}.{number}": sealed for number in range(MOST_FILES)}
            world.file(-HOUR, source="late", refresh="refresh-late")
            late = world.credential("late", sources=("late",))
            await until(20)
            assert "refresh-late" not in {token for _, token in world.net.asked}
            assert str(world.seen(late)) == "ProbeRefused: Reconciling"
            assert "llmkeys-renewed has no room" in message(world, late)

    run(story())


# -- what it is called ----------------------------------------------------------------------------------------


def test_a_refused_renewal_is_expired_and_says_to_sign_in_again() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.net.instead = REFUSED
            chat = world.begun(-HOUR)
            await until(60)
            assert str(world.seen(chat)) == "Expired: InvalidKey Stalled"
            assert "Sign in again with the program" in message(world, chat)
            assert world.net.sent == []
            asked = len(world.net.asked)
            assert asked == 2, "one look confirms it"
            await until(DAY)
            assert len(world.net.asked) - asked <= 4
            world.net.instead = None
            world.file(LIFE, refresh="refresh-0", note="new")
            await until(DAY + 60)
            assert str(world.seen(chat)) == "Verified: Active Ready SecretSynced"

    run(story())


def test_a_refused_refresh_token_is_not_shown_with_every_look() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.net.instead = REFUSED
            world.net.ended.add("access-0")
            chat = world.begun()
            await until(HOUR)
            assert len(world.net.times("access-0")) == 2
            assert len(world.net.asked) == 1
            assert str(world.seen(chat)) == "Expired: InvalidKey Stalled"

    run(story())


def test_a_refused_renewal_of_a_proven_key_withdraws_nothing() -> None:
    async def story() -> None:
        async with Renewing() as world:
            chat = world.begun()
            await until(2)
            world.net.instead = REFUSED
            await until(LIFE + HOUR)
            assert str(world.seen(chat)) == "Expired: InvalidKey SecretSynced Stalled"
            assert world.delivered_file(chat)["access_token"] == "access-0"

    run(story())


@pytest.mark.parametrize(
    ("answer", "then"),
    [
        (BUSY, "Throttled: Active RateLimited Ready SecretSynced"),
        (DOWN, "ProviderUnreachable: Active Ready SecretSynced"),
    ],
)
def test_a_service_that_has_no_answer_costs_nothing_while_the_token_lasts(answer: Reply, then: str) -> None:
    async def story() -> None:
        async with Renewing() as world:
            chat = world.begun()
            await until(2)
            world.net.instead = answer
            await until(LIFE - 2)
            assert world.renewals
            assert str(world.seen(chat)) == "Verified: Active Ready SecretSynced"
            await until(LIFE + 200)
            assert str(world.seen(chat)) == then
            assert world.delivered_file(chat)["access_token"] == "access-0"
            world.net.instead = None
            await until(LIFE + HOUR)
            assert world.delivered_file(chat)["access_token"] == "access-1"
            assert str(world.seen(chat)) == "Verified: Active Ready SecretSynced"

    run(story())


def test_a_service_is_not_called_before_it_wants_to_be() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.begun()
            await until(2)
            world.net.instead = BUSY
            await until(LIFE + HOUR)
            gaps = [later - earlier for earlier, later in zip(world.renewals, world.renewals[1:], strict=False)]
            assert gaps
            assert min(gaps) >= 600

    run(story())


def test_a_program_that_the_service_does_not_know_is_no_dead_key() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.net.instead = reply(401, {"error": "invalid_client"})
            chat = world.begun(-HOUR)
            await until(120)
            assert str(world.seen(chat)) == "ProbeRefused: Reconciling"
            assert "https://chat.qwen.ai" in message(world, chat)

    run(story())


def test_a_success_without_a_token_is_no_token() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.net.instead = reply(200, {"token_type": "Bearer"})
            chat = world.begun(-HOUR)
            await until(20)
            assert str(world.seen(chat)) == "Unrecognised: Reconciling"
            assert world.net.sent == []

    run(story())


def test_the_programs_secret_is_asked_for_where_one_is_needed() -> None:
    async def story() -> None:
        async with World() as world:
            world.provider(type="gemini-cli", config={"refresh": "true"})
            await until(1)
            ready = world.cluster.providers["openai"].status.conditions[0]
            assert (ready.status, ready.reason) == ("False", "BadEndpoint")
            assert "Set spec.config.clientSecret" in ready.message

    run(story())


def test_a_key_that_is_bound_to_a_host_goes_to_no_other_token_service() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.renewing(endpoints={"token": "https://tenant.example"})
            file = json.dumps({"access_token": "access-0", "refresh_token": "refresh-0", "expiry_date": 1000})
            sealed = world.sealed(file, field="oauth_creds.json", audience="https://portal.qwen.ai")
            entry = {"name": "main", "sealed": {"oauth_creds.json": sealed["sealed"]["apiKey"]}}
            chat = world.enveloped(entry)
            await until(60)
            assert world.net.asked == []
            assert str(world.seen(chat)) == "SealedForOtherHost: Stalled"
            world.renewing()
            await until(120)
            assert str(world.seen(chat)) == "Verified: Active Ready SecretSynced"
            assert json.loads(world.opened(chat)["oauth_creds.json"])["access_token"] == "access-1"

    run(story())


def test_an_envelopes_sequence_rises_with_each_renewal_and_only_then() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.renewing()
            world.file(LIFE)
            chat = world.enveloped({"name": "main", "secretRef": {"name": "raw"}})
            await until(2)
            first = world.sequence(chat)
            await until(LIFE - 400)
            assert world.sequence(chat) == first
            await until(LIFE)
            assert world.sequence(chat) == first + 1

    run(story())
