from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.crypto import parts
from llmkeys.crypto.errors import BindingInvalidError, EnvelopeMalformedError
from llmkeys.crypto.header import ANY, ENVELOPE, SUITE, Binding, Header, Mismatch, Place, Purpose, Scope, mismatch
from llmkeys.crypto.mac import encode

KEY_ID = "0123456789abcdef"
HOST = "https://api.openai.com:443"
RECIPIENTS = "recipients:" + "d" * 32
BINDING = Binding("seal", "credential", "team-a", "chat", "apiKey", HOST, "envelope")
SHARED = replace(BINDING, scope="namespace", name="")
PLACE = Place("team-a", "chat", "apiKey", {HOST}, ENVELOPE)

PRINTABLE = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF, categories=["L", "N", "P"]), min_size=1)
BINDINGS = st.builds(
    Binding,
    st.sampled_from(Purpose),
    st.just(Scope.CREDENTIAL),
    PRINTABLE,
    PRINTABLE,
    PRINTABLE,
    st.sampled_from([ANY, HOST, "http://[::1]:8080/v1"]),
    st.sampled_from([ANY, ENVELOPE, RECIPIENTS]),
) | st.builds(replace, st.just(SHARED), namespace=PRINTABLE, field=PRINTABLE)
HEADERS = st.builds(Header, st.from_regex(r"[0-9a-f]{16}", fullmatch=True), BINDINGS)


@given(HEADERS)
def test_a_header_is_read_back(header: Header) -> None:
    assert Header.decode(header.encode()) == header


@given(HEADERS, HEADERS)
def test_no_two_headers_have_one_encoding(one: Header, other: Header) -> None:
    assert (one.encode() == other.encode()) == (one == other)


@given(HEADERS, st.data())
def test_changed_bytes_are_malformed_or_the_encoding_of_what_they_read_as(header: Header, data: st.DataObject) -> None:
    content = bytearray(header.encode())
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        found = Header.decode(bytes(content))
    except EnvelopeMalformedError:
        return
    assert found.encode() == content


@given(st.binary(max_size=100) | st.binary(max_size=100).map(lambda tail: b"\x01" + SUITE + tail))
def test_any_bytes_are_malformed_at_worst(content: bytes) -> None:
    try:
        found = Header.decode(content)
    except EnvelopeMalformedError:
        return
    assert found.encode() == content


def test_the_encoding_is_version_suite_and_eight_parts() -> None:
    texts = (KEY_ID, "seal", "credential", "team-a", "chat", "apiKey", HOST, "envelope")
    expected = bytes.fromhex("01 647a 0001 0002") + encode(text.encode() for text in texts)
    assert Header(KEY_ID, BINDING).encode() == expected


@pytest.mark.parametrize("cut", range(1, 20))
def test_a_header_that_is_cut_off_is_malformed(cut: int) -> None:
    with pytest.raises(EnvelopeMalformedError):
        Header.decode(Header(KEY_ID, BINDING).encode()[:-cut])


def test_bytes_behind_the_last_part_are_malformed() -> None:
    with pytest.raises(EnvelopeMalformedError, match="behind"):
        Header.decode(Header(KEY_ID, BINDING).encode() + b"\0")


def raw_header(**changed: bytes) -> bytes:
    held = {"key_id": KEY_ID.encode(), **{part.name: getattr(BINDING, part.name).encode() for part in fields(Binding)}}
    return b"\x01" + SUITE + encode({**held, **changed}.values())


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("key_id", b"0123456789ABCDEF"),
        ("key_id", b"0123456789abcde"),
        ("key_id", b"0123456789abcdef0"),
        ("purpose", b"else"),
        ("scope", b"cluster"),
        ("scope", b"namespace"),  # with a name
        ("namespace", b""),
        ("namespace", b"team-a\n"),
        ("namespace", b"\xff"),
        ("name", b""),
        ("name", b"\xc0\x80"),  # an overlong NUL
        ("name", "a\u202eb".encode()),  # turns the direction of writing
        ("field", b""),
        ("field", b"x" * (parts.MAX_PART_BYTES + 1)),
        ("audience", b""),
        ("audience", b"api.openai.com"),
        ("audience", b"https:// evil"),
        ("delivery", b"plain"),
        ("delivery", b"recipients:short"),
    ],
)
def test_a_part_that_means_nothing_is_malformed(part: str, value: bytes) -> None:
    Header.decode(raw_header())
    with pytest.raises(EnvelopeMalformedError):
        Header.decode(raw_header(**{part: value}))


@pytest.mark.parametrize("preamble", ["02 647a 0001 0002", "01 0020 0001 0002", "01 647a 0001 0003"])
def test_another_version_or_suite_is_not_guessed_at(preamble: str) -> None:
    content = Header(KEY_ID, BINDING).encode()
    with pytest.raises(EnvelopeMalformedError, match="version or a suite"):
        Header.decode(bytes.fromhex(preamble) + content[7:])


def test_a_scope_that_is_none_is_refused_without_a_name_too() -> None:
    with pytest.raises(BindingInvalidError, match="scope"):
        replace(BINDING, scope="cluster", name="")


def test_nothing_is_sealed_with_a_part_that_no_reader_would_take() -> None:
    with pytest.raises(BindingInvalidError, match="audience"):
        replace(BINDING, audience="api.openai.com")
    with pytest.raises(BindingInvalidError, match="namespace"):
        replace(BINDING, namespace="\ud800")


@pytest.mark.parametrize(
    ("binding", "place", "expected"),
    [
        (BINDING, PLACE, None),
        (SHARED, PLACE, None),
        (SHARED, replace(PLACE, name="other"), None),
        (replace(BINDING, audience=ANY), replace(PLACE, audiences=set()), None),
        (replace(BINDING, delivery=ANY), replace(PLACE, delivery="plain"), None),
        (replace(BINDING, delivery=RECIPIENTS), replace(PLACE, delivery=RECIPIENTS), None),
        (BINDING, replace(PLACE, audiences={"https://other", HOST}), None),
        (BINDING, replace(PLACE, name="other"), Mismatch.SCOPE),
        (BINDING, replace(PLACE, namespace="team-b"), Mismatch.SCOPE),
        (BINDING, replace(PLACE, field="secret"), Mismatch.SCOPE),
        (BINDING, replace(PLACE, purpose=Purpose.RECIPIENT), Mismatch.SCOPE),
        (SHARED, replace(PLACE, namespace="team-b"), Mismatch.SCOPE),
        (SHARED, replace(PLACE, field="secret"), Mismatch.SCOPE),
        (BINDING, replace(PLACE, audiences={"https://evil"}), Mismatch.HOST),
        (BINDING, replace(PLACE, audiences={HOST + "/prefix"}), Mismatch.HOST),
        (BINDING, replace(PLACE, audiences={ANY}), Mismatch.HOST),
        (BINDING, replace(PLACE, delivery="plain"), Mismatch.DELIVERY),
        (BINDING, replace(PLACE, delivery=RECIPIENTS), Mismatch.DELIVERY),
        (replace(BINDING, delivery=RECIPIENTS), PLACE, Mismatch.DELIVERY),
        (replace(BINDING, delivery=RECIPIENTS), replace(PLACE, delivery="recipients:" + "e" * 32), Mismatch.DELIVERY),
        (BINDING, replace(PLACE, name="other", audiences=set(), delivery="plain"), Mismatch.SCOPE),
        (BINDING, replace(PLACE, audiences=set(), delivery="plain"), Mismatch.HOST),
    ],
)
def test_a_header_is_compared_with_reality_in_a_fixed_order(
    binding: Binding, place: Place, expected: Mismatch | None
) -> None:
    assert mismatch(Header(KEY_ID, binding), place) is expected
