"""One call for equal probes, and for how long what one found out counts for the others."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import cast

import pytest

from llmkeys.api.provider import Network
from llmkeys.api.reasons import Reason
from llmkeys.catalogue.loader import load
from llmkeys.catalogue.model import Provider
from llmkeys.crypto.secret import Secret
from llmkeys.engine.hosts import Hosts
from llmkeys.engine.observe import Observer
from llmkeys.engine.prober import Call, Prober
from llmkeys.probe.limit import ERROR_LIMIT, LIST_LIMIT
from llmkeys.probe.reply import Failure, Reply
from llmkeys.probe.request import ProbeRequest
from llmkeys.probe.url import Origin
from tests.unit.engine.doubles import ACCEPTED, DOWN, REFUSED, RecordingNet, SilentObserver, throttled
from tests.unit.engine.virtual import START, VirtualClock, run, until

CATALOGUE = load()
OPENAI = CATALOGUE.find("openai")
HOST = Origin("https", "api.openai.com", 443)
INTERVAL = 3600.0


class Stage:
    """A prober with providers that answer by key."""

    def __init__(self, net: RecordingNet | None = None) -> None:
        self.net = net or RecordingNet()
        self.clock = VirtualClock()
        self.hosts = Hosts(self.clock, lambda *_: None, lambda *_: None)
        self.prober = Prober(self.net, self.hosts, self.clock, cast("Observer", SilentObserver()))

    def call(self, key: str = "sk-1", identity: str = "one", entry: Provider = OPENAI) -> Call:
        headers = (("Authorization", Secret(f"Bearer {key}")),)
        request = ProbeRequest("GET", f"{HOST}/v1/models", secret_headers=headers)
        return Call(identity, request, entry, HOST, Network(), 10.0, "openai")

    def recalls(self, *, since: float = 0.0, identity: str = "one") -> bool:
        return self.prober.recall(identity, since=since, interval=INTERVAL) is not None


def played(story: Callable[[Stage], Awaitable[None]]) -> None:
    async def play() -> None:
        await story(Stage())

    run(play())


def test_a_probe_under_way_is_shared() -> None:
    async def story(stage: Stage) -> None:
        stage.net.answers["sk-1"] = ACCEPTED
        task = stage.prober.start(stage.call())
        assert stage.prober.under_way("one") is task
        assert stage.prober.under_way("other") is None
        seen = await task
        await until(1)
        assert stage.prober.under_way("one") is None
        assert (seen.verdict.reason, len(stage.net.sent)) == (Reason.VERIFIED, 1)

    played(story)


def test_one_who_stops_waiting_does_not_stop_the_call_of_the_others() -> None:
    async def story(stage: Stage) -> None:
        stage.net.answers["sk-1"] = ACCEPTED
        task = stage.prober.start(stage.call())
        waiter = asyncio.create_task(asyncio.wait({task}))
        await asyncio.sleep(0)
        waiter.cancel()
        assert (await task).verdict.reason is Reason.VERIFIED

    played(story)


# The answer, and for how many seconds it counts for others.
RECALLED = [
    (ACCEPTED, 0.8 * INTERVAL),
    (REFUSED, 4.0),
    (DOWN, 4.0),
    (throttled(60), 60.0),
    (throttled(1), 4.0),
]


@pytest.mark.parametrize(("answer", "fresh"), RECALLED)
def test_what_one_found_out_counts_for_the_others_for_a_while(answer: Reply, fresh: float) -> None:
    async def story(stage: Stage) -> None:
        stage.net.answers["sk-1"] = answer
        seen = await stage.prober.start(stage.call())
        begun = seen.at - START
        assert stage.recalls()
        await until(begun + fresh - 0.1)
        assert stage.recalls()
        await until(begun + fresh + 0.1)
        assert not stage.recalls()

    played(story)


def test_only_what_is_later_than_the_own_last_look_is_news() -> None:
    async def story(stage: Stage) -> None:
        stage.net.answers["sk-1"] = ACCEPTED
        seen = await stage.prober.start(stage.call())
        assert stage.recalls(since=seen.at - 1)
        assert not stage.recalls(since=seen.at)
        assert not stage.recalls(since=seen.at + 1)
        assert not stage.recalls(identity="other")

    played(story)


@pytest.mark.parametrize(
    ("answer", "counts"),
    [
        (DOWN, True),
        (Reply(0, failure=Failure.READ_TIMEOUT), True),
        (Reply(503, {}, b""), True),
        (REFUSED, False),
        (throttled(1), False),
        (ACCEPTED, False),
        (Reply(0, failure=Failure.ADDRESS_BLOCKED), False),
    ],
)
def test_the_circuit_counts_hosts_that_do_not_answer_and_nothing_else(answer: Reply, counts: bool) -> None:
    async def story(stage: Stage) -> None:
        stage.net.answers["sk-1"] = answer
        for number in range(5):
            await stage.prober.start(stage.call(identity=str(number)))
        assert stage.hosts.of(HOST).circuit.is_open(stage.clock.now()) is counts

    played(story)


class Limits(RecordingNet):
    """Remembers how much of a body was asked for."""

    limit = 0

    async def send(self, request: ProbeRequest, network: Network, timeout: float, limit: int) -> Reply:  # noqa: ASYNC109
        self.limit = limit
        return await super().send(request, network, timeout, limit)


@pytest.mark.parametrize(("kind", "limit"), [("openai", LIST_LIMIT), ("openrouter", ERROR_LIMIT)])
def test_only_a_probe_that_is_a_list_may_be_long(kind: str, limit: int) -> None:
    net = Limits()

    async def story() -> None:
        stage = Stage(net)
        await stage.prober.start(stage.call(entry=CATALOGUE.find(kind)))

    run(story())
    assert net.limit == limit
