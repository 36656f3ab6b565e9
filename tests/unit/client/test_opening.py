import ssl
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from llmkeys.client.clock import Clock
from llmkeys.client.content import Opened
from llmkeys.client.errors import (
    AccessEndedError,
    AnswerUnknownError,
    CertificateNotTrustedError,
    CredentialGoneError,
    DeniedError,
    EnvelopeMissingError,
    EnvelopeOutdatedError,
    EnvelopeRefusedError,
    SettingsInvalidError,
    TokenMissingError,
    TokenRefusedError,
    UnavailableError,
    UnsealError,
    WithdrawnError,
    WrongAudienceError,
)
from llmkeys.client.opening import Limits, open_mounted
from tests.unit.client.unsealing import CANARY, ENVELOPE, TOKEN, Answer, Passing, Pod, opened, refused, serving

AWAY = refused(503, "Unavailable")


def open_in(pod: Pod, passing: Passing, wait: float = 20, deadline: float = 30) -> Opened:
    return open_mounted(pod.settings, Limits(wait, deadline), passing.clock)


def test_an_envelope_is_opened(pod: Pod, passing: Passing) -> None:
    pod.service.answers = [opened(7, OPENAI_API_KEY=CANARY, key={"base64": "/w=="})]
    found = open_in(pod, passing)
    assert found == Opened({"OPENAI_API_KEY": CANARY.encode(), "key": b"\xff"}, 7)
    assert CANARY not in repr(found)
    (question,) = pod.service.questions
    assert question.path == "/v1/unseal"
    assert question.token == TOKEN
    assert question.body == {"credential": "openai", "envelope": ENVELOPE}


def test_an_outage_is_sat_out_with_growing_pauses(pod: Pod, passing: Passing) -> None:
    pod.service.answers = [AWAY, AWAY, Answer(502, b"<html>"), opened()]
    open_in(pod, passing)
    assert len(pod.service.questions) == 4
    assert passing.slept[0] < passing.slept[1] < passing.slept[2]


def test_the_deadline_ends_it(pod: Pod, passing: Passing) -> None:
    pod.service.answers = [AWAY]
    with pytest.raises(UnavailableError):
        open_in(pod, passing, deadline=30)
    assert 20 < sum(passing.slept) <= 30


def test_it_is_not_asked_again_before_retry_after(pod: Pod, passing: Passing) -> None:
    pod.service.answers = [refused(429, "TooManyRequests", "17"), opened()]
    open_in(pod, passing)
    assert passing.slept == [17]


def test_a_retry_after_beyond_the_deadline_ends_it_at_once(pod: Pod, passing: Passing) -> None:
    pod.service.answers = [refused(503, "Unavailable", "31")]
    with pytest.raises(UnavailableError):
        open_in(pod, passing, deadline=30)
    assert passing.slept == []


def test_the_token_is_read_for_every_attempt(pod: Pod, passing: Passing) -> None:
    pod.service.answers = [AWAY, opened()]
    passing.meanwhile = lambda: pod.settings.token.write_text("a.newer.token") and None
    open_in(pod, passing)
    assert [question.token for question in pod.service.questions] == [TOKEN, "a.newer.token"]


def test_an_old_envelope_is_tried_again_once_the_kubelet_has_mounted_the_current_one(
    pod: Pod, passing: Passing
) -> None:
    pod.service.answers = [refused(403, "StaleEnvelope"), opened()]
    passing.meanwhile = lambda: pod.mount("llmkeysE1.newer.one")
    open_in(pod, passing)
    assert pod.service.questions[-1].body["envelope"] == "llmkeysE1.newer.one"


@pytest.mark.parametrize(
    ("status", "reason", "kind", "attempts"),
    [
        (400, "Malformed", EnvelopeRefusedError, 1),
        (401, "TokenMissing", TokenRefusedError, 1),
        (401, "TokenInvalid", TokenRefusedError, 1),
        (401, "WrongAudience", WrongAudienceError, 1),
        (401, "NotPodBound", TokenRefusedError, 1),
        (403, "Denied", DeniedError, 1),
        (403, "Withdrawn", WithdrawnError, 1),
        (403, "Disabled", WithdrawnError, 1),
        (403, "OtherForm", WithdrawnError, 1),
        (403, "StaleEnvelope", EnvelopeOutdatedError, 3),
        (403, "OtherCredential", CredentialGoneError, 1),
        (404, "NoSuchCredential", CredentialGoneError, 1),
        (410, "KeyRetired", EnvelopeOutdatedError, 3),
        (408, "TooSlow", UnavailableError, 3),
        (413, "TooLarge", EnvelopeRefusedError, 1),
        (422, "DecryptFailed", EnvelopeRefusedError, 1),
        (429, "TooManyRequests", UnavailableError, 3),
        (503, "Unavailable", UnavailableError, 3),
        (418, "Unheard", AnswerUnknownError, 1),
        (429, "Unheard", UnavailableError, 3),
        (500, "Unheard", UnavailableError, 3),
    ],
)
def test_each_refusal_is_an_error_of_its_own_and_only_what_time_helps_is_tried_again(
    pod: Pod, passing: Passing, status: int, reason: str, kind: type[UnsealError], attempts: int
) -> None:
    pod.service.answers = [refused(status, reason)]
    with pytest.raises(UnsealError) as caught:
        open_in(pod, passing, deadline=1)
    assert type(caught.value) is kind
    assert len(pod.service.questions) == attempts


def test_a_denial_names_both_ways_to_be_allowed(pod: Pod, passing: Passing) -> None:
    pod.service.answers = [refused(403, "Denied")]
    with pytest.raises(DeniedError) as caught:
        open_in(pod, passing)
    assert "spec.target.serviceAccounts" in str(caught.value)
    assert "llmkeys manifest rolebinding openai --service-account chat" in str(caught.value)


def test_each_kind_of_error_has_an_exit_code_of_its_own() -> None:
    def below(kind: type[UnsealError]) -> list[type[UnsealError]]:
        return [one for child in kind.__subclasses__() for one in (child, *below(child))]

    codes = [kind.exit_code for kind in below(UnsealError) if kind is not AccessEndedError]
    assert len(set(codes)) == len(codes)
    assert not {0, 1, 126, 127} & set(codes)


def test_an_envelope_is_waited_for(pod: Pod, passing: Passing) -> None:
    pod.settings.envelope.unlink()
    passing.meanwhile = lambda: pod.mount(ENVELOPE)
    open_in(pod, passing)
    assert len(passing.slept) == 1


@pytest.mark.parametrize("there", [None, "", " \n"])
def test_without_an_envelope_nobody_is_asked(pod: Pod, passing: Passing, there: str | None) -> None:
    pod.settings.envelope.unlink()
    if there is not None:
        pod.settings.envelope.write_text(there)
    with pytest.raises(EnvelopeMissingError):
        open_in(pod, passing, wait=20)
    assert pod.service.questions == []
    assert 20 <= sum(passing.slept) < 21


@pytest.mark.parametrize("there", [b"\xff", b"x" * (2 * 1024 * 1024 + 1)])
def test_what_cannot_be_an_envelope_is_not_sent(pod: Pod, passing: Passing, there: bytes) -> None:
    pod.settings.envelope.write_bytes(there)
    with pytest.raises(EnvelopeRefusedError):
        open_in(pod, passing)
    assert pod.service.questions == []


@pytest.mark.parametrize("there", [None, "", "two words", "a\r\nHost: other", "ü", "x" * 16385])
def test_without_a_token_nobody_is_asked(pod: Pod, passing: Passing, there: str | None) -> None:
    pod.settings.token.unlink()
    if there is not None:
        pod.settings.token.write_text(there)
    with pytest.raises(TokenMissingError):
        open_in(pod, passing)
    assert pod.service.questions == []


@pytest.mark.parametrize(
    "changes",
    [
        {"credential": ""},
        {"unsealer": ""},
        {"unsealer": "http://127.0.0.1"},
        {"unsealer": "https://user@127.0.0.1"},
        {"unsealer": "https://127.0.0.1/v2"},
        {"unsealer": "https://127.0.0.1?a=b"},
        {"unsealer": "https://127.0.0.1:port"},
        {"unsealer": "https://[::1"},
        {"authorities": ""},
        {"authorities": "no certificate"},
        {"authorities": "", "authorities_file": Path("/nowhere/ca.crt")},
    ],
    ids=str,
)
def test_settings_that_are_missing_or_wrong_are_said(pod: Pod, passing: Passing, changes: dict[str, str]) -> None:
    with pytest.raises(SettingsInvalidError):
        open_in(pod.but(**changes), passing)


def test_somebody_else_who_answers_gets_neither_token_nor_envelope(
    pod: Pod, passing: Passing, authority: trustme.CA, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = pod.folder / "system.pem"
    bundle.write_bytes(authority.cert_pem.bytes())
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    other = trustme.CA().cert_pem.bytes().decode()
    with pytest.raises(CertificateNotTrustedError):
        open_in(pod.but(authorities=other), passing)
    assert pod.service.questions == []
    assert passing.slept == []


def test_a_certificate_for_another_host_is_not_trusted(pod: Pod, passing: Passing, authority: trustme.CA) -> None:
    with serving(authority, host="other.example") as service, pytest.raises(CertificateNotTrustedError):
        open_in(pod.but(unsealer=f"https://127.0.0.1:{service.port}"), passing)
    assert service.questions == []


def test_the_secrets_of_the_connection_are_not_written_to_a_file(
    pod: Pod, passing: Passing, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = pod.folder / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(written))
    open_in(pod, passing)
    assert not written.exists()


def test_variables_that_name_a_proxy_do_not_count(pod: Pod, passing: Passing, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert open_in(pod, passing).sequence == 1


def test_a_redirect_is_not_followed(pod: Pod, passing: Passing, authority: trustme.CA) -> None:
    with serving(authority) as elsewhere:
        location = f"https://127.0.0.1:{elsewhere.port}/v1/unseal"
        pod.service.answers = [Answer(307, b"", (("Location", location),))]
        with pytest.raises(AnswerUnknownError):
            open_in(pod, passing)
    assert elsewhere.questions == []


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b'{"content": {}, "sequence": true}', b'{"content": 1, "sequence": 1}', b"[" * 100_000],
    ids=lambda body: body[:40].decode(),
)
def test_an_answer_of_another_kind_is_not_taken(pod: Pod, passing: Passing, body: bytes) -> None:
    pod.service.answers = [Answer(200, body)]
    with pytest.raises(AnswerUnknownError):
        open_in(pod, passing)


def test_an_answer_without_end_is_not_read(pod: Pod, passing: Passing) -> None:
    pod.service.answers = [Answer(200, b" " * (1024 * 1024 + 1))]
    with pytest.raises(AnswerUnknownError, match="over 1 MiB"):
        open_in(pod, passing)


def test_an_answer_that_breaks_off_is_asked_for_again(pod: Pod, passing: Passing) -> None:
    cut = replace(opened(), headers=(("Content-Length", "1000"),))
    pod.service.answers = [cut, opened(2)]
    assert open_in(pod, passing).sequence == 2


def test_an_answer_that_drips_is_given_up(pod: Pod) -> None:
    seconds = iter(range(0, 10**9, 100))
    with pytest.raises(UnavailableError, match="took too long"):
        open_mounted(pod.settings, Limits(0, 0), Clock(lambda: next(seconds), lambda _: None))


def test_nobody_at_the_address_is_an_outage(pod: Pod, passing: Passing) -> None:
    with serving(None) as gone:
        pass
    with pytest.raises(UnavailableError, match="refused"):
        open_in(pod.but(unsealer=f"https://127.0.0.1:{gone.port}"), passing)
    assert len(passing.slept) > 3


def test_an_old_version_of_tls_is_not_spoken(pod: Pod, passing: Passing, authority: trustme.CA) -> None:
    with serving(authority, newest=ssl.TLSVersion.TLSv1_2) as old, pytest.raises(UnavailableError, match="TLS"):
        open_in(pod.but(unsealer=f"https://127.0.0.1:{old.port}"), passing, deadline=0)
    assert old.questions == []


def test_nothing_is_sent_in_the_clear(pod: Pod, passing: Passing) -> None:
    with serving(None) as clear, pytest.raises(UnavailableError, match="TLS"):
        open_in(pod.but(unsealer=f"https://127.0.0.1:{clear.port}"), passing, deadline=0)
    assert clear.questions == []
