import itertools
import socket
import ssl
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.crypto.certificates import (
    AUTHORITY_LIFE,
    DAY,
    SERVING_LIFE,
    YEAR,
    Authorities,
    AuthorityMalformedError,
    Certificate,
    KeyedCertificate,
    authorities_data,
    authorities_from,
    issue,
    serving_due,
    serving_names,
)

HOUR = 3600.0
NOW = 1_800_000_000.0
NAMES = (*serving_names("llmkeys-unsealer", "llmkeys-system"), "127.0.0.1")
FIRST = Authorities.first(NOW)
SERVING = issue(FIRST.current, NAMES, NOW)


def walked(authorities: Authorities, begin: float, end: float) -> list[tuple[float, Authorities]]:
    """What a controller that looks every thirty days has seen, one entry for each change."""
    seen = [(begin, authorities)]
    at = begin
    while at < end:
        at += 30 * DAY
        after = seen[-1][1].advanced(at)
        if after is not seen[-1][1]:
            seen.append((at, after))
    return seen


def ids(authorities: Authorities) -> set[str]:
    return {one.id for one in authorities.known()}


def test_an_authority_lives_ten_years_and_a_serving_certificate_seven_days() -> None:
    assert FIRST.current.certificate.not_after == NOW + AUTHORITY_LIFE
    assert SERVING.certificate.not_after == NOW + SERVING_LIFE


def test_a_new_authority_is_in_every_bundle_for_a_year_before_it_signs() -> None:
    changes = walked(FIRST, NOW, NOW + 30 * YEAR)

    signs_from: dict[str, float] = {}
    known_from: dict[str, float] = {}
    for at, authorities in changes:
        signs_from.setdefault(authorities.current.certificate.id, at)
        for one in ids(authorities):
            known_from.setdefault(one, at)
    assert len(signs_from) > 2
    for authority, at in list(signs_from.items())[1:]:
        assert at - known_from[authority] >= YEAR


def test_at_no_time_signs_an_authority_whose_time_is_up() -> None:
    for at, authorities in walked(FIRST, NOW, NOW + 30 * YEAR):
        assert authorities.current.certificate.not_after > at + SERVING_LIFE


def test_the_one_before_stays_in_the_bundle_while_what_it_signed_may_be_met() -> None:
    changes = walked(FIRST, NOW, NOW + 30 * YEAR)
    for (_, before), (_, after) in itertools.pairwise(changes):
        if before.current != after.current:
            assert before.current.certificate.id in ids(after)


def test_a_bundle_stays_the_same_when_the_announced_authority_begins_to_sign() -> None:
    changes = walked(FIRST, NOW, NOW + 30 * YEAR)
    handed_over = 0
    for (_, before), (_, after) in itertools.pairwise(changes):
        if before.current != after.current:
            handed_over += 1
            assert after.bundle() == before.bundle()
    assert handed_over > 1


def test_an_authority_whose_time_is_up_leaves_the_bundle() -> None:
    at, last = walked(FIRST, NOW, NOW + 30 * YEAR)[-1]
    assert FIRST.current.certificate.id not in ids(last)
    assert len(last.known()) <= 3
    assert last.advanced(at) is last


def test_a_controller_that_was_away_for_ten_years_has_an_authority_that_signs() -> None:
    at = NOW + AUTHORITY_LIFE + DAY
    assert FIRST.advanced(at).current.certificate.not_after > at + YEAR


def test_nothing_is_due_on_the_first_day() -> None:
    assert FIRST.advanced(NOW + DAY) is FIRST


def test_a_compromised_authority_is_trusted_no_more_and_its_announced_successor_signs() -> None:
    announced = FIRST.advanced(NOW + 8.5 * YEAR)
    assert announced.following is not None

    without = announced.without(FIRST.current.certificate.id, NOW + 8.5 * YEAR)

    assert without.current == announced.following
    assert FIRST.current.certificate.id not in ids(without)


def test_without_a_successor_a_new_authority_takes_the_place_of_a_compromised_one() -> None:
    without = FIRST.without(FIRST.current.certificate.id, NOW)
    assert len(ids(without)) == 1
    assert ids(without).isdisjoint(ids(FIRST))


def test_a_compromised_successor_never_signs() -> None:
    announced = FIRST.advanced(NOW + 8.5 * YEAR)
    assert announced.following is not None
    without = announced.without(announced.following.certificate.id, NOW)
    assert without == FIRST


def test_a_compromised_one_that_signs_no_more_leaves_the_bundle() -> None:
    at, moved = next(
        (at, one) for at, one in walked(FIRST, NOW, NOW + 12 * YEAR) if one.current.certificate != FIRST.known()[0]
    )
    assert FIRST.current.certificate.id not in ids(moved.without(FIRST.current.certificate.id, at))


def test_authorities_come_back_from_a_secret_as_they_were() -> None:
    for _, authorities in walked(FIRST, NOW, NOW + 12 * YEAR):
        assert authorities_from(authorities_data(authorities)) == authorities


@pytest.mark.parametrize("entry", ["ca.crt", "ca.key"])
@given(
    spoilt=st.one_of(
        st.binary(max_size=200), st.sampled_from([SERVING.key.encode(), SERVING.certificate.pem[:-60].encode()])
    )
)
def test_a_spoilt_authority_is_an_error_that_shows_nothing_of_it(entry: str, spoilt: bytes) -> None:
    with pytest.raises(AuthorityMalformedError) as caught:
        authorities_from(authorities_data(FIRST) | {entry: spoilt})
    assert str(caught.value) == "The entries ca.crt and ca.key are not as llmkeys wrote them."


def test_half_of_an_announced_authority_is_an_error() -> None:
    with pytest.raises(AuthorityMalformedError, match=r"next\.crt and next\.key"):
        authorities_from(authorities_data(FIRST) | {"next.crt": FIRST.current.certificate.pem.encode()})


def test_a_key_never_shows_in_repr() -> None:
    assert "PRIVATE" not in repr(FIRST)
    assert FIRST.current.key.split("\n")[1] not in repr(FIRST)


@pytest.mark.parametrize("skew", [-HOUR, HOUR])
def test_clocks_that_are_an_hour_off_agree_on_a_new_certificate(skew: float) -> None:
    for one in (FIRST.current.certificate, SERVING.certificate):
        assert one.not_before < NOW + skew < one.not_after
    assert not serving_due(SERVING, FIRST.current, NAMES, NOW + skew)


def test_a_serving_certificate_is_due_after_two_thirds_of_its_life() -> None:
    assert not serving_due(SERVING, FIRST.current, NAMES, NOW + 4.6 * DAY)
    assert serving_due(SERVING, FIRST.current, NAMES, NOW + 4.7 * DAY)


def test_a_serving_certificate_of_the_future_is_due() -> None:
    assert serving_due(SERVING, FIRST.current, NAMES, NOW - DAY)


@pytest.mark.parametrize(
    "spoilt",
    [
        KeyedCertificate(Certificate(""), ""),
        KeyedCertificate(Certificate("nothing"), SERVING.key),
        replace(SERVING, key=FIRST.current.key),
        replace(SERVING, key="-----BEGIN PRIVATE KEY-----"),
    ],
)
def test_a_broken_serving_certificate_is_due(spoilt: KeyedCertificate) -> None:
    assert serving_due(spoilt, FIRST.current, NAMES, NOW)


def test_a_serving_certificate_of_another_authority_or_for_other_names_is_due() -> None:
    assert serving_due(SERVING, Authorities.first(NOW).current, NAMES, NOW)
    assert serving_due(SERVING, FIRST.current, NAMES[1:], NOW)
    assert serving_due(SERVING, FIRST.current, (*NAMES, "more.example"), NOW)


def test_a_serving_certificate_cannot_sign_and_an_authority_only_servers() -> None:
    leaf, authority = SERVING.certificate.parsed, FIRST.current.certificate.parsed
    assert not leaf.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert authority.extensions.get_extension_for_class(x509.BasicConstraints).value.path_length == 0
    assert leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value == x509.ExtendedKeyUsage(
        [x509.OID_SERVER_AUTH]
    )


@pytest.mark.parametrize("name", NAMES)
def test_a_strict_tls_client_that_knows_the_bundle_accepts_the_server(name: str, tmp_path: Path) -> None:
    now = Authorities.first(time.time())
    serving = issue(now.current, NAMES, time.time())
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    (tmp_path / "pair.pem").write_text(serving.certificate.pem + serving.key, encoding="utf-8")
    server_side.load_cert_chain(tmp_path / "pair.pem")
    client_side = ssl.create_default_context(cadata=now.bundle())
    client_side.verify_flags |= ssl.VERIFY_X509_STRICT
    ours, theirs = socket.socketpair()

    def answer() -> None:
        with server_side.wrap_socket(theirs, server_side=True) as secured:
            secured.sendall(b"hello")

    thread = threading.Thread(target=answer)
    thread.start()
    with client_side.wrap_socket(ours, server_hostname=name) as secured:
        assert secured.recv(5) == b"hello"
    thread.join()
