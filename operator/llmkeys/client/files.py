"""Files in a memory volume, written so that a reader sees all of the old or all of the new, and a full disk neither."""

import errno
import fcntl
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from llmkeys.client.errors import OutputFailedError, OutputFullError

_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_PRIVATE: Final = 0o600


@dataclass(frozen=True, slots=True)
class OneFile:
    """All values in one file.

    Args:
        path: of the file; its folder is made if need be.
        mode: permissions, such as 0o440.
        render: the file's content.

    """

    path: Path
    mode: int
    render: Callable[[Mapping[str, bytes]], bytes]

    def write(self, content: Mapping[str, bytes]) -> None:
        """Replace the file.

        Raises:
            NotExpressibleError: from `render`.
            OutputFullError: the volume is full.
            OutputFailedError: it cannot be written there.

        """
        rendered = self.render(content)
        with reported(self.path), alone_in(self.path.parent):
            fresh = self.path.with_name(f"..{self.path.name}.new")
            fresh.unlink(missing_ok=True)
            try:
                write_new(fresh, rendered, self.mode)
                fresh.replace(self.path)
            except BaseException:
                fresh.unlink(missing_ok=True)
                raise

    def remove(self) -> None:
        """Leave nothing."""
        with reported(self.path):
            self.path.unlink(missing_ok=True)

    def exists(self) -> bool:
        """Whether it was written."""
        return self.path.is_file()


@contextmanager
def reported(path: Path) -> Iterator[None]:
    """Errors of the system as ours.

    Raises:
        OutputFullError: the volume is full.
        OutputFailedError: anything else.

    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise OutputFullError(
                f"{path} is not written: the volume is full. Raise its sizeLimit, or the memory limit of the container."
            ) from None
        raise OutputFailedError(f"{path} cannot be written: {error.strerror}.") from None


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, so that whatever is half-written there was left by somebody who is gone."""
    folder.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def write_new(path: Path, content: bytes, mode: int) -> None:
    """Write a file that must not exist yet; nobody else can read it before it is complete.

    Raises:
        OSError: it exists, or cannot be written.

    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, _PRIVATE)
    with open(descriptor, "wb") as file:  # noqa: PTH123  a descriptor, no path
        file.write(content)
        file.flush()
        os.fchmod(descriptor, mode)
