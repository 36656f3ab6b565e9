"""`llmkeys seal`: seal a key for a place; renew and check the sealed values of manifests."""

import importlib
from pathlib import Path
from typing import Any, Final

import click

from llmkeys.api.errors import LlmkeysError
from llmkeys.api.names import DEFAULT_NAMESPACE
from llmkeys.cli.seal_arguments import KeyOnCommandLineError, Options, require_no_keys

_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)
_MODES: Final = {"new": "llmkeys.cli.seal_new", "reseal": "llmkeys.cli.seal_renew", "check": "llmkeys.cli.seal_check"}


class _Sealing(click.Command):
    """Looks at the arguments before click does, whose messages would repeat a key that stands among them."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        try:
            require_no_keys(args)
        except KeyOnCommandLineError as error:
            raise click.UsageError(str(error), ctx) from None
        return super().parse_args(ctx, args)


@click.command(cls=_Sealing)
@click.argument("targets", nargs=-1, metavar="NAME | FILE...")
@click.option("--check", "mode", flag_value="check", help="Check the sealed values of FILEs; for CI.")
@click.option("--reseal", "mode", flag_value="reseal", help="Seal the values of FILEs again, to the active key.")
@click.option("-n", "--namespace", default="", help="Of the LLMCredential.")
@click.option("--for", "manifest", type=_FILE, help="An LLMCredential's manifest; prints the value to put into it.")
@click.option("--field-only", is_flag=True, help="Print the sealed value alone, no manifest.")
@click.option("--entry", default="primary", show_default=True, help="Name of the entry in spec.keys.")
@click.option("--field", default="", help="Seal this field of the type only, such as apiKey.")
@click.option("--from-file", type=click.Path(dir_okay=False, allow_dash=True), help="Read the key from here.")
@click.option("--public-key", type=_FILE, help="The operator's public key, or its keys.json.")
@click.option("--fetch", is_flag=True, help="Ask the cluster for the public key and the LLMProvider.")
@click.option("--accept", metavar="KEYID", default="", help="With --fetch: this public key is the right one.")
@click.option("--cluster", metavar="NAME", default="", help="Which pinned public key is meant (default: the only one).")
@click.option("--provider", "providers", type=_FILE, multiple=True, help="An LLMProvider's manifest.")
@click.option("--provider-name", default="", help="Name of the LLMProvider, for spec.providerRef.")
@click.option(
    "--provider-type", default="", help="A type of the catalogue, if there is no manifest of the LLMProvider."
)
@click.option("--region", default="", help="With --provider-type: its spec.region.")
@click.option(
    "--scope",
    type=click.Choice(["credential", "namespace"]),
    default="credential",
    show_default=True,
    help="namespace: any LLMCredential of the namespace may use the value.",
)
@click.option("--any-host", is_flag=True, help="The key may be sent to any host.")
@click.option(
    "--delivery",
    type=click.Choice(["envelope", "any", "recipients"]),
    default="envelope",
    show_default=True,
    help="any: also in clear (encryption: None).",
)
@click.option("--recipient", "recipients", multiple=True, help="A public key, or a file with one. Repeatable.")
@click.option("--service-account", "service_accounts", multiple=True, help="May have the envelope opened. Repeatable.")
@click.option("--operator-namespace", default=DEFAULT_NAMESPACE, show_default=True)
@click.option("--keyring-kek", type=_FILE, help="With --reseal: the key that the operator's rings are wrapped with.")
@click.option("--dry-run", is_flag=True, help="With --reseal: show what would change, and write nothing.")
@click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="With --check.")
@click.pass_context
def command(context: click.Context, /, mode: str | None, **given: Any) -> None:
    """Seal a key for one place, with the operator's public key.

    The key is read from standard input, from --from-file, or from a prompt that shows nothing; never from an argument.
    Only the operator opens what comes out, for the LLMCredential, host and delivery that it was sealed for.

    \b
    llmkeys seal openai -n team-a --provider-type openai --fetch < key.txt > openai.yaml
    llmkeys seal openai -n team-a --provider provider.yaml --public-key operator.pub
    llmkeys seal --for openai.yaml --fetch --field-only
    llmkeys seal --check --fetch *.yaml
    llmkeys seal --reseal *.yaml

    --reseal needs the right to read the operator's Secret llmkeys-sealing; it changes nothing but the sealed values and
    never binds one more widely.

    Exits with 0; with 1 if something cannot be sealed, renewed or read, or --check found a problem; with 2 if the
    command line is wrong.
    """  # noqa: D301  click wants the backspace itself
    work = importlib.import_module(_MODES[mode or "new"])
    try:
        failed = work.run(Options(**given))
    except LlmkeysError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or 'input'}: {error.strerror}") from None
    context.exit(1 if failed else 0)
