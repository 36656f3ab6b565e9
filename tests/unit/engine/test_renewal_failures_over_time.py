"""Renewals that failed: for which file and settings that counts; and with what a new leader begins."""

from dataclasses import replace

import msgspec

from llmkeys.api.credential import credential_from
from llmkeys.api.names import REQUESTED_AT_ANNOTATION
from llmkeys.api.objects import Key
from llmkeys.api.provider import Network
from llmkeys.engine.renewed_book import MOST_FILES
from llmkeys.probe.reply import Reply
from llmkeys.probe.request import ProbeRequest
from tests.unit.engine.doubles import ACCEPTED, reply
from tests.unit.engine.renewal_world import API, BUSY, LIFE, REFUSED, SERVICE, Renewing, TokenNet, message
from tests.unit.engine.virtual import run, until
from tests.unit.engine.world import HOUR

UNKNOWN_PROGRAM = reply(401, {"error": "invalid_client"})


def deleted(world: Renewing, key: Key) -> None:
    del world.cluster.credentials[key]
    world.engine.credential_gone(key)


def look_now(world: Renewing, key: Key) -> None:
    body = msgspec.to_builtins(world.cluster.credentials[key])
    body["metadata"]["annotations"] = {REQUESTED_AT_ANNOTATION: "now"}
    body["metadata"]["resourceVersion"] = str(world.cluster.next_version())
    world.cluster.credentials[key] = credential_from(body)
    world.engine.credential_seen(world.cluster.credentials[key])


# -- another file, another setting ----------------------------------------------------------------------------


def test_another_file_in_the_source_is_renewed_at_once() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.net.instead = BUSY
            chat = world.begun(-HOUR)
            await until(60)
            asked = len(world.net.asked)
            world.net.instead, world.net.refresh = None, "refresh-fresh"
            world.file(-HOUR, refresh="refresh-fresh")
            await until(70)
            assert [token for _, token in world.net.asked[asked:]] == ["refresh-fresh"]
            assert str(world.seen(chat)) == "Verified: Active Ready SecretSynced"

    run(story())


def test_the_message_of_another_file_does_not_name_the_service_that_refused_the_first() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.net.instead = UNKNOWN_PROGRAM
            chat = world.begun(-HOUR)
            await until(60)
            assert "chat.qwen.ai" in message(world, chat)
            world.net.answers["fresh"] = reply(405, {"error": {"message": "no"}})
            world.file(LIFE, refresh="refresh-fresh", access_token="fresh")
            await until(120)
            assert f"{API} is not the API" in message(world, chat)

    run(story())


def test_a_refused_refresh_token_says_nothing_of_another_file() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.net.instead = REFUSED
            world.net.ended.add("access-0")
            chat = world.begun()
            await until(HOUR)
            world.net.instead, world.net.refresh = None, "refresh-fresh"
            world.net.answers["fresh"] = ACCEPTED
            world.net.ended.add("fresh")
            world.file(LIFE, refresh="refresh-fresh", access_token="fresh")
            await until(HOUR + 60)
            assert world.net.asked[-1][1] == "refresh-fresh"
            assert str(world.seen(chat)) == "Verified: Active Ready SecretSynced"

    run(story())


class GoogleNet(TokenNet):
    """The same service at Google's address."""

    async def send(self, request: ProbeRequest, network: Network, timeout: float, limit: int) -> Reply:  # noqa: ASYNC109
        if request.secret_body is not None:
            assert request.url == "https://oauth2.googleapis.com/token"
            request = replace(request, url=SERVICE)
        return await super().send(request, network, timeout, limit)


class Google(Renewing):
    """A world whose provider renews with a setting of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.net = GoogleNet()
        self.engine = self._engine()

    def program(self, client_secret: str) -> None:
        self.provider(type="gemini-cli", config={"refresh": "true", "clientSecret": client_secret})


def test_a_corrected_setting_is_tried_at_once() -> None:
    async def story() -> None:
        async with Google() as world:
            world.net.instead = UNKNOWN_PROGRAM
            world.program("wrong")
            world.file(-HOUR, resource_url=None)
            world.credential()
            await until(60)
            asked = len(world.net.asked)
            assert asked
            world.net.instead = None
            world.program("right")
            await until(70)
            assert len(world.net.asked) == asked + 1

    run(story())


# -- room -----------------------------------------------------------------------------------------------------


def test_a_file_that_there_was_no_room_for_is_renewed_at_the_next_look_once_there_is() -> None:
    async def story() -> None:
        async with Renewing() as world:
            first = world.begun(-HOUR)
            await until(2)
            assert world.renewed.data
            ((place, sealed),) = world.renewed.data.items()
            owner = place.partition(".")[0]
            world.renewed.data |= {f"{owner}.{number}": sealed for number in range(MOST_FILES)}
            world.net.refresh = "refresh-late"
            world.file(-HOUR, source="late", refresh="refresh-late")
            late = world.credential("late", sources=("late",))
            await until(20)
            assert "llmkeys-renewed has no room" in message(world, late)
            assert len(world.net.asked) == 1
            deleted(world, first)
            look_now(world, late)
            await until(30)
            assert world.net.asked[-1][1] == "refresh-late"
            assert str(world.seen(late)) == "Verified: Active Ready SecretSynced"

    run(story())


# -- a credential that goes -----------------------------------------------------------------------------------


def test_what_failed_for_a_deleted_credential_does_not_meet_the_next_one() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.net.instead = BUSY
            chat = world.begun(-HOUR)
            await until(60)
            asked = len(world.net.asked)
            deleted(world, chat)
            world.net.instead = None
            world.credential()
            await until(70)
            assert len(world.net.asked) == asked + 1

    run(story())


def test_what_failed_for_a_source_counts_while_another_credential_names_it() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.net.instead = BUSY
            chat = world.begun(-HOUR)
            world.credential("other")
            await until(60)
            asked = len(world.net.asked)
            deleted(world, chat)
            world.credential()
            await until(120)
            assert len(world.net.asked) == asked

    run(story())


# -- a controller that does not lead --------------------------------------------------------------------------


class StandingBy(Renewing):
    """Another controller of the same cluster, which knows what it holds and does not lead yet."""

    def __init__(self, leading: Renewing) -> None:
        super().__init__(leading.renewed)
        self.cluster, self.net = leading.cluster, leading.net
        self.engine = self._engine()
        self.listed()

    def listed(self) -> None:
        for provider in self.cluster.providers.values():
            self.engine.provider_seen(provider)
        for key, stored in self.cluster.secrets.items():
            if stored.labels.get("llmkeys.dev/source"):
                self.engine.source_seen(key, stored.meta)
        for credential in self.cluster.credentials.values():
            self.engine.credential_seen(credential)


def test_a_controller_that_did_not_lead_begins_with_what_is_kept_then() -> None:
    async def story() -> None:
        async with Renewing() as world:
            chat = world.begun(-HOUR)
            await until(2)
            standby = StandingBy(world)
            reads = world.renewed.reads
            standby.rings()
            await until(3)
            assert world.renewed.reads == reads, "it is the leader's to write"
            await until(LIFE)
            assert [token for _, token in world.net.asked] == ["refresh-0", "refresh-1"]
            await world.engine.stop()
            del world.cluster.secrets[Key("team", "chat-out")]
            standby.listed()
            standby.engine.start()
            await until(LIFE + 60)
            assert standby.delivered_file(chat)["access_token"] == "access-2"
            assert len(world.net.asked) == 2
            await standby.engine.stop()

    run(story())


def test_what_is_kept_is_sealed_to_the_key_that_came_before_a_controller_led() -> None:
    async def story() -> None:
        async with Renewing() as world:
            world.begun(-HOUR)
            await until(2)
            await world.engine.stop()
            old = world.sealing.active.key_id
            standby = StandingBy(world)
            standby.rings(sealing=world.sealing.rotate(2.0))
            standby.engine.start()
            await until(4)
            assert world.renewed.data
            assert all(old.encode() not in sealed for sealed in world.renewed.data.values())
            await standby.engine.stop()

    run(story())
