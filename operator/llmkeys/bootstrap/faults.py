"""Several things that are wrong with a template, told at once: who corrects one has not to come back for the next."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from llmkeys.api.errors import PlatformError
from llmkeys.bootstrap.template import TemplateInvalidError

_MOST_TOLD: Final = 20


class TemplateFaultsError(TemplateInvalidError):
    """Several parts of a template cannot be used; its text is a line for each.

    Args:
        faults: at least one, in any order; told by place, and no more than twenty of them.

    """

    def __init__(self, faults: Sequence[TemplateInvalidError]) -> None:
        self.faults = tuple(sorted(faults, key=lambda one: one.place))
        lines = [str(one) for one in self.faults[:_MOST_TOLD]]
        if len(self.faults) > _MOST_TOLD:
            lines.append(f"and {len(self.faults) - _MOST_TOLD} more.")
        PlatformError.__init__(self, "\n".join(lines))
        self.place = self.faults[0].place


class Faults:
    """What was found to be wrong so far."""

    def __init__(self) -> None:
        self._found: list[TemplateInvalidError] = []

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """Read one part: what is wrong with it is kept, and the parts behind it are read all the same."""
        try:
            yield
        except TemplateInvalidError as error:
            self._found.append(error)

    def require_none(self) -> None:
        """Raise what was found, if anything was.

        Raises:
            TemplateInvalidError: one thing is wrong; TemplateFaultsError if there are more.

        """
        if len(self._found) == 1:
            raise self._found[0]
        if self._found:
            raise TemplateFaultsError(self._found)
