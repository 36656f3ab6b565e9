"""`llmkeys`: a group of commands, each imported only when it is called."""

from typing import Final

import click

from llmkeys import __version__
from llmkeys.cli.lazy import LazyGroup

_COMMANDS: Final = {
    "providers": "Which providers there are, how to get a key there, and what proves one.",
    "check": "Prove a key from here, without a cluster.",
    "explain": "What a reply of a provider means.",
    "status": "How the providers and credentials of a cluster are.",
    "doctor": "What this cluster offers to pods, what is missing, and why a pod has no key.",
    "inject": "Write the lines by which pods get their credentials into manifests.",
    "seal": "Seal a key for a place, with the operator's public key; renew and check sealed values.",
    "manifest": "Print manifests to start from.",
    "bootstrap": "Create providers and credentials once, from a template of RAGFlow's or another shape.",
    "keys": "The operator's own keys: list, rotate, retire, compromise, back up, restore.",
    "usage": "Who has envelopes opened.",
    "unseal": "In a pod: have an envelope opened and write what it holds.",
    "exec": "In a pod: run a command with the opened variables in its environment.",
    "controller": "Run the operator against $KUBECONFIG, else the pod's own account.",
    "unsealer": "Run the service that opens envelopes for pods.",
}


@click.group(
    cls=LazyGroup, listed=_COMMANDS, prefix="llmkeys.cli.", context_settings={"help_option_names": ["-h", "--help"]}
)
@click.version_option(__version__, prog_name="llmkeys")
def main() -> None:
    """Prove LLM API keys against their providers and deliver the good ones to workloads."""
