import time
from collections.abc import Iterator
from contextlib import closing

import pytest
import trustme

from llmkeys.client.clock import Clock
from llmkeys.client.errors import AnswerUnknownError, CertificateNotTrustedError, UnavailableError
from llmkeys.client.exchange import KeptConnection, Reply
from llmkeys.client.settings import Unsealer
from llmkeys.crypto.certificates import Authorities, issue
from tests.support.wait import eventually
from tests.unit.client.unsealing import Answer, Service, opened, served_by, serving

BODY = b'{"credential": "openai", "envelope": ""}'
TEN_MINUTES = 600.0


@pytest.fixture
def connection() -> Iterator[KeptConnection]:
    with closing(KeptConnection()) as kept:
        yield kept


def unsealer(service: Service, authorities: str) -> Unsealer:
    return Unsealer("127.0.0.1", service.port, authorities)


def ask(connection: KeptConnection, whom: Unsealer) -> Reply:
    return connection.post(whom, "/v1/unseal", "token", BODY, 5, Clock())


@pytest.fixture
def whom(service: Service, authority: trustme.CA) -> Unsealer:
    return unsealer(service, authority.cert_pem.bytes().decode())


def test_questions_share_a_connection(connection: KeptConnection, whom: Unsealer, service: Service) -> None:
    service.answers = [opened(1), Answer(403, b"{}"), opened(3)]
    assert [ask(connection, whom).status for _ in range(3)] == [200, 403, 200]
    assert service.connections == 1


def test_a_connection_that_ended_while_nothing_was_asked_is_made_anew(
    connection: KeptConnection, whom: Unsealer, service: Service
) -> None:
    ask(connection, whom)
    service.hang_up()
    eventually(lambda: service.open_connections == 0, timeout=10)
    assert ask(connection, whom).status == 200
    assert service.connections == 2


def test_one_that_was_never_answered_over_is_an_outage(
    connection: KeptConnection, whom: Unsealer, service: Service
) -> None:
    service.answers = [Answer(200, b"", (("Content-Length", "100"),)), opened()]
    with pytest.raises(UnavailableError, match="ended before the answer"):
        ask(connection, whom)
    assert ask(connection, whom).status == 200
    assert len(service.questions) == 2


def test_an_answer_that_was_not_read_to_its_end_is_nobodys_next_answer(
    connection: KeptConnection, whom: Unsealer, service: Service
) -> None:
    service.answers = [Answer(200, b" " * (2 * 1024 * 1024)), opened(2)]
    with pytest.raises(AnswerUnknownError):
        ask(connection, whom)
    assert ask(connection, whom).body == opened(2).body


def test_another_unsealer_or_other_authorities_are_asked_over_another_connection(
    connection: KeptConnection, whom: Unsealer, service: Service
) -> None:
    ask(connection, whom)
    with pytest.raises(CertificateNotTrustedError):
        ask(connection, unsealer(service, trustme.CA().cert_pem.bytes().decode()))
    assert len(service.questions) == 1
    assert ask(connection, whom).status == 200


@pytest.mark.parametrize("ahead", [-TEN_MINUTES, TEN_MINUTES], ids=["node ahead", "node behind"])
def test_a_clock_that_is_off_by_ten_minutes_trusts_a_certificate_of_this_moment(
    connection: KeptConnection, ahead: float
) -> None:
    """OpenSSL asks the kernel for the time, so it is the certificate's maker whose clock is another."""
    made_at = time.time() + ahead
    authorities = Authorities.first(made_at)
    serving_certificate = issue(authorities.current, ["127.0.0.1"], made_at)
    with served_by(serving_certificate.certificate.pem, serving_certificate.key) as service:
        assert ask(connection, unsealer(service, authorities.bundle())).status == 200


def test_a_certificate_that_begins_later_is_said_to_be_untrusted(connection: KeptConnection) -> None:
    made_at = time.time() + 3 * 3600
    authorities = Authorities.first(time.time())
    serving_certificate = issue(authorities.current, ["127.0.0.1"], made_at)
    with (
        served_by(serving_certificate.certificate.pem, serving_certificate.key) as service,
        pytest.raises(CertificateNotTrustedError, match="not yet valid"),
    ):
        ask(connection, unsealer(service, authorities.bundle()))


def test_nothing_is_sent_in_the_clear_over_a_new_connection(connection: KeptConnection) -> None:
    with serving(None) as clear, pytest.raises(UnavailableError):
        ask(connection, unsealer(clear, trustme.CA().cert_pem.bytes().decode()))
    assert clear.questions == []
