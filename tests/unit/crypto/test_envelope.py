from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.crypto import armour
from llmkeys.crypto.envelope import (
    MAX_SEQUENCE,
    EnvelopeBinding,
    EnvelopeHeader,
    RootKey,
    envelope_header,
    open_envelope,
    seal_envelope,
)
from llmkeys.crypto.errors import (
    BindingInvalidError,
    DecryptFailedError,
    EnvelopeMalformedError,
    EnvelopeMisplacedError,
    KeyUnknownError,
    PlaintextTooLargeError,
)

ROOT = RootKey("0123456789abcdef", bytes(range(32)))
NAMESPACE = "6f1c2b9e-0000-4000-8000-00000000000a"
CREDENTIAL = "6f1c2b9e-0000-4000-8000-00000000000b"
BINDING = EnvelopeBinding(NAMESPACE, CREDENTIAL, 7)
CANARY = b'{"OPENAI_API_KEY":"sk-canary"}'
TEXT = seal_envelope(ROOT, BINDING, CANARY)
UIDS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
BINDINGS = st.builds(EnvelopeBinding, UIDS, UIDS, st.integers(0, MAX_SEQUENCE))


def lookup(*roots: RootKey) -> Callable[[str], RootKey]:
    ring = {root.key_id: root for root in roots}

    def find(key_id: str) -> RootKey:
        if key_id not in ring:
            raise KeyUnknownError(key_id)
        return ring[key_id]

    return find


def opened(text: str, namespace_uid: str | None = NAMESPACE, credential_uid: str | None = CREDENTIAL) -> bytes:
    return open_envelope(text, lookup(ROOT), namespace_uid, credential_uid)


@given(BINDINGS, st.binary(max_size=300))
def test_what_was_sealed_opens_at_its_place(binding: EnvelopeBinding, plaintext: bytes) -> None:
    text = seal_envelope(ROOT, binding, plaintext)
    assert envelope_header(text).binding == binding
    assert opened(text, binding.namespace_uid, binding.credential_uid) == plaintext
    assert opened(text, None, binding.credential_uid) == plaintext


@given(BINDINGS, st.binary(min_size=32, max_size=32))
def test_a_header_is_read_back(binding: EnvelopeBinding, salt: bytes) -> None:
    header = EnvelopeHeader(ROOT.key_id, binding, salt)
    assert EnvelopeHeader.decode(header.encode()) == header


@given(st.binary(max_size=120) | st.binary(max_size=120).map(lambda tail: b"\x01" + tail))
def test_any_bytes_are_a_malformed_header_at_worst(content: bytes) -> None:
    try:
        found = EnvelopeHeader.decode(content)
    except EnvelopeMalformedError:
        return
    assert found.encode() == content


@pytest.mark.parametrize("key_id", ["", "0123456789ABCDEF", "0123456789abcde", "retired"])
def test_a_header_whose_key_id_is_none_is_malformed(key_id: str) -> None:
    with pytest.raises(EnvelopeMalformedError, match="key id"):
        EnvelopeHeader.decode(EnvelopeHeader(key_id, BINDING, bytes(32)).encode())


def test_another_version_is_not_guessed_at() -> None:
    content = EnvelopeHeader(ROOT.key_id, BINDING, bytes(32)).encode()
    with pytest.raises(EnvelopeMalformedError, match="version"):
        EnvelopeHeader.decode(b"\x02" + content[1:])


@given(st.text(max_size=200) | st.text("ABQg._-", max_size=60).map(lambda tail: "llmkeysE1." + tail))
def test_any_text_is_malformed(text: str) -> None:
    for read in (envelope_header, opened):
        with pytest.raises(EnvelopeMalformedError):
            read(text)


def test_two_of_the_same_have_neither_salt_nor_ciphertext_in_common() -> None:
    (one, sealed), (other, sealed_again) = (
        armour.read("llmkeysE1", text) for text in (TEXT, seal_envelope(ROOT, BINDING, CANARY))
    )
    assert one[1:33] != other[1:33]
    assert sealed != sealed_again


def test_every_bit_counts() -> None:
    header, ciphertext = armour.read("llmkeysE1", TEXT)
    whole = header + ciphertext
    for bit in range(8 * len(whole)):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        text = armour.write("llmkeysE1", bytes(changed[: len(header)]), bytes(changed[len(header) :]))
        with pytest.raises((EnvelopeMalformedError, DecryptFailedError)):
            open_envelope(text, lambda _: ROOT, None, None)


@pytest.mark.parametrize(
    "changed",
    [
        {"binding": replace(BINDING, namespace_uid="other")},
        {"binding": replace(BINDING, credential_uid="other")},
        {"binding": replace(BINDING, sequence=8)},
        {"salt": bytes(32)},
        {"key_id": "f" * 16},
    ],
)
def test_a_header_that_was_changed_opens_nothing(changed: dict[str, object]) -> None:
    header, ciphertext = armour.read("llmkeysE1", TEXT)
    forged = replace(EnvelopeHeader.decode(header), **changed).encode()
    with pytest.raises(DecryptFailedError):
        open_envelope(armour.write("llmkeysE1", forged, ciphertext), lambda _: ROOT, None, None)


def test_a_copy_in_another_place_is_refused_before_it_is_opened() -> None:
    with pytest.raises(EnvelopeMisplacedError, match="namespace"):
        open_envelope(TEXT, lookup(), "other", CREDENTIAL)
    with pytest.raises(EnvelopeMisplacedError, match="credential"):
        open_envelope(TEXT, lookup(), NAMESPACE, "other")
    assert opened(TEXT) == CANARY


def test_an_older_delivery_is_refused_where_the_caller_knows_a_newer_one() -> None:
    assert open_envelope(TEXT, lookup(ROOT), NAMESPACE, CREDENTIAL, lowest_sequence=7) == CANARY
    with pytest.raises(EnvelopeMisplacedError, match="older"):
        open_envelope(TEXT, lookup(ROOT), NAMESPACE, CREDENTIAL, lowest_sequence=8)


def test_another_root_does_not_open_it() -> None:
    with pytest.raises(DecryptFailedError):
        open_envelope(TEXT, lookup(RootKey(ROOT.key_id, bytes(32))), NAMESPACE, CREDENTIAL)
    with pytest.raises(KeyUnknownError):
        open_envelope(TEXT, lookup(), NAMESPACE, CREDENTIAL)


@pytest.mark.parametrize(
    ("namespace_uid", "credential_uid", "sequence"),
    [("", "b", 0), ("a", "", 0), ("a\n", "b", 0), ("a", "b" * 2049, 0), ("a", "b", -1), ("a", "b", 2**63)],
)
def test_nothing_is_bound_to_what_no_reader_would_take(namespace_uid: str, credential_uid: str, sequence: int) -> None:
    with pytest.raises(BindingInvalidError):
        EnvelopeBinding(namespace_uid, credential_uid, sequence)


def test_what_would_be_too_long_to_open_is_not_sealed() -> None:
    with pytest.raises(PlaintextTooLargeError):
        seal_envelope(ROOT, BINDING, bytes(armour.MAX_TEXT))


def test_a_root_key_has_32_bytes_and_does_not_show_them() -> None:
    assert "material" not in repr(ROOT)
    with pytest.raises(ValueError, match="32 bytes"):
        RootKey("0123456789abcdef", bytes(16))
