"""A file for each value, in the kubelet's layout: names are links through `..data`, which is swapped in one step."""

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from llmkeys.client.errors import NotExpressibleError, OutputFailedError
from llmkeys.client.files import alone_in, reported, write_new

_DATA: Final = "..data"
_DATA_NEW: Final = "..data_new"
_GENERATION: Final = "..llmkeys-"
# As keys of a Secret; what begins with two dots belongs to the layout.
_NAME: Final = re.compile(r"(?!\.\.|\.$)[-._A-Za-z0-9]{1,253}")


def read_folder(path: Path) -> dict[str, bytes]:
    """All files of one delivery.

    Args:
        path: of a folder as `FolderOfFiles` writes it.

    Raises:
        OSError: there is none, or it cannot be read.

    """
    data = os.open(path / _DATA, os.O_RDONLY | os.O_DIRECTORY)
    try:
        return {name: _read(name, data) for name in sorted(os.listdir(data))}  # noqa: PTH208  a descriptor, no path
    finally:
        os.close(data)


def _read(name: str, folder: int) -> bytes:
    with open(name, "rb", opener=lambda path, flags: os.open(path, flags, dir_fd=folder)) as file:
        return file.read()


@dataclass(frozen=True, slots=True)
class FolderOfFiles:
    """Every value in a file of its own. What else lies in the folder is left alone.

    Args:
        path: of the folder; it is made if need be.
        mode: permissions of the files, such as 0o440.

    """

    path: Path
    mode: int

    def write(self, content: Mapping[str, bytes]) -> None:
        """Replace all files at once; those of names that are gone are removed.

        Raises:
            NotExpressibleError: a name is no file's.
            OutputFullError: the volume is full.
            OutputFailedError: it cannot be written there, or something else has the name.

        """
        for name in content:
            if not _NAME.fullmatch(name):
                raise NotExpressibleError("A name in the envelope cannot be a file's. Use --format json.")
        with reported(self.path), alone_in(self.path):
            self._refuse_taken(content)
            self._sweep()
            self._swap(content)
            self._remove_links(keep=content)
            self._sweep()

    def remove(self) -> None:
        """Leave nothing of ours; all names stop to resolve in the first step."""
        if not self.path.is_dir():
            return
        with reported(self.path), alone_in(self.path):
            if self._generation():
                (self.path / _DATA).unlink()
            self._remove_links(keep=())
            self._sweep()

    def exists(self) -> bool:
        """Whether it was written."""
        return bool(self._generation()) and (self.path / _DATA).is_dir()

    def _swap(self, content: Mapping[str, bytes]) -> None:
        generation = self.path / f"{_GENERATION}{os.urandom(8).hex()}"
        added: list[Path] = []
        try:
            self._write_generation(generation, content)
            (self.path / _DATA_NEW).symlink_to(generation.name)
            # Before the swap: once it has happened, nothing that may fail for want of space is left to do.
            for name in content:
                link = self.path / name
                if not link.is_symlink():
                    link.symlink_to(f"{_DATA}/{name}")
                    added.append(link)
            (self.path / _DATA_NEW).replace(self.path / _DATA)
        except BaseException:
            if self._generation() != generation.name:
                for link in added:
                    link.unlink(missing_ok=True)
                self._sweep()
            raise

    def _write_generation(self, generation: Path, content: Mapping[str, bytes]) -> None:
        generation.mkdir(mode=0o700)
        for name, value in content.items():
            write_new(generation / name, value, self.mode)
        # Whoever may read the files may enter, and nobody else.
        generation.chmod(0o700 | (self.mode & 0o044) | (self.mode & 0o044) >> 2)

    def _refuse_taken(self, names: Iterable[str]) -> None:
        data = self.path / _DATA
        if data.is_symlink() and not self._generation():
            raise OutputFailedError(f"{self.path} is the kubelet's or another program's. Choose another folder.")
        for name in (_DATA, *names):
            path = self.path / name
            if os.path.lexists(path) and name != _DATA and not self._is_link(path):
                raise OutputFailedError(f"{path} is there already, and not from llmkeys. Choose another folder.")

    def _generation(self) -> str:
        """Name of the folder that `..data` leads to; empty if it is not ours."""
        try:
            target = (self.path / _DATA).readlink().name
        except OSError:
            return ""
        return target if target.startswith(_GENERATION) else ""

    @staticmethod
    def _is_link(path: Path) -> bool:
        try:
            return path.readlink() == Path(_DATA, path.name)
        except OSError:
            return False

    def _remove_links(self, keep: Iterable[str]) -> None:
        kept = set(keep)
        for path in list(self.path.iterdir()):
            if path.name not in kept and self._is_link(path):
                path.unlink()

    def _sweep(self) -> None:
        """Remove generations that nothing leads to, those of a writer that was killed too."""
        (self.path / _DATA_NEW).unlink(missing_ok=True)
        current = self._generation()
        for path in list(self.path.iterdir()):
            if path.name.startswith(_GENERATION) and path.name != current:
                for file in list(path.iterdir()):
                    file.unlink()
                path.rmdir()
