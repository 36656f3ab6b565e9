"""The access token in the file that an OAuth client keeps for its user."""

import re
from typing import Final

from llmkeys.api.reasons import Reason
from llmkeys.catalogue.credential import Auth, CredentialFile
from llmkeys.probe.auth.document import problem_in, read
from llmkeys.probe.auth.plain import with_bearer
from llmkeys.probe.auth.scheme import CredentialUnusableError, Problem, Showing
from llmkeys.probe.request import ProbeRequest

SENDABLE: Final = re.compile(r"[\x21-\x7e]{1,8192}")
"""An access token that can be shown."""


def show(request: ProbeRequest, showing: Showing) -> ProbeRequest:
    """Send the access token as it is."""
    text = showing.revealed(showing.auth.field)
    if check(text, showing.auth) is not None:
        raise CredentialUnusableError("the file cannot be used")
    return with_bearer(request, _token(text, showing.auth))


def check(text: str, auth: Auth) -> Problem | None:
    """Whether the file is this client's and holds a token that can be sent."""
    problem = problem_in(text, auth)
    if problem is None and not SENDABLE.fullmatch(_token(text, auth)):
        return Problem(Reason.MALFORMED_KEY, "its access token holds characters that no token has")
    return problem


def _token(text: str, auth: Auth) -> str:
    document = read(text)
    file = auth.file or CredentialFile()
    return document.text_at(*file.access_token) if document else ""
