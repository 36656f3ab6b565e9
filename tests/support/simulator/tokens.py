"""A token service that gives out access tokens for refresh tokens, and takes each of those once (RFC 6749, 6)."""

import itertools
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qs

from tests.support.simulator.answer import Answer, json_answer
from tests.support.simulator.behaviour import Behaviour

_GRANT: Final = "refresh_token"


@dataclass(frozen=True, slots=True)
class Granted:
    """What a refresh token is good for.

    Args:
        mark: what the tokens that it gives begin with.
        lifetime: of the access token, in seconds.
    """

    mark: str
    lifetime: int


class TokenService:
    """Belongs to one server, whose keys the access tokens become."""

    def __init__(self, keys: dict[str, Behaviour]) -> None:
        """Begin without any refresh token.

        Args:
            keys: of the server; gets every access token, as a good one.
        """
        self._keys: Final = keys
        self._live: Final[dict[str, Granted]] = {}
        self._numbers: Final = itertools.count(1)

    def allow(self, refresh_token: str, granted: Granted) -> None:
        """Take a refresh token, once."""
        self._live[refresh_token] = granted

    def answer(self, body: str) -> Answer:
        """The answer to a form."""
        form = _form(body)
        granted = self._live.pop(form.get("refresh_token", ""), None) if form.get("grant_type") == _GRANT else None
        if granted is None or not form.get("client_id"):
            return json_answer(400, {"error": "invalid_grant", "error_description": "Invalid refresh token."})
        number = next(self._numbers)
        access, refresh = (f"{granted.mark}-{kind}-{number}-{secrets.token_hex(8)}" for kind in ("access", "refresh"))
        self._live[refresh] = granted
        self._keys[access] = Behaviour.GOOD
        return json_answer(
            200,
            {
                "access_token": access,
                "token_type": "Bearer",
                "refresh_token": refresh,
                "expires_in": granted.lifetime,
                "resource_url": "somewhere.example",
            },
        )


def _form(body: str) -> Mapping[str, str]:
    return {name: values[0] for name, values in parse_qs(body).items()}
