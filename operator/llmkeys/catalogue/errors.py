"""What can be wrong with the catalogue, or with what was asked of it."""

from dataclasses import dataclass

from llmkeys.api.errors import PlatformError


@dataclass(frozen=True, slots=True)
class Fault:
    """A mistake in one file; the other files still load.

    Args:
        file: name of the file.
        field: dotted path in it, empty for the file as a whole.
        line: counted from 1, 0 if not known.
        message: what is wrong.

    """

    file: str
    field: str
    line: int
    message: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.field}: {self.message}" if self.field else f"{place}: {self.message}"


class CatalogueError(PlatformError):
    """A file that everything depends on cannot be read: the default rules, or the rules of redaction."""


class UnknownProviderTypeError(PlatformError):
    """No provider has that id, name or alias.

    Args:
        name: what was asked for.
        nearest: three ids that look most like it.

    """

    def __init__(self, name: str, nearest: tuple[str, ...]) -> None:
        super().__init__(f"There is no provider type {name[:63]!r}. The nearest are: {', '.join(nearest)}.")
        self.name = name
        self.nearest = nearest
