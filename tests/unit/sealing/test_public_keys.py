"""Public keys as files, ConfigMaps and pins show them, and which are believed."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.crypto.ring import State
from llmkeys.kube.public_keys import public_keys_data
from llmkeys.sealing.errors import PublicKeyChangedError, PublicKeysMalformedError
from llmkeys.sealing.public_keys import Pin, PublicKeys, PublishedKey, public_keys_from, public_keys_in, require_known
from tests.unit.sealing.place import LEAKED, NEW, OLD, public_keys, ring_keys

ALONE = PublicKeys((PublishedKey(NEW.public, State.ACTIVE),))
OTHER = PublicKeys((PublishedKey(OLD.public, State.ACTIVE),))


def config_map() -> dict[str, str]:
    return {"sealing": NEW.public.text(), "keys.json": json.dumps(public_keys().listed())}


def test_the_config_map_names_the_active_key_and_those_that_still_open() -> None:
    keys = public_keys_from(config_map())
    assert keys == public_keys()
    assert keys.active == NEW.public
    assert keys.state_of(LEAKED.public.key_id) is State.COMPROMISED
    assert keys.state_of("0" * 16) is None


def test_what_the_operator_publishes_is_understood() -> None:
    ring = ring_keys()._ring  # noqa: SLF001  the ring behind the keys
    keys = public_keys_from({name: value.decode() for name, value in public_keys_data(ring).items()})
    assert keys.active == NEW.public
    assert {one.key.key_id for one in keys.keys} == {key.public.key_id for key in (NEW, OLD, LEAKED)}


@pytest.mark.parametrize(
    "text",
    [
        NEW.public.text() + "\n",
        json.dumps(ALONE.listed()),
        json.dumps({"kind": "ConfigMap", "data": {"sealing": NEW.public.text()}}),
        Pin("https://cluster", ALONE).text(),
    ],
    ids=["line", "keys.json", "ConfigMap", "pin"],
)
def test_a_file_may_hold_the_keys_in_any_form_that_they_come_in(text: str) -> None:
    assert public_keys_in(text) == ALONE


def test_a_pin_reads_back() -> None:
    pin = Pin("https://cluster:6443", public_keys())
    assert Pin.parse(pin.text()) == pin


def changed(**changes: Any) -> dict[str, str]:
    listed: list[dict[str, Any]] = [dict(one) for one in public_keys().listed()]
    listed[0] |= changes
    return {"sealing": NEW.public.text(), "keys.json": json.dumps(listed)}


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"sealing": "nonsense"},
        {"sealing": NEW.public.text(), "keys.json": "[]"},
        {"sealing": NEW.public.text(), "keys.json": "{"},
        {"sealing": OLD.public.text(), "keys.json": json.dumps(public_keys().listed())},
        changed(id="0" * 16),
        changed(state="decryptOnly"),
        changed(state="unheard-of"),
        changed(key=OLD.public.text()),
    ],
)
def test_a_config_map_that_contradicts_itself_is_refused(data: dict[str, str]) -> None:
    with pytest.raises(PublicKeysMalformedError):
        public_keys_from(data)


@given(
    st.text()
    | st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)).map(
        json.dumps
    )
)
def test_any_file_is_read_or_refused(text: str) -> None:
    with pytest.raises(PublicKeysMalformedError):
        public_keys_in(text)


def test_the_first_key_is_believed_and_another_one_only_if_a_person_says_so() -> None:
    require_known(None, ALONE, None)
    require_known(ALONE, ALONE, None)
    require_known(ALONE, public_keys(), None)
    require_known(ALONE, OTHER, OLD.public.key_id)
    require_known(None, OTHER, OLD.public.key_id)
    for pinned, accepted in ((ALONE, None), (ALONE, NEW.public.key_id), (None, NEW.public.key_id), (OTHER, "other")):
        with pytest.raises(PublicKeyChangedError, match=f"--accept {OLD.public.key_id}"):
            require_known(pinned, OTHER, accepted)
