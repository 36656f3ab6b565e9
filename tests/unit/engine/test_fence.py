"""The fence is open up to a moment, and nothing passes it afterwards."""

import pytest

from llmkeys.api.provider import Network
from llmkeys.engine.fence import Fence, LeadersNet, NotLeadingError
from llmkeys.probe.reply import Reply
from llmkeys.probe.request import ProbeRequest


class Watch:
    """A clock that stands until it is set."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


class Sent:
    """A net that counts."""

    def __init__(self) -> None:
        self.count = 0

    async def send(self, request: ProbeRequest, network: Network, timeout: float, limit: int) -> Reply:  # noqa: ARG002, ASYNC109
        self.count += 1
        return Reply(status=200)


def test_it_is_closed_at_first() -> None:
    with pytest.raises(NotLeadingError):
        Fence(Watch()).check()


def test_it_is_open_until_its_time_and_closes_by_itself() -> None:
    watch = Watch()
    fence = Fence(watch)
    fence.open_until(110)
    fence.check()
    watch.time = 110
    assert not fence.is_open
    with pytest.raises(NotLeadingError):
        fence.check()


def test_it_can_be_closed_before() -> None:
    fence = Fence(Watch())
    fence.open_until(110)
    fence.close()
    assert not fence.is_open


def test_one_without_end_is_always_open() -> None:
    Fence.without_end().check()


async def test_no_provider_is_called_when_it_is_closed() -> None:
    fence, sent = Fence(Watch()), Sent()
    net = LeadersNet(sent, fence)
    request = ProbeRequest("GET", "https://provider.example/v1/models")
    with pytest.raises(NotLeadingError):
        await net.send(request, Network(), 1.0, 100)
    assert sent.count == 0
    fence.open_until(110)
    assert (await net.send(request, Network(), 1.0, 100)).status == 200
