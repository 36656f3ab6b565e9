import base64
import hashlib
import hmac

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.crypto.mac import KEY_BYTES, MacKey, encode, same

KEY = MacKey(1, bytes(range(32)))
PARTS = st.lists(st.text(max_size=4), max_size=5)
PURPOSES = st.sampled_from(["probe", "endpoint", "delivery", "form", "fingerprint", "sharing"])
NAMESPACES = st.sampled_from(["", "a", "b", "team-a"])


def test_the_digests_never_change_for_they_stand_in_statuses() -> None:
    assert KEY.fingerprint("team-a", {"apiKey": "sk-1"}) == "H1vaPQN62S9tOzl9"
    assert KEY.sharing(["https://api.openai.com", "sk-1"]) == "wyIOpoYCt3-zhxtO"
    assert KEY.digest("probe", "team-a", ["one", "two"]) == "c8KR_kbWkmj-bSiQ"
    content = KEY.content("team-a", "Opaque", {"llmkeys.dev/credential": "chat"}, {"OPENAI_API_KEY": b"sk-1"})
    assert content == "70J5-biuoZQRaPkgrhGMKuPb5saGeb_j"


def test_a_digest_is_hmac_sha256_over_length_prefixed_parts() -> None:
    parts = (b"llmkeys/v1", b"probe", b"team-a", b"one")
    message = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    expected = hmac.new(KEY.material, message, hashlib.sha256).digest()[:12]
    assert KEY.digest("probe", "team-a", ["one"]) == base64.urlsafe_b64encode(expected).decode()


@given(st.lists(st.binary(max_size=4), max_size=5), st.lists(st.binary(max_size=4), max_size=5))
def test_no_two_lists_of_parts_have_one_encoding(one: list[bytes], other: list[bytes]) -> None:
    assert (encode(one) == encode(other)) == (one == other)


@given(st.lists(st.binary(max_size=300), max_size=4))
def test_the_parts_can_be_read_back_out_of_the_encoding(parts: list[bytes]) -> None:
    encoded, found = encode(parts), []
    while encoded:
        size = int.from_bytes(encoded[:4], "big")
        found.append(encoded[4 : 4 + size])
        encoded = encoded[4 + size :]
    assert found == parts


@given(PURPOSES, NAMESPACES, PARTS, PURPOSES, NAMESPACES, PARTS)
def test_digests_are_equal_only_for_the_same_purpose_namespace_and_parts(
    purpose: str, namespace: str, parts: list[str], purpose2: str, namespace2: str, parts2: list[str]
) -> None:
    equal = (purpose, namespace, parts) == (purpose2, namespace2, parts2)
    assert (KEY.digest(purpose, namespace, parts) == KEY.digest(purpose2, namespace2, parts2)) == equal


def test_equal_keys_of_two_tenants_do_not_look_equal() -> None:
    assert KEY.fingerprint("team-a", {"apiKey": "sk-1"}) != KEY.fingerprint("team-b", {"apiKey": "sk-1"})


def test_another_mac_key_gives_other_fingerprints() -> None:
    other = MacKey(1, bytes(32))
    assert KEY.fingerprint("team-a", {"apiKey": "sk-1"}) != other.fingerprint("team-a", {"apiKey": "sk-1"})


@given(st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=4))
def test_the_order_of_fields_does_not_matter(fields: dict[str, str]) -> None:
    backwards = dict(reversed(fields.items()))
    assert KEY.fingerprint("team", fields) == KEY.fingerprint("team", backwards)


MAPS = st.dictionaries(st.text(max_size=2), st.text(max_size=2), max_size=3)
DATA = st.dictionaries(st.text(max_size=2), st.binary(max_size=2), max_size=3)


@given(MAPS, DATA, MAPS, DATA)
def test_content_differs_with_any_label_and_any_data(
    labels: dict[str, str], data: dict[str, bytes], labels2: dict[str, str], data2: dict[str, bytes]
) -> None:
    equal = (labels, data) == (labels2, data2)
    assert (KEY.content("a", "Opaque", labels, data) == KEY.content("a", "Opaque", labels2, data2)) == equal


def test_content_differs_with_type_and_namespace() -> None:
    macs = {KEY.content(namespace, kind, {}, {}) for namespace in ("a", "b") for kind in ("Opaque", "tls")}
    assert len(macs) == 4


@pytest.mark.parametrize("size", [0, 16, KEY_BYTES - 1, KEY_BYTES + 1])
def test_a_key_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        MacKey(1, bytes(size))


def test_a_mac_key_does_not_tell_itself() -> None:
    assert "\\x1f" not in repr(KEY)
    assert "material" not in repr(KEY)


def test_same_compares_texts() -> None:
    assert same("abc", "abc")
    assert not same("abc", "abd")
    assert not same("abc", "")
