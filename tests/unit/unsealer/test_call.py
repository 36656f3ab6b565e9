import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.crypto.ring import Ring
from llmkeys.unsealer.call import MAX_BODY, Call, call_from
from llmkeys.unsealer.refusal import Reason, Refusal
from tests.unit.unsealer.world import START, seal

ENVELOPE = seal(Ring.first("envelope", START))


def body(**changes: object) -> bytes:
    return json.dumps({"credential": "openai", "envelope": ENVELOPE} | changes).encode()


def why(content: bytes) -> Reason | None:
    found = call_from(content)
    return found.reason if isinstance(found, Refusal) else None


def test_a_call_names_a_credential_and_shows_what_the_envelope_belongs_to() -> None:
    found = call_from(body())
    assert isinstance(found, Call)
    assert found.credential == "openai"
    assert found.header.binding.sequence == 3


def test_white_space_from_a_file_does_not_count() -> None:
    assert why(body(envelope=f"{ENVELOPE}\n")) is None


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"credential": 1, "envelope": ""}', b"\xff", b'{"credential"']
)
def test_what_is_no_call_is_malformed(content: bytes) -> None:
    assert why(content) is Reason.MALFORMED


@pytest.mark.parametrize("name", ["", "../secrets", "a/b", "A", "a?b", "a..b", "-a", "a" * 254, "a\n", "a%2fb"])
def test_a_name_that_could_lead_elsewhere_is_malformed(name: str) -> None:
    assert why(body(credential=name)) is Reason.MALFORMED


@pytest.mark.parametrize("envelope", ["", "llmkeysE1", "llmkeys1.AA.AA", "llmkeysE1.AA.AA", '["a"]'])
def test_what_is_no_envelope_is_malformed(envelope: str) -> None:
    assert why(body(envelope=envelope)) is Reason.MALFORMED


def test_more_than_a_quarter_of_a_mebibyte_is_too_large() -> None:
    assert why(b" " * (MAX_BODY + 1)) is Reason.TOO_LARGE
    assert why(body() + b" " * (MAX_BODY - len(body()))) is None


@given(st.binary() | st.builds(lambda name, text: body(credential=name, envelope=text), st.text(), st.text()))
def test_no_body_breaks_it(content: bytes) -> None:
    assert isinstance(call_from(content), Call | Refusal)
