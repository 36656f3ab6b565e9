"""What can be wrong with manifests, keys and values that a person hands over. No text ever shows a value."""

from llmkeys.api.errors import UserError


class ManifestMalformedError(UserError):
    """A text is no YAML, or a part of it has not the shape that its kind has.

    Args:
        line: counted from 1.
        problem: what is wrong, without any of the text's own words.

    """

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(f"line {line}: {problem}")
        self.line = line


class PublicKeysMalformedError(UserError):
    """A file, a ConfigMap or a pin holds no public keys of an operator; the text says what is wrong."""


class PublicKeyChangedError(UserError):
    """The operator shows another public key than the one that was pinned or accepted.

    Args:
        known: id of the key that was expected.
        shown: id of the one that the cluster shows.

    """

    def __init__(self, known: str, shown: str) -> None:
        super().__init__(
            f"The operator's public key is {shown}, and {known} was expected; nothing was sealed. Ask whoever runs the "
            f"operator whether the key was rotated (llmkeys keys list); if it was, add: --accept {shown}"
        )
        self.known = known
        self.shown = shown


class DestinationUnsuitableError(UserError):
    """A provider sends keys to places that no value can be bound to."""


class ValueUnsuitableError(UserError):
    """A value cannot be a key of its field; the text names the field."""


class ResealRefusedError(UserError):
    """A value of a file does not open, so that the file stays as it is.

    Args:
        line: where the value stands, counted from 1.
        reason: why, without any of the value.

    """

    def __init__(self, line: int, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line = line
        self.reason = reason
