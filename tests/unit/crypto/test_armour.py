import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.crypto import armour
from llmkeys.crypto.errors import EnvelopeMalformedError, PlaintextTooLargeError


@given(st.binary(max_size=200), st.binary(max_size=200))
def test_what_was_written_is_read(header: bytes, ciphertext: bytes) -> None:
    assert armour.read("form1", armour.write("form1", header, ciphertext)) == (header, ciphertext)


@given(st.text(max_size=80) | st.from_regex(r"form1\.[A-Za-z0-9_-]{0,9}\.[A-Za-z0-9_-]{0,9}", fullmatch=True))
def test_any_text_is_malformed_or_the_one_text_of_its_content(text: str) -> None:
    try:
        header, ciphertext = armour.read("form1", text)
    except EnvelopeMalformedError:
        return
    assert armour.write("form1", header, ciphertext) == armour.unfolded(text)


@given(st.binary(min_size=1, max_size=60), st.data())
def test_yaml_may_fold_it_anywhere(content: bytes, data: st.DataObject) -> None:
    text = armour.write("form1", b"header", content)
    at = data.draw(st.integers(0, len(text)))
    assert armour.read("form1", f"  {text[:at]}\r\n\t {text[at:]}\n") == (b"header", content)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "form1",
        "form1.",
        "form1.QQ",
        "form1.QQ.QQ.QQ",
        "form2.QQ.QQ",
        "Form1.QQ.QQ",
        ".form1.QQ.QQ",
        "form1.QQ==.QQ",  # padding
        "form1.QR.QQ",  # unused bits that are not zero
        "form1.Q.QQ",  # no length of base64
        "form1.+/+/.QQ",  # the other alphabet
        "form1.QQ.Q\u00a0Q",  # white space, but not ASCII
        "form1.QQ.Q\x0bQ",
        "form1.QQ.\ud800",
    ],
)
def test_nothing_else_is_read(text: str) -> None:
    with pytest.raises(EnvelopeMalformedError):
        armour.read("form1", text)


def test_it_says_which_form_it_expected_and_not_what_it_found() -> None:
    with pytest.raises(EnvelopeMalformedError, match=r"does not begin with 'form1\.'") as refusal:
        armour.read("form1", "sk-canary.QQ.QQ")
    assert "canary" not in str(refusal.value)


def test_64_kib_is_the_longest_text_both_ways() -> None:
    room = (armour.MAX_TEXT - len("form1.QQ.")) * 3 // 4
    text = armour.write("form1", b"A", bytes(room))
    assert len(text) in {armour.MAX_TEXT - 1, armour.MAX_TEXT}
    assert armour.read("form1", text) == (b"A", bytes(room))

    with pytest.raises(PlaintextTooLargeError):
        armour.write("form1", b"A", bytes(room + 2))
    with pytest.raises(EnvelopeMalformedError, match="over 64 KiB"):
        armour.read("form1", text + "A" * 3)


def test_a_text_over_the_limit_is_refused_before_anything_is_made_of_it() -> None:
    with pytest.raises(EnvelopeMalformedError, match="over 64 KiB"):
        armour.read("form1", " " * (armour.MAX_TEXT + 1))
