"""`llmkeys inject`: the lines by which pods get their credentials, written into manifests."""

import sys
from pathlib import Path
from typing import Any, Final

import click

from llmkeys import __version__
from llmkeys.api.errors import LlmkeysError
from llmkeys.cli.check_arguments import RefusingKeys
from llmkeys.cli.inject_options import Options
from llmkeys.cli.inject_run import run

_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(cls=RefusingKeys)
@click.option(
    "-f",
    "--filename",
    "sources",
    multiple=True,
    required=True,
    metavar="FILE|DIR|-",
    type=click.Path(exists=True, allow_dash=True),
    help="Manifests; of a folder all *.yaml, *.yml and *.json, those below it too. Repeatable.",
)
@click.option("-n", "--namespace", default="", help="Of manifests that name none.")
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=_FILE,
    help="Do not ask the cluster, but this: the output of kubectl get llmc -o yaml. Repeatable.",
)
@click.option(
    "--credential",
    "credentials",
    multiple=True,
    metavar="NAME",
    help="For pods without annotation llmkeys.dev/credentials: this one, and wait for it. Repeatable, the first wins.",
)
@click.option(
    "--variables/--files",
    "variables",
    default=True,
    help="Variables from files (Kubernetes 1.35 or later, the default), or the files alone.",
)
@click.option("--follow", is_flag=True, help="For pods without annotation llmkeys.dev/follow: a sidecar that goes on.")
@click.option(
    "--image", help=f"Of the init container (default: the one that stands there, else llmkeys:{__version__})."
)
@click.option(
    "--image-pull-policy",
    "pull_policy",
    type=click.Choice(["Always", "IfNotPresent", "Never"]),
    help="Of that image (default: what stands there, else IfNotPresent).",
)
@click.option("--in-place", is_flag=True, help="Write the files, instead of printing.")
@click.option(
    "--check", is_flag=True, help="Write nothing, say what would change, and exit with 3 if anything; for CI."
)
@click.option("--diff", is_flag=True, help="Print what changes as a diff, instead of the manifests.")
def command(**given: Any) -> None:
    """Write into manifests what the admission policy adds to pods, for clusters without it.

    A pod, or a template of one, that is labelled llmkeys.dev/inject: "true" gets volumes, an init container and
    variables (or files). Every other byte stays as it is: comments, order, quotes. Names, address and certificates are
    those in the status of the LLMCredentials. Run it again when these change: it changes its own lines alone, and what
    somebody set stays.

    \b
    llmkeys inject -f deployment.yaml -n team-a | kubectl apply -f -
    llmkeys inject -f manifests/ --in-place
    helm template chat | llmkeys inject -f - -n team-a --files
    kubectl get llmc -n team-a -o yaml > credentials.yaml
    llmkeys inject -f manifests/ --status credentials.yaml --check --diff

    Exits with 0; with 3 if --check found something to change; with 1 if a manifest cannot be read or changed, or a
    credential not be given; with 2 if the command line is wrong.
    """  # noqa: D301  click wants the backspace itself
    options = Options(**given)
    if options.in_place and options.check:
        raise click.UsageError("--check writes nothing: leave --in-place out.")
    if options.in_place and "-" in options.sources:
        raise click.UsageError("Standard input cannot be written in place.")
    try:
        sys.exit(run(options))
    except LlmkeysError as error:
        raise click.ClickException(str(error)) from None
