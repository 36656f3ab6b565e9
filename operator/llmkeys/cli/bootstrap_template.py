"""Reads a template on a person's machine, with the variables that are set there, and plans what it asks for."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from llmkeys.api.errors import PlatformError
from llmkeys.api.names import VARIABLE_PREFIX
from llmkeys.bootstrap.handed_over import variables_in
from llmkeys.bootstrap.read import read_template
from llmkeys.bootstrap.template import Template, TemplateInvalidError
from llmkeys.bootstrap.variables import Variables
from llmkeys.catalogue.lookup import Catalogue

_LARGEST: Final = 16 * 1024 * 1024  # bytes; more than is taken, so that a file that is too large is told its size
_REMEDY: Final = (
    f"Put a line {{name}}=... into a file and name it with --vars FILE, or set {VARIABLE_PREFIX}{{name}} "
    "in the environment."
)
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class VariablesMalformedError(PlatformError):
    """A file of variables cannot be read; the text names file and line and never a value."""


class FileInvalidError(PlatformError):
    """The template cannot be used; the text names file, line and remedy."""


def template_in(file: Path, variables: Mapping[str, str], catalogue: Catalogue) -> Template:
    """What a file asks for.

    Args:
        file: of any known shape.
        variables: that it may use, by name.
        catalogue: knows the providers.

    Raises:
        FileInvalidError: it cannot be used.
        OSError: it cannot be read.

    """
    with file.open("rb") as opened:
        text = opened.read(_LARGEST)
    try:
        return read_template(text, Variables(variables, remedy=_REMEDY), catalogue)
    except TemplateInvalidError as error:
        raise FileInvalidError("\n".join(f"{file}: {line}" for line in str(error).splitlines())) from None


def variables_of(file: Path | None, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The variables that a template may use: those of a file, then the environment's that begin with `LLMKEYS_VAR_`.

    Args:
        file: lines `NAME=value`; a value is taken as it stands, to the end of its line.
        environment: of the process.

    Raises:
        VariablesMalformedError: the file is not so.
        OSError: it cannot be read.

    """
    return variables_in(environment) | (_read(file) if file is not None else {})


def _read(file: Path) -> dict[str, str]:
    try:
        lines = file.read_text(encoding="utf-8").split("\n")
    except UnicodeDecodeError:
        raise VariablesMalformedError(f"{file}: no text in UTF-8.") from None
    found: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        name, equals, value = line.removesuffix("\r").partition("=")
        if not equals or not _NAME.fullmatch(name):
            raise VariablesMalformedError(f"{file}: line {number} is not NAME=value.")
        if name in found:
            raise VariablesMalformedError(f"{file}: line {number} sets {name} again. Leave one of the two.")
        found[name] = value
    return found
