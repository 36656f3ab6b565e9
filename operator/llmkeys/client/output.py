"""The three forms in which a workload may want its values."""

import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from llmkeys.client.content import plain
from llmkeys.client.files import OneFile
from llmkeys.client.folder import FolderOfFiles
from llmkeys.client.variables import env_file


class Form(StrEnum):
    """How values are written."""

    ENV = "env"
    FILES = "files"
    JSON = "json"


class Output(Protocol):
    """A place that values are written to; whoever reads there sees all of the old or all of the new."""

    def write(self, content: Mapping[str, bytes]) -> None: ...

    def remove(self) -> None: ...

    def exists(self) -> bool: ...


def output(form: Form, path: Path, mode: int) -> Output:
    """Where and how to write.

    Args:
        form: `files` for a folder with a file for each value, else one file.
        path: of that folder or file.
        mode: permissions of what is written.

    """
    match form:
        case Form.ENV:
            return OneFile(path, mode, env_file)
        case Form.JSON:
            return OneFile(path, mode, json_file)
        case Form.FILES:
            return FolderOfFiles(path, mode)


def json_file(content: Mapping[str, bytes]) -> bytes:
    """One object of all values, in the order of their names; what is no UTF-8 is `{"base64": ...}`."""
    return json.dumps(plain(content), indent=2, ensure_ascii=False).encode() + b"\n"
