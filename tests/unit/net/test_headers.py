import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.crypto.secret import Secret
from llmkeys.net.headers import USER_AGENT, header_block, query_pairs
from llmkeys.probe.request import ProbeRequest

URL = "https://api.example.com/v1/models"
UNSENDABLE = st.text(
    st.characters(exclude_categories=["Cs"]).filter(lambda c: not " " <= c <= "~"), min_size=1, max_size=3
)


@given(UNSENDABLE)
def test_a_secret_with_a_character_outside_printable_ascii_is_not_sent_and_not_shown(bad: str) -> None:
    value = f"canary{bad}tail"
    for request, build in (
        (ProbeRequest("GET", URL, secret_headers=(("x-api-key", Secret(value)),)), header_block),
        (ProbeRequest("GET", URL, secret_query=(("x-api-key", Secret(value)),)), query_pairs),
        (ProbeRequest("GET", URL, headers=(("x-api-key", value),)), header_block),
    ):
        with pytest.raises(ValueError, match="x-api-key") as caught:
            build(request)
        assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "name", ["Host", "transfer-encoding", "Content-Length", "proxy-authorization", "a b", "a\n", ""]
)
def test_headers_that_frame_or_route_a_message_are_not_taken(name: str) -> None:
    with pytest.raises(ValueError):
        header_block(ProbeRequest("GET", URL, headers=((name, "x"),)))


def test_our_own_headers_win_over_those_of_a_request() -> None:
    request = ProbeRequest("GET", URL, headers=(("user-agent", "curl"), ("ACCEPT-ENCODING", "gzip")))
    block = header_block(request)
    assert block.getall("User-Agent") == [USER_AGENT]
    assert block.getall("Accept-Encoding") == ["identity"]


def test_a_secret_header_replaces_a_plain_one_of_the_same_name() -> None:
    request = ProbeRequest("GET", URL, (("X-Api-Key", "plain"),), (("x-api-key", Secret("secret")),))
    assert header_block(request).getall("x-api-key") == ["secret"]
