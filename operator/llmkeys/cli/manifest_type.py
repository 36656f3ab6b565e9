"""`llmkeys manifest TYPE`: manifests of one provider type to start from."""

import click

from llmkeys.api.errors import LlmkeysError
from llmkeys.catalogue.loader import load
from llmkeys.cli.check_arguments import RefusingKeys
from llmkeys.cli.provider_type import type_named
from llmkeys.cli.seal_arguments import require_name
from llmkeys.explain.starter import Starter

_LONGEST_NAME = 63


@click.command(cls=RefusingKeys)
@click.argument("kind", metavar="")
@click.option("--name", default="", help="Of LLMProvider and LLMCredential (default: the type).")
@click.option("-n", "--namespace", default="default", show_default=True, help="Of Secret and LLMCredential.")
def command(kind: str, name: str, namespace: str) -> None:
    """Print an LLMProvider, a labelled source Secret with a placeholder, and an LLMCredential of TYPE.

    \b
    llmkeys manifest openai -n team-a > openai.yaml
    llmkeys manifest 通义千问 --name qwen | kubectl apply -f -

    Nothing is sent to the provider before the placeholder is replaced.

    Exits with 0; with 1 if the type is not known; with 2 if the command line is wrong.
    """  # noqa: D301  click wants the backspace itself
    try:
        entry = type_named(kind, load())
    except LlmkeysError as error:
        raise click.ClickException(str(error)) from None
    name = require_name(name or entry.id, "name (--name)")
    if len(name) > _LONGEST_NAME:
        raise click.UsageError(f"The name (--name) has more than {_LONGEST_NAME} characters.")
    place = require_name(namespace, "namespace (--namespace)", label=True)
    click.echo(Starter(entry, name, place).text(), nl=False)
