"""Credentials of other kinds than a key: files of OAuth clients, pairs that sign, secrets that are exchanged first."""

import json
from typing import Any

import pytest

from llmkeys.api.objects import Key
from llmkeys.api.provider import Network
from llmkeys.probe.reply import Failure, Reply
from llmkeys.probe.request import ProbeRequest
from tests.unit.engine.doubles import ACCEPTED, DOWN, RecordingNet, reply
from tests.unit.engine.virtual import START, run
from tests.unit.engine.world import World, until

QWEN = "https://portal.qwen.ai/v1/models"
LOGIN = "https://login.microsoftonline.com/contoso.example/oauth2/v2.0/token"
AZURE = "https://acme.openai.azure.com/openai/models?api-version=2024-10-21"
CONFIG = {"resource": "acme", "tenantId": "contoso.example", "clientId": "66666666-7777-8888-9999-000000000000"}
TOKEN = reply(200, {"token_type": "Bearer", "access_token": "access-1"})
WRONG_SECRET = reply(401, {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret"})
CONFIRMED = 120.0


def credential(world: World, data: dict[str, str]) -> Key:
    key = Key("team", "raw-chat")
    stored = {name: text.encode() for name, text in data.items()}
    world.engine.source_seen(key, world.cluster.put_secret(key, stored, {"llmkeys.dev/source": "true"}))
    return world.credential(sources=("raw-chat",))


def qwen(world: World, **document: Any) -> Key:
    world.provider(type="qwen-code")
    return credential(world, {"oauth_creds.json": json.dumps({"access_token": "qwen-1", **document})})


def message(world: World, key: Key) -> str:
    return world.seen(key).condition("Ready").message


def test_a_file_is_proven_by_its_token_and_delivered_as_a_file() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.answers["qwen-1"] = ACCEPTED
            chat = qwen(world, resource_url="portal.qwen.ai", expiry_date=(START + 3600) * 1000)
            await until(2)
            assert str(world.seen(chat)) == "Verified: Active Ready SecretSynced"
            assert [(one.url, one.key) for one in world.net.sent] == [(QWEN, "qwen-1")]
            assert set(world.cluster.secrets[Key("team", "chat-out")].data) == {"oauth_creds.json"}

    run(story())


def test_a_host_that_a_file_names_is_never_called() -> None:
    async def story() -> None:
        async with World() as world:
            chat = qwen(world, resource_url="tenant.example")
            await until(CONFIRMED)
            assert world.net.sent == []
            assert str(world.seen(chat)) == "BadEndpoint: Stalled"
            assert "resource_url" in message(world, chat)
            assert "tenant.example" not in str(world.status(chat))

    run(story())


@pytest.mark.parametrize(
    ("text", "reason", "words"),
    [
        ("sk-1", "MalformedKey: InvalidKey Stalled", "it is no JSON object"),
        ('{"refresh_token": "r"}', "MalformedKey: InvalidKey Stalled", "it has no access_token"),
        ('{"claudeAiOauth": {}}', "WrongCredentialType: InvalidKey Stalled", "the file of Claude Code"),
        ('{"access_token": "a", "expiry_date": 1000}', "Expired: InvalidKey Stalled", "out of date"),
    ],
)
def test_a_file_that_cannot_be_used_says_why_and_is_not_sent(text: str, reason: str, words: str) -> None:
    async def story() -> None:
        async with World() as world:
            world.provider(type="qwen-code")
            chat = credential(world, {"oauth_creds.json": text})
            await until(CONFIRMED)
            assert str(world.seen(chat)) == reason
            assert words in message(world, chat)
            assert world.net.sent == []

    run(story())


def test_a_pair_signs_for_the_moment_of_each_look() -> None:
    async def story() -> None:
        async with World() as world:
            world.provider(type="aws-bedrock", config={"region": "us-east-1"})
            world.net.otherwise = reply(200, {"modelSummaries": []})
            chat = credential(world, {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"})
            await until(7 * 3600)
            assert str(world.seen(chat)) == "Verified: Active Ready SecretSynced"
            signatures = [one.key for one in world.net.sent]
            assert len(set(signatures)) == len(signatures) == 2
            assert all("secret" not in one.removeprefix("AWS4").lower() for one in signatures)

    run(story())


# -- a secret that is exchanged for a token -------------------------------------------------------------------


def entra(world: World, config: dict[str, str] = CONFIG, **spec: Any) -> Key:
    world.provider(type="azure-openai", config=config, **spec)
    return credential(world, {"AZURE_CLIENT_SECRET": "client-secret"})


def asked(world: World) -> list[tuple[str, str]]:
    return [(one.url, one.key) for one in world.net.sent]


def test_a_secret_is_exchanged_and_the_token_proves_it() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.at[LOGIN, ""] = TOKEN
            world.net.at[AZURE, "access-1"] = ACCEPTED
            chat = entra(world)
            await until(2)
            assert str(world.seen(chat)) == "Verified: Active Ready SecretSynced"
            assert asked(world) == [(LOGIN, ""), (AZURE, "access-1")]
            data = world.cluster.secrets[Key("team", "chat-out")].data
            assert data["AZURE_CLIENT_SECRET"] == b"client-secret"
            assert data["AZURE_TENANT_ID"] == b"contoso.example"
            assert not any(b"access-1" in value for value in data.values())

    run(story())


@pytest.mark.parametrize(
    ("answer", "seen"),
    [
        (WRONG_SECRET, "Rejected: InvalidKey Stalled"),
        (reply(429, {"error": "busy"}, retry_after="60"), "Throttled: RateLimited Reconciling"),
        (DOWN, "ProviderUnreachable: Reconciling"),
        (reply(200, {"token_type": "Bearer"}), "Unrecognised: Reconciling"),
        (reply(200, {"access_token": ""}), "Unrecognised: Reconciling"),
    ],
)
def test_an_exchange_that_gives_no_token_is_the_verdict(answer: Reply, seen: str) -> None:
    async def story() -> None:
        async with World() as world:
            world.net.at[LOGIN, ""] = answer
            chat = entra(world)
            await until(30 if "Throttled" in seen else CONFIRMED)
            assert str(world.seen(chat)) == seen
            assert {url for url, _ in asked(world)} == {LOGIN}

    run(story())


def test_a_token_that_the_provider_refuses_refuses_the_secret() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.at[LOGIN, ""] = TOKEN
            chat = entra(world)
            await until(CONFIRMED)
            assert str(world.seen(chat)) == "Rejected: InvalidKey Stalled"

    run(story())


def test_a_token_service_that_is_away_is_left_alone_and_does_not_stop_the_keys_of_the_host() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.at[LOGIN, ""] = Reply(0, failure=Failure.CONNECT_REFUSED)
            world.net.answers["plain-key"] = ACCEPTED
            world.provider(type="azure-openai", config=CONFIG)
            for number in range(6):
                key = Key("team", f"raw-{number}")
                data = {"AZURE_CLIENT_SECRET": f"client-secret-{number}".encode()}
                world.engine.source_seen(key, world.cluster.put_secret(key, data, {"llmkeys.dev/source": "true"}))
                world.credential(f"chat-{number}", sources=(key.name,))
            await until(5)
            tried = len(asked(world))
            late = credential(world, {"AZURE_CLIENT_SECRET": "one-more"})
            await until(10)
            assert str(world.seen(late)) == "ProviderUnreachable: Reconciling"
            assert len(asked(world)) == tried
            plain = credential(world, {"AZURE_OPENAI_API_KEY": "plain"})
            await until(12)
            assert AZURE in {url for url, _ in asked(world)}
            assert world.seen(plain).condition("Ready").reason != "ProviderUnreachable"

    run(story())


def test_a_setting_that_the_exchange_needs_is_asked_for() -> None:
    async def story() -> None:
        async with World() as world:
            chat = entra(world, {"resource": "acme", "tenantId": "contoso.example"})
            await until(CONFIRMED)
            assert world.net.sent == []
            assert str(world.seen(chat)) == "BadEndpoint: Stalled"
            assert "Set spec.config.clientId" in message(world, chat)

    run(story())


def test_one_look_asks_for_one_token_however_much_it_asks_for_with_it_and_the_next_look_for_another() -> None:
    async def story() -> None:
        async with World() as world:
            world.net.at[LOGIN, ""] = TOKEN
            world.net.answers["access-1"] = reply(200, {"object": "list", "data": [{"id": "gpt-5"}]})
            chat = entra(world, models={"add": [{"name": "mine"}], "defaults": {"llm": "gpt-5"}})
            await until(2)
            assert str(world.seen(chat)) == "Verified: Active Ready SecretSynced"
            assert [url for url, _ in asked(world)].count(LOGIN) == 1
            await until(8 * 3600)
            looks = [key for _, key in asked(world)].count("access-1")
            assert [url for url, _ in asked(world)].count(LOGIN) == looks == 2

    run(story())


def test_a_made_up_secret_is_exchanged_too_where_the_token_service_is_a_strangers() -> None:
    async def story() -> None:
        async with World() as world:
            login = LOGIN.replace("login.microsoftonline.com", "login.example")
            world.net.at[login, ""] = TOKEN
            world.net.answers["access-1"] = ACCEPTED
            chat = entra(world, endpoints={"token": "https://login.example"})
            await until(2)
            assert str(world.seen(chat)) == "Unverified: Active Ready SecretSynced"
            assert sorted(asked(world)) == sorted(2 * [(login, ""), (AZURE, "access-1")])

    run(story())


def test_a_strangers_token_service_that_knows_its_secrets_proves_one() -> None:
    async def story() -> None:
        async with World() as world:
            net = TokenService("https://login.example", "client-secret")
            world.net = net
            await world.restart()
            net.answers["access-1"] = ACCEPTED
            chat = entra(world, endpoints={"token": "https://login.example"})
            await until(2)
            assert str(world.seen(chat)) == "Verified: Active Ready SecretSynced"
            assert (net.given, net.refused) == (1, 1)

    run(story())


class TokenService(RecordingNet):
    """Gives a token for one secret only."""

    def __init__(self, origin: str, secret: str) -> None:
        super().__init__()
        self._origin = origin
        self._secret = secret
        self.given = self.refused = 0

    async def send(self, request: ProbeRequest, network: Network, timeout: float, limit: int) -> Reply:  # noqa: ASYNC109
        answer = await super().send(request, network, timeout, limit)
        if not request.url.startswith(self._origin) or request.secret_body is None:
            return answer
        good = f"client_secret={self._secret}&" in request.secret_body.reveal()
        self.given, self.refused = self.given + good, self.refused + (not good)
        return TOKEN if good else WRONG_SECRET


class Bodies(RecordingNet):
    """Remembers what was printed of each request."""

    def __init__(self) -> None:
        super().__init__()
        self.printed: list[str] = []

    async def send(self, request: ProbeRequest, network: Network, timeout: float, limit: int) -> Reply:  # noqa: ASYNC109
        self.printed.append(f"{request!r} {request.body!r} {request.url}")
        return await super().send(request, network, timeout, limit)


def test_nothing_that_is_printed_of_an_exchange_holds_the_secret_or_the_token() -> None:
    async def story() -> None:
        async with World() as world:
            net = Bodies()
            world.net = net
            await world.restart()
            net.at[LOGIN, ""] = TOKEN
            net.at[AZURE, "access-1"] = ACCEPTED
            chat = entra(world)
            await until(2)
            assert len(net.printed) == 2
            everything = (*net.printed, str(world.status(chat)), str(world.cluster.events))
            assert not any(secret in text for text in everything for secret in ("client-secret", "access-1"))

    run(story())
