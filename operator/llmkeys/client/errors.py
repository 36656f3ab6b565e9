"""Everything that can keep a workload from its credential, each with the exit code of the commands.

A text says what to do next. It holds neither token nor content.
"""

from typing import ClassVar

from llmkeys.api.errors import LlmkeysError, PlatformError, RetryableError, UserError


class UnsealError(LlmkeysError):
    """Base of all that the client raises."""

    exit_code: ClassVar[int] = 1


class SettingsInvalidError(UnsealError, UserError):
    """An option or variable is missing, or is not what it must be."""

    exit_code = 2


class EnvelopeMissingError(UnsealError, RetryableError):
    """No envelope is mounted, yet or any more."""

    exit_code = 10


class TokenMissingError(UnsealError, UserError):
    """The pod has no token to show."""

    exit_code = 11


class TokenRefusedError(UnsealError, UserError):
    """The token is expired, forged, or not bound to a pod."""

    exit_code = 12


class WrongAudienceError(UnsealError, UserError):
    """The token is meant for somebody else."""

    exit_code = 13


class AccessEndedError(UnsealError, UserError):
    """The answer is no, and stays no until somebody changes the credential or its permissions."""


class DeniedError(AccessEndedError):
    """The pod's account may not have this credential opened."""

    exit_code = 14


class WithdrawnError(AccessEndedError):
    """The credential is withdrawn, disabled, or is to be delivered in another form."""

    exit_code = 15


class CredentialGoneError(AccessEndedError):
    """The credential does not exist, or is another one than the envelope was made for."""

    exit_code = 16


class EnvelopeOutdatedError(UnsealError, RetryableError):
    """There is a newer envelope, which the kubelet has not mounted yet."""

    exit_code = 17


class EnvelopeRefusedError(UnsealError, UserError):
    """What is mounted is no envelope, or does not open."""

    exit_code = 18


class IdentityError(UnsealError, UserError):
    """The private key for a delivery to recipients is missing, unreadable, or not a recipient's."""

    exit_code = 19


class UnavailableError(UnsealError, RetryableError):
    """The unsealer does not answer, or asks to come back later.

    Args:
        text: what happened.
        retry_after: seconds before which it must not be asked again.

    """

    exit_code = 20

    def __init__(self, text: str, retry_after: float = 0.0) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class CertificateNotTrustedError(UnsealError, PlatformError):
    """Whoever answers at the unsealer's address has not proven to be the unsealer."""

    exit_code = 21


class AnswerUnknownError(UnsealError, PlatformError):
    """The answer is not of the unsealer's protocol: a redirect, too long, or of another version."""

    exit_code = 22


class OutputFullError(UnsealError, UserError):
    """The volume is full. What was there before still is, and nothing half-written is left."""

    exit_code = 30


class OutputFailedError(UnsealError, UserError):
    """The output cannot be written; what was there before still is."""

    exit_code = 31


class NotExpressibleError(UnsealError, UserError):
    """A name or value cannot be written in the form that was asked for."""

    exit_code = 32
