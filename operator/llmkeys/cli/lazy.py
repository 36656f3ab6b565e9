"""A group of commands, each imported only when it is run: small ones start fast, and need nothing of the others."""

import importlib
from collections.abc import Mapping
from typing import Any

import click


class LazyGroup(click.Group):
    """Finds its commands as `command` in modules.

    Args:
        listed: name to the line that help shows.
        prefix: of the modules' names.
        more: of click's own.

    """

    def __init__(self, *, listed: Mapping[str, str], prefix: str, **more: Any) -> None:
        super().__init__(**more)
        self._listed = listed
        self._prefix = prefix

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(self._listed)

    def get_command(self, context: click.Context, name: str) -> click.Command | None:
        if name not in self._listed:
            return None
        try:
            command = importlib.import_module(self._prefix + name).command
        except ModuleNotFoundError as error:
            raise click.ClickException(
                f"`{context.command_path} {name}` needs more packages, among them {error.name}: "
                "pip install 'llmkeys[controller]'"
            ) from None
        if not isinstance(command, click.Command):
            raise TypeError(f"{self._prefix}{name}.command is not a command")
        return command

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(self._listed.items()))
