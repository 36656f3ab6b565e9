import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.unsealer.bearer import MAX_TOKEN, Bearer, bearer_from
from llmkeys.unsealer.refusal import Reason, Refusal
from tests.unit.unsealer.world import START, claims, encoded, token


def why(authorization: str | None, now: float = START) -> Reason | None:
    found = bearer_from(authorization, now)
    return found.reason if isinstance(found, Refusal) else None


def test_a_projected_token_passes_and_does_not_print_itself() -> None:
    text = token()
    found = bearer_from(f"Bearer {text}", START)
    assert isinstance(found, Bearer)
    assert found.pod_bound
    assert text not in repr(found)


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic abc", "Token a.b.c"])
def test_no_token_is_missing(header: str | None) -> None:
    assert why(header) is Reason.TOKEN_MISSING


@pytest.mark.parametrize("scheme", ["bearer", "BEARER"])
def test_the_schemes_case_does_not_matter(scheme: str) -> None:
    assert why(f"{scheme} {token()}") is None


@pytest.mark.parametrize("missing", ["iss", "aud", "exp", "kubernetes.io"])
def test_a_token_without_a_claim_is_none_of_a_service_account(missing: str) -> None:
    assert why(f"Bearer {token(**{missing: None})}") is Reason.TOKEN_INVALID


@pytest.mark.parametrize("text", ["abc", "a.b", "a.b.c.d", "a.$.c", f"a.{encoded(b'nothing')}.c", f"a.{encoded([])}.c"])
def test_what_is_no_jwt_is_invalid(text: str) -> None:
    assert why(f"Bearer {text}") is Reason.TOKEN_INVALID


def test_a_token_over_sixteen_kibibytes_is_not_even_parsed() -> None:
    long = token(signature=b"s" * MAX_TOKEN)
    assert why(f"Bearer {long}") is Reason.TOKEN_INVALID


@pytest.mark.parametrize("audience", ["https://kubernetes.default.svc", ["other"], []])
def test_a_token_for_somebody_else_is_told_from_an_invalid_one(audience: object) -> None:
    assert why(f"Bearer {token(aud=audience)}") is Reason.WRONG_AUDIENCE


@pytest.mark.parametrize("audience", ["llmkeys.dev", ["other", "llmkeys.dev"]])
def test_our_audience_may_stand_alone_or_among_others(audience: object) -> None:
    assert why(f"Bearer {token(aud=audience)}") is None


def test_a_token_made_by_hand_shows_that_no_pod_stands_behind_it() -> None:
    found = bearer_from(f"Bearer {token(**{'kubernetes.io': {'namespace': 'team-a'}})}", START)
    assert isinstance(found, Bearer)
    assert not found.pod_bound


@pytest.mark.parametrize("skew", [-3600.0, 3600.0])
def test_a_clock_that_is_wrong_by_an_hour_leaves_expiry_to_the_api_server(skew: float) -> None:
    assert why(f"Bearer {token()}", START + skew) is None


def test_a_token_that_expired_long_ago_asks_nobody() -> None:
    assert why(f"Bearer {token()}", START + 48 * 3600) is Reason.TOKEN_INVALID


@given(st.text())
def test_no_header_breaks_it_or_comes_back_in_a_message(text: str) -> None:
    found = bearer_from(f"Bearer CANARY{text}", START)
    assert isinstance(found, Bearer) or "CANARY" not in found.message


json_values = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


@given(st.sampled_from(sorted(claims())), json_values)
def test_no_claim_breaks_it(name: str, value: object) -> None:
    assert isinstance(bearer_from(f"Bearer {token(**{name: value})}", START), Bearer | Refusal)
