"""`llmkeys check --watch` over virtual time: the operator's schedule, never faster."""

import pytest

from llmkeys.api.provider import Network, ProviderSpec
from llmkeys.api.reasons import Reason
from llmkeys.catalogue.loader import load
from llmkeys.cli.check_run import looks
from llmkeys.cli.check_target import Target, target_of
from llmkeys.crypto.secret import Secret
from llmkeys.explain.finding import Finding
from llmkeys.probe.material import Candidate, Material
from tests.support.simulator.behaviour import Behaviour
from tests.support.simulator.simulator import Simulator

HOUR = 3600.0


class EnoughError(Exception):
    pass


class VirtualClock:
    """Sleeps at once, remembers for how long, and ends after so many looks; the pace between requests is none."""

    def __init__(self, most: int) -> None:
        self.time = 1_800_000_000.0
        self.waits: list[float] = []
        self._most = most

    def now(self) -> float:
        return self.time

    def jitter(self) -> float:
        return 0.5

    async def sleep(self, seconds: float) -> None:
        if 0 < seconds < 1:
            self.time += seconds
            return
        if len(self.waits) == self._most:
            raise EnoughError
        self.waits.append(seconds)
        self.time += seconds


@pytest.fixture
def target(simulator: Simulator) -> Target:
    network = Network(simulator.ca_pem, None, allow_private_addresses=True)
    spec = ProviderSpec("openai", base_url=simulator.url("openai"), network=network)
    return target_of(spec, load().find("openai"))


def key(text: str, name: str = "key") -> Candidate:
    return Candidate(name, name, Material((("apiKey", Secret(text)),)))


async def watched(target: Target, clock: VirtualClock, *keys: Candidate) -> list[Finding]:
    shown: list[Finding] = []
    with pytest.raises(EnoughError):
        await looks(target, list(keys), clock, shown.append)
    return shown


async def test_a_refusal_is_confirmed_after_five_seconds_and_the_dead_key_left_alone(target: Target) -> None:
    clock = VirtualClock(3)
    shown = await watched(target, clock, key("sk-refused"))
    assert [(one.verdict, one.believed) for one in shown] == [
        ("Rejected", "Unknown"),
        ("Rejected", "Invalid"),
        ("Rejected", "Invalid"),
    ]
    first, confirmation, dead = clock.waits
    assert (first, confirmation) == (0, 5)
    assert dead >= 6 * HOUR


async def test_a_good_key_is_looked_at_at_the_usual_interval(target: Target, simulator: Simulator) -> None:
    simulator.set("sk-good", Behaviour.GOOD)
    clock = VirtualClock(3)
    await watched(target, clock, key("sk-good"))
    assert clock.waits == [0, 6 * HOUR, 6 * HOUR]


async def test_nothing_is_asked_before_the_provider_allows(target: Target, simulator: Simulator) -> None:
    simulator.set("sk-slow", Behaviour.throttled(600))
    clock = VirtualClock(3)
    await watched(target, clock, key("sk-slow"))
    assert all(wait >= 600 for wait in clock.waits[1:])
    assert len(simulator.calls("sk-slow")) == 3


async def test_each_key_is_looked_at_at_its_own_time(target: Target, simulator: Simulator) -> None:
    simulator.set("sk-good", Behaviour.GOOD)
    clock = VirtualClock(2)  # the start, the confirmation
    shown = await watched(target, clock, key("sk-good", "good"), key("sk-refused", "bad"))
    assert [one.key for one in shown] == ["good", "bad", "bad"]
    assert len(simulator.calls("sk-good")) == 1


async def test_what_no_request_could_change_is_shown_once_and_ends_it(target: Target) -> None:
    clock = VirtualClock(9)
    shown: list[Finding] = []
    malformed = Candidate("key", "key", Material((("apiKey", Secret("a b")),)), Reason.MALFORMED_KEY)
    await looks(target, [malformed], clock, shown.append)
    assert [one.verdict for one in shown] == ["MalformedKey"]
