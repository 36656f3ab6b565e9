"""`llmkeys keys`: the operator's own keys, with the rights of whoever runs it."""

import importlib
from typing import Final

import click

_COMMANDS: Final = {
    "list": "Show the keys, their states, and how many credentials need each.",
    "rotate": "Give a ring a new active key; the one before it still opens.",
    "retire": "Throw a key away that nothing needs any more.",
    "compromise": "Seal nothing more with a key that somebody else may have, and list what must be replaced.",
    "backup": "Write all keys into an encrypted file.",
    "restore": "Bring the keys of a backup back.",
    "generate": "Make a key pair for a recipient, offline.",
}


class _Lazy(click.Group):
    """Imports a command's module only when it is run: `generate` works where nothing of Kubernetes is installed."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        try:
            module = importlib.import_module(f"llmkeys.cli.keys_{name}")
        except ModuleNotFoundError as error:
            raise click.ClickException(
                f"`llmkeys keys {name}` talks to the API server and needs more packages, among them {error.name}: "
                "pip install 'llmkeys[controller]'"
            ) from None
        command = module.command
        if not isinstance(command, click.Command):
            raise TypeError(f"llmkeys.cli.keys_{name}.command is not a command")
        return command

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Lazy)
def command() -> None:
    """The operator's own keys: rings for sealing, envelopes and MACs, and the unsealer's certificate authority.

    Exit codes: 0 done, 1 failed or refused (the text says why), 2 wrong use, 3 the key is still needed.
    """
