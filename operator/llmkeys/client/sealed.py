"""What the kubelet mounts for several credentials: a folder with an envelope of each, and one token for all."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from llmkeys.client.errors import EnvelopeMissingError, EnvelopeRefusedError, SettingsInvalidError
from llmkeys.client.mounted import read_envelope
from llmkeys.client.settings import Settings

SEALED_FOLDER: Final = Path("/var/run/llmkeys/sealed")
ENVELOPES: Final = "envelopes"
TOKEN: Final = "token"  # noqa: S105  a file's name
# RFC 1123 subdomain, as names of objects are; the kubelet's own links, which begin with two dots, are none.
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LONGEST_NAME: Final = 253


def is_credential_name(name: str) -> bool:
    """Whether an LLMCredential can have that name."""
    return len(name) <= _LONGEST_NAME and _NAME.fullmatch(name) is not None


@dataclass(frozen=True, slots=True)
class Sealed:
    """The mounted envelopes; a file's name is its credential's.

    Args:
        folder: has `envelopes` in it.
        common: what holds for each of them.

    """

    folder: Path
    common: Settings

    def names(self) -> tuple[str, ...]:
        """Credentials of which there is a file, in the order of their names.

        Raises:
            SettingsInvalidError: the folder is there, but not for us.

        """
        envelopes = self.folder / ENVELOPES
        try:
            found = [path.name for path in envelopes.iterdir()]
        except (FileNotFoundError, NotADirectoryError):
            return ()
        except OSError as error:
            raise SettingsInvalidError(f"{envelopes} cannot be read: {error.strerror}.") from None
        return tuple(sorted(filter(is_credential_name, found)))

    def settings_of(self, name: str) -> Settings:
        """Where the things of one credential are."""
        return replace(self.common, credential=name, envelope=self.folder / ENVELOPES / name)

    def missing(self, required: tuple[str, ...]) -> EnvelopeMissingError | None:
        """Why it cannot begin yet: a required envelope is not there, or none at all; None if nothing is missing."""
        for name in required:
            try:
                read_envelope(self.settings_of(name).envelope)
            except EnvelopeMissingError as error:
                return EnvelopeMissingError(f"{name}: {error}")
            except EnvelopeRefusedError:
                pass  # there is something; the one who opens it says what is wrong
        if required or self.names():
            return None
        return EnvelopeMissingError(
            f"There is no envelope in {self.folder / ENVELOPES}. The pod's credentials deliver nothing now, which "
            "their conditions explain: kubectl describe llmcredentials"
        )
