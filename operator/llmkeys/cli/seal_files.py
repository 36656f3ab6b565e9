"""Text files read and written so that no byte changes on the way, and nobody ever sees half a file."""

import os
import stat
import tempfile
from pathlib import Path
from typing import Final

from llmkeys.api.errors import UserError

_LARGEST: Final = 16 * 1024 * 1024
_NEW_FILE: Final = 0o600


class NoTextError(UserError):
    """A file holds no UTF-8, or is no manifest by its size."""


def read_text(path: Path) -> str:
    """The text of a file, with line ends and byte order mark as they are.

    Raises:
        NoTextError: it is none.
        OSError: it cannot be read.

    """
    with path.open("rb") as file:
        content = file.read(_LARGEST + 1)
    if len(content) > _LARGEST:
        raise NoTextError(f"{path}: over 16 MiB, which no manifest is.")
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise NoTextError(f"{path}: no text in UTF-8.") from None


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file, or make it: whoever reads it sees the old content or the new.

    Args:
        path: of the file; a link stays one. A file that is there keeps its mode, a new one is its owner's alone.
        content: all of it; never a key in clear.

    Raises:
        OSError: it cannot be written; the old file stays.

    """
    file = path.resolve()
    mode = stat.S_IMODE(file.stat().st_mode) if file.exists() else _NEW_FILE
    handle, name = tempfile.mkstemp(prefix=f".{file.name}.", dir=file.parent)
    try:
        with os.fdopen(handle, "wb") as beside:
            beside.write(content)
            beside.flush()
            os.fsync(beside.fileno())
        Path(name).chmod(mode)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
