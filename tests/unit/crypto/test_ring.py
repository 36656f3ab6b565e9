import itertools
import math
from collections.abc import Callable

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from llmkeys.crypto.errors import KeyActiveError, KeyRetiredError, KeyUnknownError, RingMalformedError
from llmkeys.crypto.ring import Ring, RingKey, RingPurpose, State, ring_data, ring_from

DAY = 86400.0
PURPOSES: list[RingPurpose] = ["sealing", "envelope", "mac"]


def counted() -> Callable[[int], bytes]:
    numbers = itertools.count(1)
    return lambda size: next(numbers).to_bytes(size, "big")


@pytest.fixture(params=PURPOSES)
def ring(request: pytest.FixtureRequest) -> Ring:
    return Ring.first(request.param, 1000.0, counted())


def states(ring: Ring) -> list[str]:
    return [key.state.value for key in ring.keys]


def test_the_first_key_is_active_and_random(ring: Ring) -> None:
    assert states(ring) == ["active"]
    assert ring.active.created == 1000.0
    assert Ring.first(ring.purpose, 0.0).active.material != Ring.first(ring.purpose, 0.0).active.material


def test_after_a_rotation_the_old_key_only_opens(ring: Ring) -> None:
    rotated = ring.rotate(2000.0)
    assert states(rotated) == ["decryptOnly", "active"]
    assert rotated.active.created == 2000.0
    assert rotated.find(ring.active.key_id).material == ring.active.material
    assert states(ring) == ["active"]


def test_a_retired_key_leaves_its_id_and_nothing_else(ring: Ring) -> None:
    old = ring.active.key_id
    retired = ring.rotate(2000.0).retire(old)
    assert states(retired) == ["retired", "active"]
    assert retired.keys[0].material == b""
    with pytest.raises(KeyRetiredError, match=old):
        retired.find(old)
    assert retired.retire(old) == retired


def test_the_active_key_is_not_retired(ring: Ring) -> None:
    with pytest.raises(KeyActiveError, match="Rotate first"):
        ring.retire(ring.active.key_id)


def test_a_compromised_key_opens_and_never_seals(ring: Ring) -> None:
    old = ring.active.key_id
    compromised = ring.compromise(old, 2000.0)
    assert states(compromised) == ["compromised", "active"]
    assert compromised.find(old).material == ring.active.material
    assert compromised.active.key_id != old
    assert compromised.compromise(old, 3000.0) == compromised


def test_a_key_that_only_opens_can_be_compromised_too(ring: Ring) -> None:
    rotated = ring.rotate(2000.0)
    compromised = rotated.compromise(ring.active.key_id, 3000.0)
    assert states(compromised) == ["compromised", "active"]
    assert compromised.active == rotated.active


def test_a_retired_key_stays_retired(ring: Ring) -> None:
    retired = ring.rotate(2000.0).retire(ring.active.key_id)
    assert retired.compromise(ring.active.key_id, 3000.0) == retired


def test_a_key_that_was_never_there_is_unknown(ring: Ring) -> None:
    for attempt in (ring.find, ring.retire, lambda key_id: ring.compromise(key_id, 0.0)):
        with pytest.raises(KeyUnknownError, match="0000"):
            attempt("0000")


def test_it_is_due_when_the_active_key_is_that_old(ring: Ring) -> None:
    assert not ring.due(1000.0 + 90 * DAY - 1, 90 * DAY)
    assert ring.due(1000.0 + 90 * DAY, 90 * DAY)
    assert not ring.rotate(1000.0 + 90 * DAY).due(1000.0 + 91 * DAY, 90 * DAY)


def test_a_clock_that_was_set_back_makes_nothing_due(ring: Ring) -> None:
    assert not ring.due(1000.0 - 3600, 90 * DAY)


def test_mac_keys_are_numbered_above_every_version_before() -> None:
    ring = Ring("mac", (RingKey("3", State.ACTIVE, 0.0, bytes(32)),))
    assert [key.key_id for key in ring.rotate(1.0).rotate(2.0).keys] == ["3", "4", "5"]


def test_a_ring_for_something_else_or_made_at_no_time_is_none() -> None:
    with pytest.raises(RingMalformedError, match="purpose"):
        Ring("else", Ring.first("mac", 0.0).keys)
    with pytest.raises(RingMalformedError, match="created"):
        Ring.first("mac", math.nan)


def test_random_bytes_that_repeat_are_noticed() -> None:
    ring = Ring.first("envelope", 0.0, bytes)
    with pytest.raises(RingMalformedError, match="id twice"):
        ring.rotate(1.0, bytes)


def test_a_ring_does_not_show_its_material(ring: Ring) -> None:
    assert "material" not in repr(ring)


class RingMachine(RuleBasedStateMachine):
    """Against a model: the state of each id, and the material that it began with."""

    @initialize(purpose=st.sampled_from(["envelope", "mac"]))
    def begin(self, purpose: RingPurpose) -> None:
        self.now = 0.0
        self.random = counted()
        self.ring = Ring.first(purpose, self.now, self.random)
        self.expected = {self.ring.active.key_id: "active"}
        self.materials = {self.ring.active.key_id: self.ring.active.material}

    def succeeded(self, state: str) -> None:
        self.expected = {key_id: state if was == "active" else was for key_id, was in self.expected.items()}
        assert self.ring.active.key_id not in self.expected
        assert self.ring.active.material not in self.materials.values()
        assert self.ring.active.created == self.now
        self.expected[self.ring.active.key_id] = "active"
        self.materials[self.ring.active.key_id] = self.ring.active.material

    @rule(seconds=st.floats(0, 1e6))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def rotate(self) -> None:
        self.ring = self.ring.rotate(self.now, self.random)
        self.succeeded("decryptOnly")

    @rule(data=st.data())
    def retire(self, data: st.DataObject) -> None:
        key_id = data.draw(st.sampled_from(sorted(self.expected)))
        if self.expected[key_id] == "active":
            with pytest.raises(KeyActiveError):
                self.ring.retire(key_id)
        else:
            self.ring = self.ring.retire(key_id)
            self.expected[key_id] = "retired"

    @rule(data=st.data())
    def compromise(self, data: st.DataObject) -> None:
        key_id = data.draw(st.sampled_from(sorted(self.expected)))
        was = self.expected[key_id]
        self.ring = self.ring.compromise(key_id, self.now, self.random)
        if was == "active":
            self.succeeded("compromised")
        elif was == "decryptOnly":
            self.expected[key_id] = "compromised"

    @rule()
    def restart(self) -> None:
        self.ring = ring_from(ring_data(self.ring), self.ring.purpose)

    @precondition(lambda self: hasattr(self, "ring"))
    @invariant()
    def every_key_is_in_its_state_and_one_is_active(self) -> None:
        assert {key.key_id: key.state.value for key in self.ring.keys} == self.expected
        assert list(self.expected.values()).count("active") == 1

    @precondition(lambda self: hasattr(self, "ring"))
    @invariant()
    def exactly_what_is_not_retired_opens_as_it_always_did(self) -> None:
        for key_id, state in self.expected.items():
            if state == "retired":
                with pytest.raises(KeyRetiredError):
                    self.ring.find(key_id)
            else:
                assert self.ring.find(key_id).material == self.materials[key_id]


TestRingMachine = RingMachine.TestCase
TestRingMachine.settings = settings(max_examples=60, stateful_step_count=20, deadline=None)
