"""Who leads: each rule alone, then candidates whose clocks, requests and sleep go wrong in every way."""

from dataclasses import dataclass, field, replace
from math import inf
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from llmkeys.engine.leadership import Candidacy, Claim, Look, SeenLease, Stop, Terms, Wait

TERMS = Terms(lease=10, renew=2, retry=1)
OTHERS = SeenLease("7", "other", 10.0)


def waiting(lease: SeenLease | None = OTHERS, at: float = 100.0) -> Candidacy:
    return Candidacy("me", TERMS).saw(lease, at)


def closely(one: Candidacy, until: float) -> Candidacy:
    """It goes on seeing none, once a second."""
    while one.looked is not None and one.looked < until:
        one = one.saw(None, one.looked + 1)
    return one


def leading(sent: float = 100.0) -> Candidacy:
    return waiting(None, sent).granted(SeenLease("1", "me", 10.0), sent, sent)


# -- taking it -----------------------------------------------------------------------------------------------


def test_nothing_is_claimed_before_a_look() -> None:
    assert Candidacy("me", TERMS).step(100) == Look()


@pytest.mark.parametrize("lease", [None, SeenLease("3", "", 10.0), SeenLease("3", "me", 10.0)])
def test_a_lease_that_nobody_else_holds_is_claimed_at_once(lease: SeenLease | None) -> None:
    assert waiting(lease, 100).step(100) == Claim()


def test_a_lease_that_another_holds_is_looked_at_again_and_again() -> None:
    assert waiting(at=100).step(100) == Wait(1)
    assert waiting(at=100).step(101) == Look()


def test_it_has_run_out_when_it_has_not_changed_for_its_whole_duration() -> None:
    seen = waiting(at=100).saw(OTHERS, 109.5)
    assert seen.step(109.9) == Wait(pytest.approx(0.1))
    assert seen.step(110) == Claim()


def test_any_change_starts_the_duration_anew_whoever_made_it() -> None:
    seen = waiting(at=100).saw(replace(OTHERS, version="8"), 109.5)
    assert seen.saw(replace(OTHERS, version="8"), 119).step(119.4) != Claim()
    assert seen.saw(replace(OTHERS, version="8"), 119).step(119.5) == Claim()


def test_a_holder_that_says_longer_is_given_longer() -> None:
    lease = replace(OTHERS, seconds=30)
    assert waiting(lease, 100).saw(lease, 129).step(129.5) != Claim()
    assert waiting(lease, 100).saw(lease, 129).step(130) == Claim()


@pytest.mark.parametrize("seconds", [0.0, -5.0, 1.0])
def test_a_holder_that_says_less_than_we_do_is_given_ours(seconds: float) -> None:
    assert waiting(replace(OTHERS, seconds=seconds), 100).vacant_from == 110


def test_a_lease_that_vanished_is_not_free_until_its_holder_must_have_noticed() -> None:
    gone = closely(waiting(at=100).saw(None, 101), until=110)
    assert gone.step(110.9) == Wait(pytest.approx(0.1))
    assert gone.saw(None, 111).step(111) == Claim()


def test_where_another_has_been_none_is_like_one_that_vanished() -> None:
    assert Candidacy("me", TERMS).expecting(99).saw(None, 100).vacant_from == 110
    assert Candidacy("me", TERMS).saw(None, 100).expecting(103).vacant_from == 113
    assert waiting(at=100).expecting(103).vacant_from == 110


def test_one_that_is_not_there_is_made_only_right_after_a_look() -> None:
    assert waiting(None, 100).step(100.5) == Claim()
    assert waiting(None, 100).step(100.6) == Look()
    assert waiting(None, 100).failed_at(100).step(101) == Look()
    assert closely(waiting(at=100).saw(None, 101), until=110).step(111.1) == Look()


def test_one_that_may_have_come_and_gone_between_two_looks_is_waited_for_anew() -> None:
    gone = waiting(at=100).saw(None, 101)
    assert gone.saw(None, 103).vacant_from == 111
    assert gone.saw(None, 103.1).vacant_from == 113.1


def test_who_may_make_the_first_ever_has_as_long_as_the_others_wait() -> None:
    first = waiting(None, 100)
    assert first.saw(None, 109.7).step(109.7) == Claim()
    assert first.saw(None, 109.9).vacant_from == 119.9


def test_a_refused_claim_shows_that_there_was_one() -> None:
    assert waiting(None, 100).refused().saw(None, 101).vacant_from == 111


def test_after_a_refused_claim_it_looks_first() -> None:
    assert waiting(None, 100).refused().step(100) == Look()


def test_after_a_failed_request_it_takes_a_breath() -> None:
    assert waiting(None, 100).failed_at(100).step(100.5) == Wait(0.5)
    assert waiting(None, 100).refused().failed_at(100).step(100.5) == Wait(0.5)


# -- keeping it ----------------------------------------------------------------------------------------------


def test_the_deadline_counts_from_before_the_request_was_sent() -> None:
    granted = waiting(None, 100).granted(SeenLease("1", "me", 10.0), 100, 104)
    assert granted.until == pytest.approx(109.8)


def test_a_leader_renews_in_time() -> None:
    assert leading(100).step(101) == Wait(1)
    assert leading(100).step(102) == Claim()


def test_a_renewal_that_failed_is_tried_again_until_the_deadline() -> None:
    failed = leading(100).failed_at(105)
    assert failed.step(105.5) == Wait(0.5)
    assert failed.step(106) == Claim()
    assert failed.failed_at(109.5).step(109.6) == Wait(pytest.approx(0.2))
    assert isinstance(failed.step(109.8), Stop)


def test_a_renewal_that_changed_nothing_is_none() -> None:
    again = leading(100).granted(SeenLease("1", "me", 10.0), 102, 102)
    assert again.until == pytest.approx(109.8)


def test_a_stranger_s_edit_is_looked_at_and_does_not_end_it() -> None:
    refused = leading(100).refused()
    assert refused.step(102) == Look()
    assert refused.saw(SeenLease("9", "me", 10.0), 102).step(102) == Claim()


def test_a_look_does_not_prolong_it() -> None:
    assert leading(100).saw(SeenLease("9", "me", 10.0), 109).until == pytest.approx(109.8)


@pytest.mark.parametrize(
    ("lease", "why"),
    [
        (OTHERS, "other holds it"),
        (None, "it was deleted"),
        (SeenLease("9", "", 10.0), "it was released by somebody else"),
    ],
)
def test_a_leader_that_sees_it_gone_stops(lease: SeenLease | None, why: str) -> None:
    assert leading(100).refused().saw(lease, 102).step(102) == Stop(why)


# -- all together --------------------------------------------------------------------------------------------

BETWEEN_LOOKS = 2 * TERMS.retry
LOST, SENT_ONLY, ANSWERED = "lost", "sent only", "answered"


@dataclass
class Server:
    """The API server's part: a Lease that changes only in the version that is named."""

    lease: SeenLease | None = None
    versions: int = 0
    rings: bool = False
    made_at: float = -inf

    def write(self, known: SeenLease | None, holder: str, world: float = 0.0) -> SeenLease | None:
        if (known and known.version) != (self.lease and self.lease.version):
            return None
        if self.lease is None:
            self.made_at = world
        self.versions += 1
        self.lease = SeenLease(str(self.versions), holder, TERMS.lease)
        return self.lease


@dataclass
class Process:
    """One candidate with a clock of its own: it began somewhere, and runs a little fast or slow."""

    number: int
    rate: float
    offset: float
    dead: bool = False
    busy: list[Any] = field(default_factory=list)  # a request under way: what it is, when it was sent, its answer
    loaded: bool = False  # the rings, which the first of all makes
    candidacy: Candidacy = field(init=False)

    def __post_init__(self) -> None:
        self.candidacy = Candidacy(f"{self.number}", TERMS)

    def clock(self, world: float) -> float:
        return self.offset + world * self.rate

    def overlooks(self, made_at: float, world: float) -> bool:
        """Whether it would not notice that a Lease was there from that time until now."""
        looked = self.candidacy.looked
        if self.dead or looked is None or self.candidacy.lease is not None or self.clock(made_at) < looked:
            return False
        return bool(self.busy) or self.clock(world) - looked <= BETWEEN_LOOKS

    def may_write(self, world: float) -> bool:
        until = self.candidacy.until
        return not self.dead and self.clock(world) < (-inf if until is None else until)


PROCESS = st.integers(0, 2)


class Candidates(RuleBasedStateMachine):
    """Three candidates; each step of one is taken when the machine likes, so that all are paused at times.

    A request reaches the server at once, later or never, and so does its answer.
    """

    @initialize(
        rates=st.tuples(*[st.floats(0.991, 1.009)] * 3),
        offsets=st.tuples(*[st.floats(-1e6, 1e6)] * 3),
    )
    def begin(self, rates: tuple[float, ...], offsets: tuple[float, ...]) -> None:
        self.world = 0.0
        self.server = Server()
        self.processes = [Process(i, rates[i], offsets[i]) for i in range(3)]
        self.born = 3

    @rule(seconds=st.one_of(st.floats(0, 1.5), st.floats(0, 12)))
    def time_passes(self, seconds: float) -> None:
        self.world += seconds

    @rule(which=PROCESS, fate=st.sampled_from([LOST, SENT_ONLY, ANSWERED, ANSWERED, ANSWERED]))
    def one_takes_a_step(self, which: int, fate: str) -> None:
        one = self.processes[which]
        if one.dead or one.busy:
            return
        now = one.clock(self.world)
        if one.candidacy.looked is not None and not one.loaded:
            self.load_rings(one, now)
            return
        match one.candidacy.step(now):
            case Stop():
                one.dead = True
            case Look():
                self.ask(one, Look(), now, fate)
            case Claim():
                self.ask(one, Claim(), now, fate)

    @rule(which=PROCESS)
    def a_request_reaches_the_server_and_is_answered(self, which: int) -> None:
        one = self.processes[which]
        if one.busy and not one.dead:
            self.serve(one, *one.busy)

    @rule(which=PROCESS)
    def a_request_is_given_up(self, which: int) -> None:
        one = self.processes[which]
        if one.busy and not one.dead:
            one.busy = []
            one.candidacy = one.candidacy.failed_at(one.clock(self.world))

    @rule(which=PROCESS, released=st.booleans())
    def one_ends_and_another_begins(self, which: int, released: bool) -> None:
        one = self.processes[which]
        lease = self.server.lease
        if released and not one.dead and lease is not None and lease.holder == one.candidacy.identity:
            self.server.write(lease, "")
        self.born += 1
        self.processes[which] = Process(self.born, one.rate, one.offset + 17.0)

    @rule()
    def somebody_edits_the_lease(self) -> None:
        if self.server.lease is not None:
            self.server.write(self.server.lease, self.server.lease.holder)

    @rule()
    def somebody_deletes_the_lease(self) -> None:
        # Not one that was made between two looks of another, which nobody could know of.
        if not any(one.overlooks(self.server.made_at, self.world) for one in self.processes):
            self.server.lease = None

    def load_rings(self, one: Process, now: float) -> None:
        if self.server.rings:
            one.candidacy = one.candidacy.expecting(now)
        one.loaded = self.server.rings = True

    def ask(self, one: Process, what: Look | Claim, sent: float, fate: str) -> None:
        known = one.candidacy.lease
        if fate == ANSWERED:
            self.serve(one, what, sent, known)
        elif fate == SENT_ONLY:
            if isinstance(what, Claim):
                self.server.write(known, one.candidacy.identity, self.world)
            one.candidacy = one.candidacy.failed_at(sent)
        else:
            one.busy = [what, sent, known]

    def serve(self, one: Process, what: Look | Claim, sent: float, known: SeenLease | None) -> None:
        one.busy = []
        now = one.clock(self.world)
        if isinstance(what, Look):
            one.candidacy = one.candidacy.saw(self.server.lease, now)
            return
        written = self.server.write(known, one.candidacy.identity, self.world)
        one.candidacy = one.candidacy.refused() if written is None else one.candidacy.granted(written, sent, now)

    @invariant()
    def never_may_two_write(self) -> None:
        writers = [one.candidacy.identity for one in getattr(self, "processes", ()) if one.may_write(self.world)]
        assert len(writers) <= 1, writers


TestCandidates = Candidates.TestCase
TestCandidates.settings = settings(max_examples=200, stateful_step_count=50, deadline=None)


def test_left_alone_one_of_them_leads_again_within_twelve_seconds_of_the_last_renewal() -> None:
    server = Server()
    first, second = Process(0, 1.0, 500.0), Process(1, 1.0, -500.0)
    led: dict[int, float] = {}
    for tick in range(400):
        world = tick * 0.1
        for one in (first, second):
            if one is first and world > 10:
                continue  # killed
            now = one.clock(world)
            match one.candidacy.step(now):
                case Look():
                    one.candidacy = one.candidacy.saw(server.lease, now)
                case Claim():
                    written = server.write(one.candidacy.lease, one.candidacy.identity)
                    if written is None:
                        one.candidacy = one.candidacy.refused()
                    else:
                        one.candidacy = one.candidacy.granted(written, now, now)
                        led.setdefault(one.number, world)
    assert led[0] < 1
    assert 18 <= led[1] <= 22
