import asyncio
import os
import socket
import ssl
from collections.abc import Iterator

import aiohttp
import pytest

from tests.support.simulator.behaviour import Behaviour
from tests.support.simulator.probing import KEY, credentials, get, probe, probe_url
from tests.support.simulator.simulator import Simulator
from tests.support.wait import eventually_async

OTHER = "sk-canary-fedcba9876543210"


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator.start(["openai", "openai:b", "openai-compatible", "anthropic"]) as simulator:
        simulator.set(KEY, Behaviour.GOOD)
        yield simulator


async def called(simulator: Simulator) -> None:
    async def check() -> bool:
        return bool(simulator.calls(KEY))

    await eventually_async(check, every=0.005, message="a call with the key")


async def test_a_client_that_does_not_know_the_ca_refuses_to_talk(simulator: Simulator) -> None:
    async with aiohttp.ClientSession() as stranger:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await stranger.get(probe_url(simulator, "openai"))
    assert simulator.calls_total() == 0


async def test_the_certificate_holds_for_localhost_too(simulator: Simulator, client: aiohttp.ClientSession) -> None:
    url = probe_url(simulator, "openai").replace("127.0.0.1", "localhost")

    assert (await get(client, url, credentials("openai", KEY))).status == 200


async def test_a_behaviour_for_one_server_leaves_the_others(
    simulator: Simulator, client: aiohttp.ClientSession
) -> None:
    simulator.set(KEY, Behaviour.REVOKED, "openai:b")

    assert (await probe(simulator, client, "openai")).status == 200
    assert (await probe(simulator, client, "openai:b")).status == 401


async def test_the_last_word_counts(simulator: Simulator, client: aiohttp.ClientSession) -> None:
    simulator.set(KEY, Behaviour.REVOKED, "openai")
    simulator.set(KEY, Behaviour.GOOD)

    assert (await probe(simulator, client, "openai")).status == 200


async def test_a_server_may_take_any_key(simulator: Simulator, client: aiohttp.ClientSession) -> None:
    simulator.default("openai-compatible", Behaviour.GOOD)

    assert (await probe(simulator, client, "openai-compatible", OTHER)).status == 200
    assert (await get(client, probe_url(simulator, "openai-compatible"))).status == 200
    assert (await probe(simulator, client, "openai", OTHER)).status == 401


async def test_calls_are_remembered_by_key_and_by_server(simulator: Simulator, client: aiohttp.ClientSession) -> None:
    await probe(simulator, client, "openai")
    await probe(simulator, client, "anthropic")
    await probe(simulator, client, "openai", OTHER)

    assert [(call.server, call.method, call.path, call.query) for call in simulator.calls(KEY)] == [
        ("openai", "GET", "/v1/models", ""),
        ("anthropic", "GET", "/v1/models", "limit=1"),
    ]
    assert len(simulator.calls(type="openai")) == simulator.calls_total("openai") == 2
    assert len(simulator.calls(OTHER, "anthropic")) == 0
    assert simulator.calls_total() == 3
    moments = [call.at for call in simulator.calls()]
    assert moments == sorted(moments)


async def test_calls_are_forgotten_and_behaviours_are_not(simulator: Simulator, client: aiohttp.ClientSession) -> None:
    await probe(simulator, client, "openai")
    simulator.reset()

    assert (simulator.calls_total(), simulator.calls(KEY), simulator.peak_concurrency()) == (0, [], 0)
    assert (await probe(simulator, client, "openai")).status == 200


async def test_latency_holds_back_one_server_and_requests_then_overlap(
    simulator: Simulator, client: aiohttp.ClientSession
) -> None:
    simulator.latency("openai", 300)

    answers = await asyncio.gather(*(probe(simulator, client, "openai") for _ in range(5)))

    assert {answer.status for answer in answers} == {200}
    assert simulator.peak_concurrency("openai") == 5
    assert simulator.peak_concurrency("openai:b") == 0


async def test_a_server_that_is_down_refuses_and_comes_back_on_its_port(
    simulator: Simulator, client: aiohttp.ClientSession
) -> None:
    before = simulator.url("openai")
    await probe(simulator, client, "openai")  # leaves a connection that could be used again

    simulator.down("openai")
    with pytest.raises(aiohttp.ClientConnectorError):
        await probe(simulator, client, "openai")
    assert (await probe(simulator, client, "openai:b")).status == 200
    with socket.socket() as thief, pytest.raises(OSError):
        thief.bind(("127.0.0.1", int(before.removeprefix("https://127.0.0.1:").partition("/")[0])))

    simulator.up("openai")
    assert (await probe(simulator, client, "openai")).status == 200
    assert simulator.url("openai") == before


@pytest.mark.parametrize("behaviour", [Behaviour.HANGING, Behaviour.slow(3600)])
async def test_a_request_waits_while_others_are_answered_and_ends_when_the_server_goes_down(
    simulator: Simulator, client: aiohttp.ClientSession, behaviour: Behaviour
) -> None:
    simulator.set(KEY, behaviour, "openai")
    waiting = asyncio.create_task(probe(simulator, client, "openai"))
    await called(simulator)

    assert (await probe(simulator, client, "openai", OTHER)).status == 401
    assert simulator.peak_concurrency("openai") == 2
    assert not waiting.done()

    simulator.down("openai")
    with pytest.raises(aiohttp.ClientConnectionError):
        await waiting


def test_down_and_up_may_be_said_twice(simulator: Simulator) -> None:
    for _ in range(2):
        simulator.down("openai")
    for _ in range(2):
        simulator.up("openai")


def test_a_type_that_is_repeated_gets_a_number() -> None:
    with Simulator.start(["openai", "openai"]) as simulator:
        assert simulator.names == ("openai", "openai:2")
        assert simulator.url("openai") != simulator.url("openai:2")


def test_a_port_that_is_taken_is_an_error_and_leaves_nothing_open() -> None:
    base = 20_000 + os.getpid() % 10_000  # below the ports that systems give out by themselves
    with socket.socket() as other:
        other.bind(("127.0.0.1", base + 1))
        with pytest.raises(OSError):
            Simulator.start(["openai", "openai"], port_base=base)
    with Simulator.start(["openai", "openai"], port_base=base) as simulator:
        assert [simulator.origin(name) for name in simulator.names] == [
            f"https://127.0.0.1:{base}",
            f"https://127.0.0.1:{base + 1}",
        ]


def test_an_unknown_type_is_an_error() -> None:
    with pytest.raises(KeyError):
        Simulator.start(["nobody"])


async def raw_request(simulator: Simulator, head: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    context = ssl.create_default_context(cadata=simulator.ca_pem)
    host, _, port = simulator.origin("openai").removeprefix("https://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), ssl=context)
    writer.write(f"GET /v1/models HTTP/1.1\r\nHost: x\r\n{head}\r\n\r\n".encode())
    return reader, writer


async def test_a_client_that_hangs_up_ends_its_request(simulator: Simulator) -> None:
    simulator.set(KEY, Behaviour.HANGING)
    _, writer = await raw_request(simulator, f"Authorization: Bearer {KEY}")
    await called(simulator)

    writer.transport.abort()

    async def nothing_is_being_answered() -> bool:
        simulator.reset()
        return simulator.peak_concurrency() == 0

    await eventually_async(nothing_is_being_answered, every=0.005)


async def test_stopping_waits_for_no_client_that_has_stopped_to_read(simulator: Simulator) -> None:
    simulator.set(KEY, Behaviour.huge_body(64))
    _, writer = await raw_request(simulator, f"Authorization: Bearer {KEY}")
    await called(simulator)

    simulator.stop()

    writer.transport.abort()


async def test_keys_are_never_logged(
    simulator: Simulator,
    client: aiohttp.ClientSession,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(0)
    await probe(simulator, client, "openai")
    reader, writer = await raw_request(simulator, f"Authorization {KEY}")
    assert b"400" in await reader.readline()
    writer.close()
    await writer.wait_closed()

    printed = capfd.readouterr()
    assert KEY not in caplog.text + printed.out + printed.err
