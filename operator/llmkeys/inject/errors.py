"""What keeps a manifest from being changed. Each text says what to do."""

from llmkeys.api.errors import UserError


class ManifestRefusedError(UserError):
    """A manifest stays as it is.

    Args:
        line: that is the reason, counted from 1.
        problem: what is wrong there, and what helps.

    """

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(f"line {line}: {problem}")
        self.line = line
        self.problem = problem


class PodRefusedError(UserError):
    """A pod cannot take the lines.

    Args:
        place: the names and indexes that lead from the pod's spec to the reason.
        problem: what is wrong there, and what helps.

    """

    def __init__(self, place: tuple[str | int, ...], problem: str) -> None:
        super().__init__(problem)
        self.place = place
        self.problem = problem


class CredentialRefusedError(UserError):
    """The credentials that a pod asks for cannot be given to it; the text says which, why, and what helps."""


class StatusMalformedError(UserError):
    """A text holds no LLMCredentials as the API server gives them."""
