"""`llmkeys manifest`: manifests on standard output, to be read, kept in Git, or piped to `kubectl apply -f -`."""

import importlib
import re
from typing import Any, Final

import click
import yaml

from llmkeys.api.names import CREDENTIAL_PLURAL, GROUP

_RBAC: Final = "rbac.authorization.k8s.io"
_LABEL_LENGTH: Final = 63
_SUBDOMAIN_LENGTH: Final = 253
_LABEL: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_SUBDOMAIN: Final = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")


class _Name(click.ParamType[str]):
    """A name as Kubernetes takes it (RFC 1123), so that a typing mistake is seen here and not by a refused pod."""

    name = "name"

    def __init__(self, pattern: re.Pattern[str], longest: int) -> None:
        self._pattern = pattern
        self._longest = longest

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        if len(text) > self._longest or not self._pattern.fullmatch(text):
            self.fail(f"{text!r} is not a name that Kubernetes takes", param, ctx)
        return text


def unseal_grant(credential: str, account: str, namespace: str | None) -> list[dict[str, Any]]:
    """The Role and RoleBinding that let one service account have the envelope of one LLMCredential opened.

    Args:
        credential: name of the LLMCredential.
        account: name of the ServiceAccount; it lives where the credential does, since a pod's token is good for the
            envelopes of its own namespace only.
        namespace: of both; None leaves it to whoever applies the manifests. A subject without a namespace is one of
            the RoleBinding's own.

    """
    # A colon is in no object's name, so no two pairs of credential and account share a RoleBinding.
    role = f"llmkeys:unseal:{credential}"
    place = {} if namespace is None else {"namespace": namespace}
    version = f"{_RBAC}/v1"
    rule = {
        "apiGroups": [GROUP],
        "resources": [f"{CREDENTIAL_PLURAL}/unseal"],
        "resourceNames": [credential],
        "verbs": ["create"],
    }
    return [
        {"apiVersion": version, "kind": "Role", "metadata": {"name": role, **place}, "rules": [rule]},
        {
            "apiVersion": version,
            "kind": "RoleBinding",
            "metadata": {"name": f"{role}:{account}", **place},
            "roleRef": {"apiGroup": _RBAC, "kind": "Role", "name": role},
            "subjects": [{"kind": "ServiceAccount", "name": account, **place}],
        },
    ]


class _Kinds(click.Group):
    """What is no command of its own is taken for a type of the catalogue."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] in self.commands:
            return super().resolve_command(ctx, args)
        # The catalogue is read for types only: it takes longer than all the rest.
        of_a_type = importlib.import_module("llmkeys.cli.manifest_type").command
        return "TYPE", of_a_type, args

    def format_commands(self, _context: click.Context, formatter: click.HelpFormatter) -> None:
        of_a_type = ("TYPE", "LLMProvider, source Secret and LLMCredential of a type: llmkeys manifest openai")
        others = ((name, one.get_short_help_str()) for name, one in self.commands.items())
        with formatter.section("Commands"):
            formatter.write_dl([of_a_type, *others])


@click.group(cls=_Kinds)
def command() -> None:
    """Print manifests to start from."""


@command.command(short_help="Role and RoleBinding that let one account's pods open an envelope.")
@click.argument("credential", type=_Name(_SUBDOMAIN, _LABEL_LENGTH))
@click.option(
    "--service-account",
    "account",
    required=True,
    type=_Name(_SUBDOMAIN, _SUBDOMAIN_LENGTH),
    help="The account that pods run as.",
)
@click.option(
    "-n",
    "--namespace",
    type=_Name(_LABEL, _LABEL_LENGTH),
    help="Of the credential and the account (default: wherever the manifests are applied).",
)
def rolebinding(credential: str, account: str, namespace: str | None) -> None:
    """Let pods of one service account have the envelope of LLMCredential CREDENTIAL opened.

    Prints a Role and a RoleBinding. Naming the account in spec.target.serviceAccounts of the credential does the same;
    this is for whoever may not, or does not want to, change the credential.

    \b
    llmkeys manifest rolebinding openai --service-account chat -n team-a | kubectl apply -f -

    Exits with 0, or with 2 if a name is none that Kubernetes takes.
    """  # noqa: D301  click wants the backspace itself
    click.echo(yaml.safe_dump_all(unseal_grant(credential, account, namespace), sort_keys=False), nl=False)
