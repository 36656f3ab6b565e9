"""The catalogue's files as JSON, which is read many times faster than YAML.

Each entry holds the digest of the file that it was made from and is used for exactly that content: whoever edits a file
gets what they wrote, only slower. The loader checks what it finds here as it checks a YAML file.
"""

from hashlib import sha256
from importlib.resources.abc import Traversable
from typing import Any, Final

import msgspec
import yaml

NAME: Final = "compiled.jsonl"


class Entry(msgspec.Struct, frozen=True):
    """One file: a line of the compiled ones.

    Args:
        file: name of the file, without its folder.
        sha256: of its bytes, in hex.
        content: the document.

    """

    file: str
    sha256: str
    content: msgspec.Raw


_DECODER: Final = msgspec.json.Decoder(Entry)


class CompiledFiles:
    """What was compiled, by the name of the file."""

    def __init__(self, entries: list[Entry]) -> None:
        self._entries = {entry.file: entry for entry in entries}

    @classmethod
    def beside(cls, root: Traversable) -> "CompiledFiles":
        """Those of a catalogue's folder; none if they are not there or cannot be read."""
        try:
            return cls(_DECODER.decode_lines((root / NAME).read_bytes()))
        except (OSError, msgspec.DecodeError):
            return cls([])

    def of(self, file: str, content: bytes) -> msgspec.Raw | None:
        """A file's document as JSON, if exactly this content was compiled."""
        entry = self._entries.get(file)
        if entry is None or entry.sha256 != sha256(content).hexdigest():
            return None
        return entry.content


def compiled(root: Traversable) -> str:
    """The text of the compiled files of a folder, in the order of their names.

    Raises:
        yaml.YAMLError: a file is not YAML.

    """
    paths = [one for folder in (root, root / "providers") for one in folder.iterdir() if one.name.endswith(".yaml")]
    entries = (_entry(path) for path in sorted(paths, key=lambda path: path.name))
    return "".join(msgspec.json.encode(entry).decode() + "\n" for entry in entries)


def _entry(path: Traversable) -> Entry:
    content = path.read_bytes()
    document: Any = yaml.safe_load(content)
    return Entry(path.name, sha256(content).hexdigest(), msgspec.Raw(msgspec.json.encode(document)))
