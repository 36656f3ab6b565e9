from hypothesis import given
from hypothesis import strategies as st

from llmkeys.crypto.ring import Ring, State
from llmkeys.kube.ring_merge import merged

ENVELOPE = Ring.first("envelope", 0.0)
steps = st.lists(st.sampled_from(["rotate", "compromise", "retire"]), max_size=6)


def taken(ring: Ring, names: list[str], begin: float) -> Ring:
    """The ring after these steps, the oldest key being the one that is compromised or retired."""
    for number, name in enumerate(names):
        at = begin + number
        if name == "rotate":
            ring = ring.rotate(at)
        elif name == "compromise":
            ring = ring.compromise(ring.keys[0].key_id, at)
        elif ring.keys[0].state is not State.ACTIVE:
            ring = ring.retire(ring.keys[0].key_id)
    return ring


@given(before=steps, after=steps)
def test_a_backup_of_the_past_changes_nothing(before: list[str], after: list[str]) -> None:
    saved = taken(ENVELOPE, before, 1.0)
    current = taken(saved, after, 100.0)
    assert merged(current, saved) == current


@given(before=steps, after=steps)
def test_a_backup_of_a_later_time_wins(before: list[str], after: list[str]) -> None:
    current = taken(ENVELOPE, before, 1.0)
    saved = taken(current, after, 100.0)
    assert merged(current, saved) == saved


@given(here=steps, there=steps)
def test_rings_that_went_their_own_ways_lose_no_key(here: list[str], there: list[str]) -> None:
    current = taken(ENVELOPE, here, 1.0).rotate(50.0)
    saved = taken(ENVELOPE, there, 100.0).rotate(150.0)

    both = merged(current, saved)

    assert {key.key_id for key in both.keys} == {key.key_id for ring in (current, saved) for key in ring.keys}
    assert both.active == saved.active
    for key in both.keys:
        assert bool(key.material) == (key.state is not State.RETIRED)


def test_a_ring_that_replaced_a_lost_one_opens_on_beside_the_lost_one() -> None:
    lost, new = Ring.first("sealing", 1.0), Ring.first("sealing", 2.0)

    both = merged(new, lost)

    assert both.active == new.active
    assert both.find(lost.active.key_id).state is State.DECRYPT_ONLY


def test_where_a_mac_version_means_two_keys_the_saved_ring_stands_alone() -> None:
    saved, current = Ring.first("mac", 1.0), Ring.first("mac", 2.0).rotate(3.0)
    assert saved.active.key_id == current.keys[0].key_id
    assert merged(current, saved) == saved


def test_a_key_that_was_retired_since_the_backup_stays_retired() -> None:
    saved = ENVELOPE.rotate(1.0)
    current = saved.retire(ENVELOPE.active.key_id)
    assert merged(current, saved) == current
    assert merged(saved, current) == current
