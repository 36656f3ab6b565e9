import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llmkeys.client.answers import Asked, opened_from
from llmkeys.client.content import Opened, content_from, plain
from llmkeys.client.errors import UnavailableError, UnsealError
from llmkeys.client.exchange import Reply
from llmkeys.client.mounted import service_account_of
from llmkeys.crypto.content import encode_content
from llmkeys.unsealer.refusal import Reason

ASKED = Asked("openai", "chat")
CONTENTS = st.dictionaries(st.text(st.characters(codec="utf-8")), st.binary())
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)


@settings(deadline=None)
@given(content=CONTENTS)
def test_what_the_operator_wrote_is_read(content: dict[str, bytes]) -> None:
    assert content_from(json.loads(encode_content(content))) == content


@settings(deadline=None)
@given(content=CONTENTS)
def test_what_is_written_as_json_has_the_same_form(content: dict[str, bytes]) -> None:
    assert content_from(json.loads(json.dumps(plain(content)))) == content


@settings(deadline=None)
@given(status=st.integers(100, 599), header=st.text(), body=st.binary())
def test_any_bytes_are_an_error_of_ours(status: int, header: str, body: bytes) -> None:
    try:
        opened_from(Reply(status, header, body), ASKED)
    except UnsealError as error:
        assert str(error).isprintable()  # noqa: PT017


@settings(deadline=None)
@given(status=st.sampled_from([200, 403, 503]), found=JSON, content=JSON, sequence=JSON, reason=JSON)
def test_any_json_is_opened_or_an_error_of_ours(
    status: int, found: object, content: object, sequence: object, reason: object
) -> None:
    shaped = {"content": content, "sequence": sequence, "reason": reason, "message": found}
    for body in (found, shaped):
        try:
            assert isinstance(opened_from(Reply(status, "", json.dumps(body).encode()), ASKED), Opened)
        except UnsealError as error:
            assert str(error).isprintable()  # noqa: PT017


@pytest.mark.parametrize("value", ["secret\ud800", {"base64": "secret!"}, {"base64": "", "secret": 1}, 1, None, ["a"]])
def test_a_value_in_no_known_form_is_refused_and_not_shown(value: object) -> None:
    with pytest.raises(ValueError, match=r"^no text and no base64$") as caught:
        content_from({"A": value})
    assert type(caught.value) is ValueError
    assert caught.value.__context__ is None


@pytest.mark.parametrize("reason", list(Reason))
def test_every_refusal_of_the_service_is_known(reason: Reason) -> None:
    with pytest.raises(UnsealError) as caught:
        opened_from(Reply(499, "", json.dumps({"reason": reason}).encode()), ASKED)
    never_for_us = {"UnsupportedMediaType", "NotFound", "MethodNotAllowed"}
    assert ("does not know" in str(caught.value)) == (reason.value in never_for_us)


def test_a_half_of_a_surrogate_pair_is_no_value() -> None:
    with pytest.raises(UnsealError):
        opened_from(Reply(200, "", b'{"content": {"A": "\\ud800"}, "sequence": 1}'), ASKED)


@pytest.mark.parametrize("message", ["\x1b[2J", "{credential}", "a" * 10_000])
def test_foreign_words_are_bounded_and_printable(message: str) -> None:
    body = json.dumps({"reason": "Malformed", "message": message}).encode()
    with pytest.raises(UnsealError) as caught:
        opened_from(Reply(400, "", body), ASKED)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    ("header", "seconds"), [("", 0), ("3", 3), (" 3 ", 3), ("-1", 0), ("1e9", 0), ("²", 0), ("9" * 400, 86400)]
)
def test_retry_after_is_a_number_of_seconds(header: str, seconds: float) -> None:
    with pytest.raises(UnavailableError) as caught:
        opened_from(Reply(503, header, b""), ASKED)
    assert caught.value.retry_after == seconds


@settings(deadline=None)
@given(token=st.text())
def test_any_token_is_looked_at_without_harm(token: str) -> None:
    assert isinstance(service_account_of(token), str)
