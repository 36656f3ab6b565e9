"""Sealing again: the same plaintext behind the same header, to the active key; or nothing at all."""

import pytest

from llmkeys.crypto.sealing import header_of, open_sealed
from llmkeys.sealing.errors import ResealRefusedError
from llmkeys.sealing.manifests import read_manifests
from llmkeys.sealing.reseal import resealed
from tests.unit.sealing.place import CANARY, GONE, LEAKED, NEW, OLD, STRANGE, manifest, ring_keys, sealed

KEYS = ring_keys()


def values_of(text: str) -> list[str]:
    return [value.text for one in read_manifests(text).credentials for value in one.values]


@pytest.mark.parametrize("key", [OLD, LEAKED])
@pytest.mark.parametrize("wide", [{}, {"audience": "any"}, {"delivery": "any"}, {"scope": "namespace", "name": ""}])
def test_the_value_is_sealed_to_the_active_key_with_the_binding_it_had(key: object, wide: dict[str, str]) -> None:
    before = sealed(key.public, **wide)  # type: ignore[attr-defined]
    result = resealed(manifest(before), KEYS, KEYS.active)
    (after,) = values_of(result.text)
    assert header_of(after).key_id == NEW.public.key_id
    assert header_of(after).binding == header_of(before).binding
    assert open_sealed(after, KEYS) == CANARY.encode()
    assert result.text == manifest(after)


def test_a_value_at_another_place_keeps_its_own_binding_and_opens_there_no_sooner_than_before() -> None:
    result = resealed(manifest(sealed(OLD.public, namespace="team-b")), KEYS, KEYS.active)
    (after,) = values_of(result.text)
    assert header_of(after).binding.namespace == "team-b"


def test_a_text_that_is_up_to_date_stays_the_same_text() -> None:
    text = manifest(sealed())
    assert resealed(text, KEYS, KEYS.active).text == text
    assert resealed(text, KEYS, KEYS.active).changes == ()


def test_the_change_shows_every_field_of_the_header_and_none_of_the_value() -> None:
    (change,) = resealed(manifest(sealed(OLD.public)), KEYS, KEYS.active).changes
    assert list(change.difference()) == [
        f"- key: {OLD.public.key_id}",
        f"+ key: {NEW.public.key_id}",
        "  purpose: seal",
        "  scope: credential",
        "  namespace: team-a",
        "  name: chat",
        "  field: apiKey",
        "  audience: https://api.openai.com",
        "  delivery: envelope",
    ]
    assert CANARY not in repr(change)


def test_an_anchor_and_its_alias_hold_the_same_value_afterwards() -> None:
    text = manifest(f"&a {sealed(OLD.public)}").replace(" # ours", "\n      other: *a")
    first, second = values_of(resealed(text, KEYS, KEYS.active).text)
    assert first == second
    assert header_of(first).key_id == NEW.public.key_id


@pytest.mark.parametrize("key", [STRANGE, GONE])
def test_a_value_whose_key_is_not_there_is_refused_with_its_line(key: object) -> None:
    text = manifest(sealed()) + "---\n" + manifest(sealed(key.public))  # type: ignore[attr-defined]
    with pytest.raises(
        ResealRefusedError, match=r"^line 23: There is no key|^line 23: The key .* is retired"
    ) as caught:
        resealed(text, KEYS, KEYS.active)
    assert caught.value.line == 23


def test_a_value_that_was_changed_is_refused() -> None:
    text = sealed(OLD.public)
    with pytest.raises(ResealRefusedError, match="does not open"):
        resealed(manifest(text[:-8] + ("A" if text[-8] != "A" else "B") + text[-7:]), KEYS, KEYS.active)


def test_a_plain_key_and_a_recipients_envelope_are_refused() -> None:
    with pytest.raises(ResealRefusedError) as caught:
        resealed(manifest(CANARY), KEYS, KEYS.active)
    assert "canary" not in str(caught.value)
    with pytest.raises(ResealRefusedError, match="recipient"):
        resealed(manifest(sealed(OLD.public, purpose="recipient")), KEYS, KEYS.active)
