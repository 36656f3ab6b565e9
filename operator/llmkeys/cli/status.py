"""`llmkeys status`: how the providers and credentials of a cluster are, or one credential's whole story."""

import sys

import click

from llmkeys.api.errors import LlmkeysError
from llmkeys.cli.check_arguments import RefusingKeys
from llmkeys.cli.output import with_every_output


@click.command(cls=RefusingKeys)
@click.argument("credential", metavar="[NAMESPACE/NAME]", required=False)
@click.option("-n", "--namespace", default="", help="Of the credentials (default: all namespaces).")
@click.option("--watch", is_flag=True, help="Print every change, until interrupted.")
@with_every_output
def command(credential: str | None, namespace: str, output: str, *, watch: bool) -> None:
    """Show how all LLMProviders and LLMCredentials are, or the whole story of one LLMCredential.

    \b
    llmkeys status
    llmkeys status team-a/openai
    llmkeys status -n team-a --watch
    kubectl llmkeys status -n team-a -o json

    What counts is the state of the present spec: a credential whose spec was changed a moment ago is not ready until
    the operator has looked at it.

    Exits with 0 if all that is shown is ready; with 3 if something is not; with 1 if it cannot be read, or is not
    there; with 2 if the command line is wrong. With --watch the code is that of the last state.
    """  # noqa: D301  click wants the backspace itself
    space, name = _place(credential, namespace)
    try:
        from llmkeys.cli import status_run  # noqa: PLC0415  the client takes longer to import than all the rest
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"`llmkeys status` talks to the API server and needs more packages, among them {error.name}: "
            "pip install 'llmkeys[controller]'"
        ) from None
    try:
        sys.exit(status_run.run(space, name, output, watch=watch))
    except LlmkeysError as error:
        raise click.ClickException(str(error)) from None


def _place(credential: str | None, namespace: str) -> tuple[str, str]:
    """Namespace and name; a name alone needs `--namespace`."""
    if credential is None:
        return namespace, ""
    space, slash, name = credential.rpartition("/")
    if slash and namespace and namespace != space:
        raise click.UsageError("NAMESPACE/NAME is in another namespace than --namespace.")
    space = space or namespace
    if not space or not name or "/" in space:
        raise click.UsageError("Name the credential as NAMESPACE/NAME, or give --namespace.")
    return space, name
