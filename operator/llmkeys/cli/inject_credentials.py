"""The LLMCredentials that `llmkeys inject` knows: of files, or of the cluster, a namespace when it is first needed."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from llmkeys.api.credential import LLMCredential
from llmkeys.cli.seal_files import read_text
from llmkeys.inject.errors import CredentialRefusedError, StatusMalformedError
from llmkeys.inject.offers import Offer, credentials_from, troubles_of


class Credentials:
    """Credentials by namespace.

    Args:
        statuses: files that have them; none of them are asked of the cluster if there are any.

    Raises:
        StatusMalformedError: a file holds none.

    """

    def __init__(self, statuses: Sequence[Path]) -> None:
        self._offline = bool(statuses)
        self._known: dict[str, list[LLMCredential]] = {}
        self._troubles: dict[str, None] = {}
        for file in statuses:
            for one in _read(file):
                self._known.setdefault(one.metadata.namespace, []).append(one)

    def of(self, namespace: str) -> tuple[str, list[LLMCredential]]:
        """The namespace, which files need not say where they have one only, and its credentials.

        Raises:
            CredentialRefusedError: it is not known which namespace is meant.
            LlmkeysError: the cluster cannot be asked.

        """
        if not namespace and self._offline and len(self._known) == 1:
            (namespace,) = self._known
        if not namespace:
            raise CredentialRefusedError("It names no namespace: add metadata.namespace, or --namespace.")
        if namespace not in self._known:
            self._known[namespace] = [] if self._offline else _asked(namespace)
        return namespace, self._known[namespace]

    def note(self, offers: Iterable[Offer]) -> None:
        """Remember what is wrong with credentials at present."""
        self._troubles |= dict.fromkeys(troubles_of(offers))

    def warn(self) -> None:
        """Say it."""
        for trouble in self._troubles:
            click.echo(f"Warning: {trouble}", err=True)


def _read(file: Path) -> list[LLMCredential]:
    try:
        return credentials_from(read_text(file))
    except StatusMalformedError as error:
        raise StatusMalformedError(f"{file}: {error}") from None


def _asked(namespace: str) -> list[LLMCredential]:
    try:
        # Everything that talks to a cluster takes longer to import than all the rest takes to run.
        from llmkeys.cli.inject_cluster import credentials_of  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise click.ClickException(
            f"`llmkeys inject` asks the API server and needs more packages, among them {error.name}: "
            "pip install 'llmkeys[controller]'; or give it a file (--status)."
        ) from None
    return credentials_of(namespace)
