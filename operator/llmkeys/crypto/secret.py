"""A secret is a type that cannot print itself."""

from typing import Final, NoReturn


class Secret:
    """Key material. It shows itself to nobody but `reveal()`: not to repr, str, format, pickle, copy or iteration.

    Equality is left to identity, so that no comparison of secrets outside `crypto.mac` can leak by timing.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value: Final = value

    def reveal(self) -> str:
        """The value itself. Callers are the request writer, the renderer and the MAC, and nobody else."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    def __str__(self) -> str:
        return "***"

    def __format__(self, _spec: str) -> str:
        return "***"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is never pickled or copied")
