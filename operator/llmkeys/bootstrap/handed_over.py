"""What the input Secret holds: one template, and variables that it may use."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from llmkeys.api.names import BOOTSTRAP_INPUTS, BOOTSTRAP_SECRET, VARIABLE_PREFIX
from llmkeys.bootstrap.read import read_sealed, read_template
from llmkeys.bootstrap.template import Place, Template, TemplateInvalidError
from llmkeys.bootstrap.variables import Variables
from llmkeys.catalogue.lookup import Catalogue

_REMEDY: Final = (
    f"Give the Secret {BOOTSTRAP_SECRET} a key {{name}}, or set {VARIABLE_PREFIX}{{name}} "
    "in the controller's environment."
)

SEALED: Final = BOOTSTRAP_INPUTS[-1]
"""The key of a template that was planned, and its keys sealed, before it was handed over."""


@dataclass(frozen=True, slots=True)
class HandedOver:
    """A template that is to be read.

    Args:
        entry: key of the Secret that held it.
        text: of the template.
        variables: by name; the Secret's win over the environment's.

    """

    entry: str
    text: bytes = field(repr=False)
    variables: Mapping[str, str] = field(repr=False)

    def read(self, catalogue: Catalogue) -> Template:
        """What it asks for.

        Raises:
            TemplateInvalidError: it cannot be used.

        """
        if self.entry == SEALED:
            return read_sealed(self.text, catalogue)
        return read_template(self.text, Variables(self.variables, remedy=_REMEDY), catalogue)


def handed_over(data: Mapping[str, bytes], environment: Mapping[str, str]) -> HandedOver:
    """The template in the Secret's data.

    Args:
        data: decoded values.
        environment: of the process; names that begin with `LLMKEYS_VAR_` are variables.

    Raises:
        TemplateInvalidError: there is not exactly one template.

    """
    entries = [name for name in BOOTSTRAP_INPUTS if name in data]
    if not entries:
        raise TemplateInvalidError(
            Place(), f"Secret {BOOTSTRAP_SECRET} holds none. Put it under the key {BOOTSTRAP_INPUTS[0]}."
        )
    if len(entries) > 1:
        raise TemplateInvalidError(
            Place(), f"Secret {BOOTSTRAP_SECRET} holds several: {', '.join(entries)}. Leave one of these keys in it."
        )
    entry = entries[0]
    return HandedOver(entry, data[entry], _variables(data, environment))


def variables_in(environment: Mapping[str, str]) -> dict[str, str]:
    """Those of the environment's variables that a template may use: their names begin with `LLMKEYS_VAR_`."""
    return {
        name.removeprefix(VARIABLE_PREFIX): value
        for name, value in environment.items()
        if name.startswith(VARIABLE_PREFIX)
    }


def _variables(data: Mapping[str, bytes], environment: Mapping[str, str]) -> dict[str, str]:
    found = variables_in(environment)
    for name, value in data.items():
        if name not in BOOTSTRAP_INPUTS:
            try:
                found[name] = value.decode()
            except UnicodeDecodeError:
                found.pop(name, None)  # bytes are no variable: one that needs it is told that it is unset
    return found
