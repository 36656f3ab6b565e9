import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.crypto.errors import KeyRetiredError, KeyUnknownError, RingMalformedError
from llmkeys.crypto.keypair import PrivateKey
from llmkeys.crypto.mac import MacKey
from llmkeys.crypto.ring import Ring, RingPurpose, State, mac_ring_from, ring_data, ring_from
from llmkeys.crypto.ring_keys import RootKeys, SealingKeys, mac_key

CANARY = "c2stY2FuYXJ5"


def used(purpose: RingPurpose) -> Ring:
    """A ring with a key in each state."""
    ring = Ring.first(purpose, 1.0)
    for now in (2.0, 3.0, 4.0):
        ring = ring.rotate(now)
    retired, compromised, *_ = ring.keys
    return ring.retire(retired.key_id).compromise(compromised.key_id, 5.0)


def stored(ring: Ring) -> Any:
    return json.loads(ring_data(ring)["ring.json"])


def loaded(content: object) -> Ring:
    return ring_from({"ring.json": json.dumps(content).encode()})


@pytest.mark.parametrize("purpose", ["sealing", "envelope", "mac"])
def test_a_ring_is_read_back_from_its_secret(purpose: RingPurpose) -> None:
    ring = used(purpose)
    assert {key.state for key in ring.keys} == set(State)
    assert ring_from(ring_data(ring), purpose) == ring
    assert ring_from(ring_data(ring)) == ring


def test_the_stored_form_is_this() -> None:
    ring = Ring.first("envelope", 1700000000.5, bytes).rotate(1700000001.0, lambda size: b"\x01" * size)
    ring = ring.retire(ring.keys[0].key_id)
    assert stored(ring) == {
        "version": 1,
        "purpose": "envelope",
        "keys": [
            {"id": "2e0a3e12c90f59b2", "state": "retired", "created": 1700000000.5},
            {
                "id": "4c1e05d97a3a3e24",
                "state": "active",
                "created": 1700000001.0,
                "material": "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
            },
        ],
    }


def test_the_id_of_a_sealing_key_is_that_of_its_public_key() -> None:
    ring = Ring.first("sealing", 0.0)
    assert ring.active.key_id == PrivateKey(ring.active.material).public.key_id


def test_a_ring_is_not_taken_for_one_of_another_purpose() -> None:
    with pytest.raises(RingMalformedError, match="purpose is not sealing"):
        ring_from(ring_data(used("envelope")), "sealing")


def edit(*path: str | int, value: object = None, drop: bool = False) -> Any:
    content = stored(used("envelope"))
    inner = content
    for step in path[:-1]:
        inner = inner[step]
    if drop:
        del inner[path[-1]]
    else:
        inner[path[-1]] = value
    return content


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (edit("version", value=2), "version"),
        (edit("version", drop=True), "ring.json"),
        (edit("purpose", value=CANARY), "purpose"),
        (edit("keys", value=CANARY), "keys"),
        (edit("keys", value=[]), "active"),
        (edit("keys", 2, "state", value="active"), "active"),
        (edit("keys", 3, "state", value="decryptOnly"), "active"),
        (edit("keys", 3, "state", value=CANARY), r"keys\[3\].state"),
        (edit("keys", 3, "created", value=CANARY), r"keys\[3\].created"),
        (edit("keys", 3, "material", value=CANARY), r"keys\[3\].material"),
        (edit("keys", 3, "material", value=CANARY + "*"), r"keys\[3\].material"),
        (edit("keys", 3, "material", drop=True), r"keys\[3\].material"),
        (edit("keys", 0, "material", value="A" * 43 + "="), r"keys\[0\].material"),
        (edit("keys", 3, "id", value=CANARY), r"keys\[3\].id"),
        (edit("keys", 3, "id", value=7), r"keys\[3\].id"),
        (edit("keys", 0, CANARY, value=CANARY), r"keys\[0\]"),
        ([CANARY], "ring.json"),
    ],
)
def test_what_was_edited_is_refused_by_the_name_of_its_field(content: object, named: str) -> None:
    with pytest.raises(RingMalformedError, match=named) as refusal:
        loaded(content)
    assert CANARY not in str(refusal.value)
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None


def test_an_id_that_comes_twice_is_refused() -> None:
    content = stored(used("envelope"))
    content["keys"].append({**content["keys"][2]})
    with pytest.raises(RingMalformedError, match="id twice"):
        loaded(content)


def test_a_time_that_is_none_is_refused() -> None:
    content = ring_data(used("envelope"))["ring.json"].replace(b'"created":1.0', b'"created":1e999')
    with pytest.raises(RingMalformedError):
        ring_from({"ring.json": content})


def test_a_secret_without_the_ring_or_with_half_of_it_is_refused() -> None:
    content = ring_data(used("envelope"))["ring.json"]
    with pytest.raises(RingMalformedError, match=r"entry ring\.json is missing"):
        ring_from({})
    for size in range(0, len(content), 7):
        with pytest.raises(RingMalformedError):
            ring_from({"ring.json": content[:size]})


@given(st.binary(max_size=80))
def test_any_bytes_are_malformed(content: bytes) -> None:
    with pytest.raises(RingMalformedError):
        ring_from({"ring.json": content})


def test_the_first_form_of_the_mac_secret_is_still_read() -> None:
    ring = mac_ring_from({"key": bytes(range(32)), "version": b"1"})
    assert mac_key(ring) == MacKey(1, bytes(range(32)))
    rotated = ring.rotate(10.0)
    assert mac_ring_from(ring_data(rotated)) == rotated
    assert mac_key(rotated).version == 2


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"version": b"1"},
        {"key": bytes(32)},
        {"key": bytes(31), "version": b"1"},
        {"key": bytes(32), "version": b"0"},
        {"key": bytes(32), "version": b"one"},
        {"key": bytes(32), "version": b"\xff"},
        ring_data(Ring.first("envelope", 0.0)),
    ],
)
def test_a_mac_secret_in_neither_form_is_refused(data: dict[str, bytes]) -> None:
    with pytest.raises(RingMalformedError):
        mac_ring_from(data)


def test_a_sealing_ring_gives_the_key_pairs_that_open() -> None:
    ring = used("sealing")
    keys = SealingKeys(ring)
    assert keys.active.key_id == ring.active.key_id
    assert list(keys.publics()) == [key.key_id for key in ring.keys if key.state is not State.RETIRED]
    for key_id, public in keys.publics().items():
        assert keys(key_id).public == public
    with pytest.raises(KeyRetiredError):
        keys(ring.keys[0].key_id)
    with pytest.raises(KeyUnknownError):
        keys("0" * 16)


def test_an_envelope_ring_gives_the_roots_that_open() -> None:
    ring = used("envelope")
    keys = RootKeys(ring)
    assert keys.active.material == ring.active.material
    assert keys(ring.keys[1].key_id).material == ring.keys[1].material
    with pytest.raises(KeyRetiredError):
        keys(ring.keys[0].key_id)


def test_keys_are_not_taken_from_a_ring_of_another_purpose() -> None:
    for take, purpose in ((SealingKeys, "envelope"), (RootKeys, "mac"), (mac_key, "sealing")):
        with pytest.raises(ValueError, match=purpose):
            take(Ring.first(purpose, 0.0))
