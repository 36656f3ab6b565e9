"""`llmkeys doctor`: what a cluster offers to pods, what is missing, and why a pod has no key."""

import sys

import click

from llmkeys.api.errors import LlmkeysError
from llmkeys.cli.output import with_every_output


@click.command()
@click.option("-n", "--namespace", default="", help="Look at the credentials of this namespace, too.")
@click.option("--pod", default="", metavar="NAME", help="With -n: a pod, or the workload that was to create it.")
@click.option(
    "--operator-namespace", default="", metavar="NAME", help="Default: where the CRDs say, else llmkeys-system."
)
@with_every_output
def command(namespace: str, pod: str, operator_namespace: str, output: str) -> None:
    """Say in which way this cluster gives pods their keys, what is missing, and which command helps.

    \b
    llmkeys doctor
    llmkeys doctor -n team-a
    llmkeys doctor -n team-a --pod chat-7d9f8c6b5-x2x4z
    llmkeys doctor -n team-a --pod chat

    It asks with your own rights, reads, and creates pods on trial only (dry run); what you may not see is said to be
    unseen. No Secret is read.

    Exits with 0 if nothing is wrong, as far as it could be seen; with 3 if something is; with 1 if the API server
    cannot be asked, or there is no such namespace; with 2 if the command line is wrong.
    """  # noqa: D301  click wants the backspace itself
    if pod and not namespace:
        raise click.UsageError("Name the pod's namespace (-n).")
    try:
        from llmkeys.cli import doctor_run  # noqa: PLC0415  the client takes longer to import than all the rest
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"`llmkeys doctor` talks to the API server and needs more packages, among them {error.name}: "
            "pip install 'llmkeys[controller]'"
        ) from None
    try:
        sys.exit(doctor_run.run(namespace, pod, operator_namespace, output))
    except LlmkeysError as error:
        raise click.ClickException(str(error)) from None
