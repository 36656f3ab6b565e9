"""Renders the templates of examples/demo/: plain `${NAME}` placeholders, each replaced by a quoted YAML string."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tests.support.cluster_install import ROOT
from tests.support.demo_scenes import TYPES
from tests.support.simulator.remote import RemoteSimulator

TEMPLATES: Final = ROOT / "examples" / "demo"

_PLACEHOLDER: Final = re.compile(r"\$\{([A-Z_]+)\}")


class UnknownPlaceholderError(ValueError):
    """A template asks for something that the demo does not have."""


def values_of(simulator: RemoteSimulator) -> dict[str, str]:
    """Return what the placeholders stand for."""
    return {"CA": simulator.ca_pem, **{url_placeholder(kind): simulator.url(kind) for kind in TYPES}}


def url_placeholder(kind: str) -> str:
    """What stands for the address of a type's server."""
    return f"{kind.upper().replace('-', '_')}_URL"


def render(template: str, values: Mapping[str, str]) -> str:
    """Fill in the placeholders.

    Raises:
        UnknownPlaceholderError: one of them is not among the values.

    """

    def quoted(match: re.Match[str]) -> str:
        name = match.group(1)
        if name not in values:
            raise UnknownPlaceholderError(f"there is no value for ${{{name}}}")
        # A JSON string is a YAML string, line breaks and all.
        return json.dumps(values[name])

    return _PLACEHOLDER.sub(quoted, template)


def render_folder(
    values: Mapping[str, str], target: Path, templates: Path = TEMPLATES, pattern: str = "*.yaml"
) -> list[Path]:
    """Render the templates of a pattern, sub-folders included, into a folder, and return the files written."""
    written = []
    for template in sorted(templates.rglob(pattern)):
        file = target / template.relative_to(templates)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(render(template.read_text(encoding="utf-8"), values), encoding="utf-8")
        written.append(file)
    return written
