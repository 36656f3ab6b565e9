"""What every scheme is given and gives: a request without credentials becomes one that shows them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from llmkeys.api.errors import UserError
from llmkeys.api.reasons import Reason
from llmkeys.catalogue.credential import Auth
from llmkeys.crypto.secret import Secret
from llmkeys.probe.request import ProbeRequest

FORM: Final = ("Content-Type", "application/x-www-form-urlencoded")


class CredentialUnusableError(UserError):
    """A credential cannot be shown as its scheme wants it; the text never holds a part of it."""


@dataclass(frozen=True, slots=True)
class Showing:
    """A credential, and what is needed to show it.

    Args:
        auth: of the catalogue.
        fields: the secret fields that are there.
        config: the provider's settings in force, the signing region among them.
        now: epoch seconds, None where nothing is signed.
        token: what an exchange gave, for schemes that need one.

    """

    auth: Auth
    fields: Mapping[str, Secret] = field(repr=False)
    config: Mapping[str, str]
    now: float | None = None
    token: Secret | None = None

    @property
    def moment(self) -> float:
        """Epoch seconds for which to sign.

        Raises:
            ValueError: the caller did not tell the time; a signature for a wrong moment would look like a bad key.

        """
        if self.now is None:
            raise ValueError(f"{self.auth.scheme} signs for a moment, and none was given")
        return self.now

    def revealed(self, name: str) -> str:
        """A secret field.

        Raises:
            CredentialUnusableError: it is not there.

        """
        secret = self.fields.get(name)
        if secret is None:
            raise CredentialUnusableError(f"{self.auth.scheme} needs {name}")
        return secret.reveal()


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a credential cannot be shown, found without a call.

    Args:
        reason: a row of the matrix.
        because: a clause of ours for the message; it never holds a part of the credential.

    """

    reason: Reason
    because: str


Scheme = Callable[[ProbeRequest, Showing], ProbeRequest]
"""Raises CredentialUnusableError for what `Check` would have refused."""

Check = Callable[[str, Auth], Problem | None]
"""Looks at the text of the field that the scheme reads."""
