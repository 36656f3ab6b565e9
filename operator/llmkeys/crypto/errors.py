"""What can go wrong with keys and what was sealed to them. No text ever holds plaintext or key material."""

from llmkeys.api.errors import PlatformError, UserError


class BindingInvalidError(UserError):
    """A value cannot be sealed for such a place, host or delivery; the text names the part that is wrong."""


class PlaintextTooLargeError(UserError):
    """The sealed text would be longer than any opener accepts."""


class PublicKeyMalformedError(UserError):
    """A text or its bytes are no public key that one can seal to."""


class PrivateKeyMalformedError(UserError):
    """A text is no private key of ours."""


class EnvelopeMalformedError(UserError):
    """A text is not an envelope of ours at all; it was never opened."""


class DecryptFailedError(UserError):
    """It did not open: changed on its way, or sealed to another key or with another header than it shows."""


class EnvelopeMisplacedError(DecryptFailedError):
    """An envelope shows another namespace or credential than it is opened for, or is older; it was not opened."""


class KeyUnknownError(UserError):
    """The ring has never had the key with that id.

    Args:
        key_id: the one asked for.

    """

    def __init__(self, key_id: str) -> None:
        super().__init__(f"There is no key {key_id[:64]!r} here.")
        self.key_id = key_id


class KeyRetiredError(UserError):
    """The ring had the key once; its material is gone.

    Args:
        key_id: the one asked for.

    """

    def __init__(self, key_id: str) -> None:
        super().__init__(f"The key {key_id[:64]!r} is retired: its material is gone.")
        self.key_id = key_id


class KeyActiveError(PlatformError):
    """The active key cannot be retired: rotate first."""


class RingMalformedError(PlatformError):
    """A key ring is not as we wrote it.

    Args:
        place: the field that is wrong, never what it holds.

    """

    def __init__(self, place: str) -> None:
        super().__init__(f"The key ring is not as llmkeys wrote it: {place}. Restore it from a backup.")
        self.place = place


class KekMalformedError(PlatformError):
    """A file holds no key-encryption key; the text says what is accepted."""


class WrongKekError(PlatformError):
    """A wrapped ring does not open with this key-encryption key, or it was changed."""


class BackupMalformedError(PlatformError):
    """A file is no backup of ours, or asks for more memory than we give."""


class WrongPassphraseError(PlatformError):
    """A backup does not open with the passphrase, or with the kind of key, that was given."""
