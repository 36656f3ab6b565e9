"""`llmkeys`: a group of commands, each imported only when it is called."""

import importlib
from typing import Final

import click

from llmkeys import __version__

_COMMANDS: Final = {
    "providers": "Which providers there are, how to get a key there, and what proves one.",
    "check": "Prove a key from here, without a cluster.",
    "explain": "What a reply of a provider means.",
    "status": "How the providers and credentials of a cluster are.",
    "seal": "Seal a key for a place, with the operator's public key; renew and check sealed values.",
    "manifest": "Print manifests to start from.",
    "keys": "The operator's own keys: list, rotate, retire, compromise, back up, restore.",
    "usage": "Who has envelopes opened.",
    "unseal": "In a pod: have an envelope opened and write what it holds.",
    "exec": "In a pod: run a command with the opened variables in its environment.",
    "controller": "Run the operator against $KUBECONFIG, else the pod's own account.",
    "unsealer": "Run the service that opens envelopes for pods.",
}


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
