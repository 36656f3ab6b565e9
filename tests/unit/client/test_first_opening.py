import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.api.errors import RetryableError
from llmkeys.client.errors import (
    AccessEndedError,
    CertificateNotTrustedError,
    CredentialGoneError,
    DeniedError,
    EnvelopeMissingError,
    EnvelopeOutdatedError,
    EnvelopeRefusedError,
    OutputFullError,
    SettingsInvalidError,
    TokenMissingError,
    TokenRefusedError,
    UnavailableError,
    UnsealError,
    WithdrawnError,
    WrongAudienceError,
)
from llmkeys.client.first_opening import OUTDATED_SECONDS, Step, next_step, of


def kinds(parent: type[UnsealError] = UnsealError) -> list[type[UnsealError]]:
    found = [one for child in parent.__subclasses__() for one in (child, *kinds(child))]
    return [one for one in found if one is not AccessEndedError]


ERRORS = st.sampled_from(kinds()).map(lambda kind: kind("why"))
SECONDS = st.floats(0, 1000)


@given(error=ERRORS, required=st.booleans(), spent=SECONDS, deadline=SECONDS)
def test_only_what_time_may_help_is_tried_again_and_never_beyond_the_deadline(
    error: UnsealError, required: bool, spent: float, deadline: float
) -> None:
    step = next_step(error, required=required, spent=spent, deadline=deadline)
    if step is Step.AGAIN:
        assert isinstance(error, RetryableError)
        assert spent < deadline
    assert step is not (Step.LEAVE_OUT if required else Step.FAIL)


@given(error=ERRORS, spent=SECONDS, deadline=SECONDS)
def test_an_optional_credential_is_waited_for_no_longer_than_a_required_one(
    error: UnsealError, spent: float, deadline: float
) -> None:
    if next_step(error, required=False, spent=spent, deadline=deadline) is Step.AGAIN:
        assert next_step(error, required=True, spent=spent, deadline=deadline) is Step.AGAIN


@pytest.mark.parametrize("required", [True, False])
@pytest.mark.parametrize(
    "kind",
    [
        SettingsInvalidError,
        TokenMissingError,
        TokenRefusedError,
        WrongAudienceError,
        CertificateNotTrustedError,
        OutputFullError,
    ],
)
def test_what_is_wrong_with_the_pod_ends_it_at_once(kind: type[UnsealError], required: bool) -> None:
    assert next_step(kind("why"), required=required, spent=0, deadline=300) is Step.END


@pytest.mark.parametrize("kind", [DeniedError, WithdrawnError, CredentialGoneError, EnvelopeRefusedError])
def test_a_refusal_fails_what_is_required_and_leaves_out_what_is_not(kind: type[UnsealError]) -> None:
    assert next_step(kind("why"), required=True, spent=0, deadline=300) is Step.FAIL
    assert next_step(kind("why"), required=False, spent=0, deadline=300) is Step.LEAVE_OUT


@pytest.mark.parametrize("required", [True, False])
def test_an_outage_is_waited_out_for_everyone_until_the_deadline(required: bool) -> None:
    error = UnavailableError("why")
    assert next_step(error, required=required, spent=299, deadline=300) is Step.AGAIN
    assert next_step(error, required=required, spent=300, deadline=300) is not Step.AGAIN


def test_an_optional_envelope_that_stays_outdated_holds_up_the_pod_no_longer_than_a_mount_lags() -> None:
    error = EnvelopeOutdatedError("why")
    assert next_step(error, required=False, spent=OUTDATED_SECONDS - 1, deadline=300) is Step.AGAIN
    assert next_step(error, required=False, spent=OUTDATED_SECONDS, deadline=300) is Step.LEAVE_OUT
    assert next_step(error, required=True, spent=299, deadline=300) is Step.AGAIN


def test_an_optional_envelope_that_is_not_mounted_is_not_waited_for() -> None:
    assert next_step(EnvelopeMissingError("why"), required=False, spent=0, deadline=300) is Step.LEAVE_OUT


@pytest.mark.parametrize("kind", kinds())
def test_an_error_says_whose_it_is_and_keeps_its_exit_code(kind: type[UnsealError]) -> None:
    told = of("openai", kind("why"))
    assert type(told) is kind
    assert str(told) == ("why" if kind is UnavailableError else "openai: why")
