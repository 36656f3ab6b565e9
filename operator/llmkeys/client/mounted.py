"""What the kubelet mounts: the envelope, which may come late and change, and the token, which rotates."""

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from llmkeys.client.clock import Clock
from llmkeys.client.errors import EnvelopeMissingError, EnvelopeRefusedError, SettingsInvalidError, TokenMissingError

MAX_ENVELOPE: Final = 2 * 1024 * 1024
MAX_TOKEN: Final = 16 * 1024
_LOOK_SECONDS: Final = 0.25


@dataclass(frozen=True, slots=True)
class Version:
    """Tells one mounted file from the next; the kubelet swaps a link, so that another file has another inode."""

    device: int
    inode: int
    modified: int
    size: int


def version_of(path: Path) -> Version | None:
    """The version that is there now; None without a file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return Version(found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)


def read_envelope(path: Path) -> str:
    """The mounted text.

    Raises:
        EnvelopeMissingError: there is none, or it is empty.
        EnvelopeRefusedError: it is far too long, or no text.
        SettingsInvalidError: the file is there, but not for us.

    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_ENVELOPE + 1)
    except (FileNotFoundError, NotADirectoryError):
        raise EnvelopeMissingError(_missing(path)) from None
    except OSError as error:
        raise SettingsInvalidError(f"{path} cannot be read: {error.strerror}.") from None
    if len(content) > MAX_ENVELOPE or not content.isascii():
        raise EnvelopeRefusedError(f"{path} holds no envelope. Mount the key 'envelope' of the generated Secret there.")
    if not (text := content.decode("ascii").strip()):
        raise EnvelopeMissingError(_missing(path))
    return text


def wait_for_envelope(path: Path, seconds: float, clock: Clock) -> None:
    """Return as soon as an envelope is mounted.

    Raises:
        EnvelopeMissingError: none is after that many seconds.
        SettingsInvalidError: the file cannot be read.

    """
    ends = clock.now() + seconds
    while True:
        try:
            read_envelope(path)
        except EnvelopeMissingError:
            if clock.now() >= ends:
                raise
        except EnvelopeRefusedError:
            return  # there is something; the one who opens it says what is wrong
        else:
            return
        clock.sleep(_LOOK_SECONDS)


def read_token(path: Path) -> str:
    """The token of this moment.

    Raises:
        TokenMissingError: there is none that could be shown.

    """
    try:
        with path.open("rb") as file:
            content = file.read(MAX_TOKEN + 1).strip()
    except OSError as error:
        raise TokenMissingError(f"There is no token at {path} ({error.strerror}). {_PROJECT}") from None
    if not content or len(content) > MAX_TOKEN or not all(0x20 < byte < 0x7F for byte in content):  # noqa: PLR2004
        raise TokenMissingError(f"What is at {path} is no token. {_PROJECT}")
    return content.decode("ascii")


def service_account_of(token: str) -> str:
    """Name of the account that a token says it is of, nothing being verified; empty if it does not say."""
    try:
        payload = token.split(".")[1]
        claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        name = claims["kubernetes.io"]["serviceaccount"]["name"]
    except (ValueError, LookupError, TypeError, RecursionError):
        return ""
    return name if isinstance(name, str) and name.isprintable() else ""


_PROJECT: Final = "Mount a projected serviceAccountToken with audience llmkeys.dev there."


def _missing(path: Path) -> str:
    return (
        f"There is no envelope at {path}. Mount the Secret that the LLMCredential's status.secretName names; "
        "it is empty while no key is proven or the credential is withdrawn, which its conditions explain."
    )
