"""`llmkeys bootstrap FILE`: read, check and plan a template here, seal its keys, hand it over."""

import sys
from collections.abc import Collection
from pathlib import Path
from typing import Final

import click

from llmkeys.api.errors import LlmkeysError
from llmkeys.api.names import BOOTSTRAP_SECRET, DEFAULT_NAMESPACE
from llmkeys.api.provider import LLMProvider
from llmkeys.bootstrap.plan import plan_of
from llmkeys.bootstrap.planned import Plan
from llmkeys.bootstrap.template import Template, TemplateInvalidError
from llmkeys.catalogue.loader import load
from llmkeys.cli.bootstrap_keys import Known, known_from_cluster, known_from_file
from llmkeys.cli.bootstrap_seal import printed_secret, sealed_input
from llmkeys.cli.bootstrap_show import print_plan, shown, tell_left
from llmkeys.cli.bootstrap_template import FileInvalidError, template_in, variables_of
from llmkeys.cli.check_arguments import RefusingKeys
from llmkeys.cli.output import with_every_output

LEFT_OUT: Final = 3
"""Exit code with --strict."""
_FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(cls=RefusingKeys)
@click.argument("file", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path), required=False)
@click.option("--dry-run", is_flag=True, help="Show what would be created, and what would not; needs no cluster.")
@click.option("--strict", is_flag=True, help="Hand over nothing, and exit with 3, if parts of FILE are not taken over.")
@click.option("--again", is_flag=True, help="After a first bootstrap: create what is missing, as the next one.")
@click.option("--print", "to_print", is_flag=True, help="Print the Secret for Git instead of handing it over.")
@click.option("--vars", "variables", type=_FILE, help="Variables, lines NAME=value; before LLMKEYS_VAR_NAME.")
@click.option("--public-key", type=_FILE, help="The operator's public key, or its keys.json.")
@click.option("--accept", metavar="KEYID", default="", help="The cluster's public key with this id is the right one.")
@click.option(
    "-n",
    "--namespace",
    default=DEFAULT_NAMESPACE,
    show_default=True,
    envvar="LLMKEYS_NAMESPACE",
    help="The operator's own namespace.",
)
@with_every_output
def command(
    file: Path | None,
    variables: Path | None,
    public_key: Path | None,
    accept: str,
    namespace: str,
    output: str,
    *,
    dry_run: bool,
    strict: bool,
    again: bool,
    to_print: bool,
) -> None:
    """Plan FILE here, seal its keys with the operator's public key, and hand it over as a Secret; the operator acts.

    \b
    llmkeys bootstrap service_conf.yaml.template --dry-run
    llmkeys bootstrap service_conf.yaml.template --vars keys.env
    llmkeys bootstrap bootstrap.yaml --public-key operator.pub --print > bootstrap-secret.yaml
    llmkeys bootstrap --again

    FILE may use ${NAME}, ${NAME:-default} and ${NAME:?message}, from --vars or from environment variables
    LLMKEYS_VAR_NAME. Everything happens once: what is there already stays as it is, and a later change of the template
    changes nothing.

    Exits with 0; with 1 if FILE cannot be used or handed over (the text says why); with 2 if the command line is
    wrong; with --strict, with 3 if parts of FILE are not taken over.
    """  # noqa: D301  click wants the backspace itself
    if dry_run and (to_print or again):
        raise click.UsageError("--dry-run hands nothing over: leave --print and --again out.")
    if to_print and again:
        raise click.UsageError("--print and --again exclude each other: commit the Secret, then ask with --again.")
    try:
        if file is None:
            _ask_again(namespace, again=again)
            return
        work = _Work(_there(file), namespace, variables)
        if dry_run:
            sys.exit(_show(work, public_key, output, strict=strict))
        plan, known = _prepared(work, public_key, accept, strict=strict)
        sealed = sealed_input(plan, known.public)
        click.echo(f"The public key {known.public.key_id} is {known.origin}.", err=True)
        if to_print:
            click.echo(printed_secret(sealed, namespace), nl=False)
        else:
            _hand_over(namespace, sealed, len(plan.objects), again=again)
    except LlmkeysError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{error.filename or 'input'}: {error.strerror}") from None
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"This talks to the API server and needs more packages, among them {error.name}: "
            "pip install 'llmkeys[controller]'. Without: --dry-run, or --public-key FILE --print"
        ) from None


class _Work:
    """A template, and what it takes to plan it.

    Args:
        file: that holds it.
        namespace: the operator's.
        variables: file of them.

    """

    def __init__(self, file: Path, namespace: str, variables: Path | None) -> None:
        self._file = file
        self._namespace = namespace
        self._catalogue = load()
        self._template: Template = template_in(file, variables_of(variables), self._catalogue)

    @property
    def wanted(self) -> Collection[str]:
        """Names of the LLMProviders that its credentials need and it does not hold."""
        return self._template.foreign_providers

    def known(self, public_key: Path | None, accept: str) -> Known:
        """The operator's public key, and the LLMProviders that are wanted."""
        if public_key is None:
            return known_from_cluster(self._namespace, self.wanted, accept, self._file)
        return known_from_file(public_key, self.providers())

    def providers(self) -> dict[str, LLMProvider]:
        """Those that are wanted and there, as far as a cluster can be asked."""
        if not self.wanted:
            return {}
        try:
            from llmkeys.cli.bootstrap_cluster import providers_there  # noqa: PLC0415  takes longer than all the rest
        except ModuleNotFoundError:
            return {}
        return providers_there(self.wanted)

    def plan(self, known: dict[str, LLMProvider]) -> Plan:
        """What would be created.

        Raises:
            FileInvalidError: names that no object can have, the same object twice, or too many of them.

        """
        try:
            return plan_of(self._template, self._catalogue, known)
        except TemplateInvalidError as error:
            raise FileInvalidError(f"{self._file}: {error}") from None

    def something(self, known: dict[str, LLMProvider]) -> Plan:
        """As `plan`; nothing at all is refused.

        Raises:
            FileInvalidError: as for `plan`, or there is nothing to be created.

        """
        plan = self.plan(known)
        if not plan.objects:
            raise FileInvalidError(f"{self._file}: there is nothing in it to be created. See why: --dry-run")
        return plan

    @staticmethod
    def types(known: dict[str, LLMProvider]) -> dict[str, str]:
        return {name: one.spec.type for name, one in known.items()}


def _there(file: Path) -> Path:
    if not file.exists():  # it may be a pipe from a program that decrypts
        raise click.UsageError(f"There is no file {str(file)!r}, and no command of that name: status, forget.")
    return file


def _show(work: _Work, public_key: Path | None, output: str, *, strict: bool) -> int:
    known = work.providers()
    if public_key is not None:
        known_from_file(public_key, known)
    plan = shown(work.plan(known), work.types(known))
    print_plan(output, plan)
    return LEFT_OUT if strict and plan.left_out else 0


def _prepared(work: _Work, public_key: Path | None, accept: str, *, strict: bool) -> tuple[Plan, Known]:
    """What to hand over and the key to seal it to, which is asked for last unless the plan needs the cluster, too."""
    if work.wanted:
        known = work.known(public_key, accept)
        plan = work.something(known.providers)
        _tell_left(plan, strict=strict)
        return plan, known
    plan = work.something({})
    _tell_left(plan, strict=strict)
    return plan, work.known(public_key, accept)


def _tell_left(plan: Plan, *, strict: bool) -> None:
    """Say what is not taken over; with --strict that ends it."""
    tell_left(plan.left)
    if plan.left and strict:
        click.echo("Nothing was handed over, because of --strict.", err=True)
        sys.exit(LEFT_OUT)


def _ask_again(namespace: str, *, again: bool) -> None:
    if not again:
        raise click.UsageError("Name the FILE with the template, or ask for what is there already with --again.")
    from llmkeys.cli.bootstrap_cluster import ask_again  # noqa: PLC0415  takes longer than all the rest

    number = ask_again(namespace)
    click.echo(f"Bootstrap {number} is asked for. See what becomes of it: llmkeys bootstrap status")


def _hand_over(namespace: str, sealed: str, count: int, *, again: bool) -> None:
    from llmkeys.cli.bootstrap_cluster import hand_over  # noqa: PLC0415  takes longer than all the rest

    hand_over(namespace, sealed, again=again)
    click.echo(
        f"Secret {namespace}/{BOOTSTRAP_SECRET} holds {count} objects, their keys sealed. The operator creates those "
        "that are not there yet: llmkeys bootstrap status"
    )
