"""`llmkeys`: a group of commands, each imported only when it is called."""

import importlib
from typing import Final

import click

from llmkeys import __version__

_COMMANDS: Final = {"controller": "Run the operator against $KUBECONFIG, else the pod's own account."}


class _Lazy(click.Group):
    """Imports a command's module only when the command is run, so that a small one starts fast."""

    def list_commands(self, _context: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, _context: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        module = importlib.import_module(f"llmkeys.cli.{name}")
        command = module.command
        if not isinstance(command, click.Command):
            raise TypeError(f"llmkeys.cli.{name}.command is not a command")
        return command

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="llmkeys")
def main() -> None:
    """Prove LLM API keys against their providers and deliver the good ones to workloads."""
