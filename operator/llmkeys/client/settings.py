"""Where a workload finds its envelope, its token, and the service that opens the one for the other."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self
from urllib.parse import urlsplit

from llmkeys.client.errors import SettingsInvalidError

ENVELOPE_FILE: Final = Path("/var/run/llmkeys/envelope/envelope")
TOKEN_FILE: Final = Path("/var/run/llmkeys/token/token")
WAIT_SECONDS: Final = 60.0
DEADLINE_SECONDS: Final = 60.0
_HTTPS_PORT: Final = 443


@dataclass(frozen=True, slots=True)
class Unsealer:
    """The service and how it is known.

    Args:
        host: name or address, for the connection and for its certificate.
        port: of TCP.
        authorities: certificates in PEM; no other authority counts.

    """

    host: str
    port: int
    authorities: str

    @property
    def address(self) -> str:
        """As it is shown to people."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Settings:
    """What was said by options, arguments and variables.

    Args:
        credential: name of the LLMCredential; the namespace is the token's.
        unsealer: `https://host[:port]`.
        authorities: certificates in PEM, else those in `authorities_file`.
        authorities_file: read at every attempt.
        envelope: the mounted file.
        token: the mounted file.
        identity: the private key for deliveries to recipients.

    """

    credential: str = ""
    unsealer: str = ""
    authorities: str = ""
    authorities_file: Path | None = None
    envelope: Path = ENVELOPE_FILE
    token: Path = TOKEN_FILE
    identity: Path | None = None

    @classmethod
    def given(
        cls,
        *,
        credential: str | None = None,
        unsealer: str | None = None,
        authorities_file: Path | None = None,
        envelope: Path | None = None,
        token: Path | None = None,
        identity: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Self:
        """What was given, else what LLMKEYS_CREDENTIAL, LLMKEYS_UNSEALER, LLMKEYS_CA and LLMKEYS_CA_FILE say."""
        variables = os.environ if environment is None else environment
        named_file = variables.get("LLMKEYS_CA_FILE")
        return cls(
            credential=credential or variables.get("LLMKEYS_CREDENTIAL", ""),
            unsealer=unsealer or variables.get("LLMKEYS_UNSEALER", ""),
            authorities="" if authorities_file else variables.get("LLMKEYS_CA", ""),
            authorities_file=authorities_file or (Path(named_file) if named_file else None),
            envelope=envelope or ENVELOPE_FILE,
            token=token or TOKEN_FILE,
            identity=identity,
        )

    def service(self) -> Unsealer:
        """The service that these settings name.

        Raises:
            SettingsInvalidError: one is missing or wrong.

        """
        if not self.credential:
            raise SettingsInvalidError("Name the LLMCredential: set LLMKEYS_CREDENTIAL, or give --credential.")
        host, port = _host_and_port(self.unsealer)
        return Unsealer(host, port, self._authorities())

    def _authorities(self) -> str:
        if self.authorities:
            return self.authorities
        if self.authorities_file is None:
            raise SettingsInvalidError(
                "By which CA is the unsealer known? Set LLMKEYS_CA or LLMKEYS_CA_FILE to the credential's "
                "status.unsealer.caBundle, or give --ca."
            )
        try:
            return self.authorities_file.read_text(encoding="ascii")
        except (OSError, ValueError):
            raise SettingsInvalidError(f"{self.authorities_file} is no readable file of certificates in PEM.") from None


def _host_and_port(address: str) -> tuple[str, int]:
    if not address:
        raise SettingsInvalidError(
            "Where is the unsealer? Set LLMKEYS_UNSEALER to the credential's status.unsealer.address, "
            "or give --unsealer."
        )
    try:
        parsed = urlsplit(address)
        host, port = parsed.hostname, parsed.port or _HTTPS_PORT
    except ValueError:
        host, port, parsed = None, 0, urlsplit("")
    bare = parsed.path in {"", "/"} and not parsed.query and not parsed.fragment and "@" not in parsed.netloc
    if parsed.scheme != "https" or not host or not bare:
        raise SettingsInvalidError("The unsealer's address must be https://HOST or https://HOST:PORT.")
    return host, port
