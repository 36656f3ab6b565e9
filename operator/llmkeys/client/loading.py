"""For workloads in Python: what a credential holds, from its envelope or from the files that were written of it."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from llmkeys.client.clock import Clock
from llmkeys.client.content import text_or_bytes
from llmkeys.client.errors import EnvelopeMissingError, SettingsInvalidError
from llmkeys.client.folder import read_folder
from llmkeys.client.opening import Limits, open_mounted
from llmkeys.client.settings import DEADLINE_SECONDS, WAIT_SECONDS, Settings

FILES_FOLDER: Final = Path("/var/run/llmkeys/files")


def load(
    credential: str | None = None,
    *,
    folder: str | Path | None = None,
    envelope: str | Path | None = None,
    token: str | Path | None = None,
    unsealer: str | None = None,
    ca_file: str | Path | None = None,
    identity: str | Path | None = None,
    wait: float = WAIT_SECONDS,
    deadline: float = DEADLINE_SECONDS,
) -> dict[str, str | bytes]:
    """What a credential holds, by name; bytes where a value is no UTF-8. It blocks; nothing is kept or written.

    In a pod that was given files (`llmkeys unseal --all`) these are read, as they are now: a call after a rotation
    gives the new values. Otherwise the mounted envelope is opened.

    Args:
        credential: name of the LLMCredential; LLMKEYS_CREDENTIAL if None.
        folder: with the files of all credentials; LLMKEYS_FILES, else /var/run/llmkeys/files, if None.
        envelope: the mounted file; /var/run/llmkeys/envelope/envelope if None.
        token: the mounted file; /var/run/llmkeys/token/token if None.
        unsealer: `https://host[:port]`; LLMKEYS_UNSEALER if None.
        ca_file: certificates in PEM; those in LLMKEYS_CA, else in the file that LLMKEYS_CA_FILE names, if None.
        identity: file with the private key, for deliveries to recipients.
        wait: seconds to wait for an envelope.
        deadline: seconds to go on trying once there is one.

    Raises:
        UnsealError: it was not opened, or has no files; the text says what to do.

    """
    settings = Settings.given(
        credential=credential,
        unsealer=unsealer,
        authorities_file=_path(ca_file),
        envelope=_path(envelope),
        token=_path(token),
        identity=_path(identity),
    )
    files = _path(folder) or _files_folder(settings.credential, opens_envelope=envelope is not None)
    if files is not None:
        content = _written(files, settings.credential)
    else:
        content = open_mounted(settings, Limits(wait, deadline), Clock()).content
    return {name: text_or_bytes(value) for name, value in content.items()}


def _files_folder(credential: str, *, opens_envelope: bool) -> Path | None:
    """Where files are, if nobody named a folder; None without any of that credential."""
    folder = Path(os.environ.get("LLMKEYS_FILES") or FILES_FOLDER)
    return None if opens_envelope or not credential or not (folder / credential).is_dir() else folder


def _written(folder: Path, credential: str) -> Mapping[str, bytes]:
    if not credential:
        raise SettingsInvalidError("Name the LLMCredential: load(NAME), or set LLMKEYS_CREDENTIAL.")
    try:
        return read_folder(folder / credential)
    except OSError as error:
        raise EnvelopeMissingError(
            f"There are no files of LLMCredential {credential} in {folder} ({error.strerror}). It delivers nothing "
            f"now, or is not mounted there: kubectl describe llmcredential {credential}"
        ) from None


def _path(given: str | Path | None) -> Path | None:
    return None if given is None else Path(given)
