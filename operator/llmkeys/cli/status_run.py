"""`llmkeys status` itself: one picture, or one after each change."""

import asyncio
import logging
import os
import sys
import time
from pathlib import Path
from typing import Final

import click
import structlog

from llmkeys.cli.output import print_data, print_facts, print_line, print_table
from llmkeys.cli.status_cluster import Changes, Picture, connected, picture_of
from llmkeys.engine.effects import ApiUnavailableError, ForbiddenError, NotThereError
from llmkeys.explain.standing import Row, Story, changed, rows_of, story_of
from llmkeys.explain.standing_text import HEADS, cells_of, facts_of
from llmkeys.kube.client import ApiClient
from llmkeys.kube.connection import NoConnectionError

READY, NOT_READY = 0, 3
"""Exit codes."""

_TOGETHER: Final = 0.2  # seconds in which changes are taken for one
_AWAY: Final = 2.0  # seconds before the API server is asked again
_ASK_KUBECTL: Final = "Check the kubeconfig and the way to its server with: kubectl version"
_NOT_INSTALLED: Final = "The kinds of llmkeys are not installed there: kubectl apply --server-side -f crds/"
_UNKNOWN: Final = "(401)"
_CLEAR: Final = "\x1b[H\x1b[2J"


class Shown:
    """What was printed last.

    Args:
        name: of the one credential that is meant, empty for all.
        output: table, json or yaml.

    """

    def __init__(self, name: str, output: str) -> None:
        self._name = name
        self._output = output
        self._rows: list[Row] = []
        self._story: Story | None = None

    @property
    def code(self) -> int:
        """Exit code of what was printed."""
        return READY if all(one.is_ready for one in self._rows) else NOT_READY

    def once(self, picture: Picture) -> None:
        """Print it all."""
        self._take(picture)
        if self._output != "table":
            print_data(self._output, self._story or self._rows)
        else:
            self._print()

    def again(self, picture: Picture) -> None:
        """Print what is new: the whole picture anew on a terminal, else a line, or document, for each change."""
        rows, story = self._rows, self._story
        self._take(picture)
        if rows == self._rows and story == self._story and rows:
            return
        if self._output == "table" and sys.stdout.isatty():
            click.echo(_CLEAR, nl=False)
            self._print()
        elif self._story:
            self._print_change(self._story)
        else:
            for row in changed(rows, self._rows):
                self._print_change(row)

    def _take(self, picture: Picture) -> None:
        providers = picture.providers or {}
        self._rows = rows_of(list(providers.values()), picture.credentials)
        if self._name:
            (credential,) = picture.credentials
            self._story = story_of(credential, providers.get(credential.spec.provider_ref.name))
            self._rows = [self._story.row]

    def _print(self) -> None:
        if self._story:
            print_facts(facts_of(self._story, time.time()))
        elif self._rows:
            print_table(HEADS, cells_of(self._rows, time.time()))
        else:
            click.echo("There are no LLMProviders and no LLMCredentials here.", err=True)

    def _print_change(self, value: Row | Story) -> None:
        match self._output:
            case "json":
                print_line(value)
            case "yaml":
                click.echo("---")
                print_data("yaml", value)
            case _:
                row = value if isinstance(value, Row) else value.row
                place = f"{row.namespace}/{row.name}" if row.namespace else row.name
                click.echo(f"{row.kind} {place}   {row.ready}   {row.reason}   {row.message}")


def run(namespace: str, name: str, output: str, *, watch: bool) -> int:
    """Print, and give the exit code.

    Args:
        namespace: of the credentials, empty for all.
        name: of the one credential that is meant, empty for all.
        output: table, json or yaml.
        watch: print every change, until interrupted.

    Raises:
        LlmkeysError: nothing can be read; the text says why.

    """
    shown = Shown(name, output)
    try:
        asyncio.run(_watch(namespace, name, shown) if watch else _once(namespace, name, shown))
    except KeyboardInterrupt:
        click.echo("", err=True)
    except ForbiddenError as error:
        raise click.ClickException(_forbidden(error, namespace)) from None
    except NotThereError as error:
        raise click.ClickException(str(error) if name else _NOT_INSTALLED) from None
    except NoConnectionError as error:
        raise click.ClickException(f"{error}{_about_kubeconfig()}") from None
    except ApiUnavailableError as error:
        raise click.ClickException(f"{error} {_ASK_KUBECTL}") from None
    return shown.code


def _forbidden(error: ForbiddenError, namespace: str) -> str:
    if _UNKNOWN in str(error):
        return "The API server does not know you (401): the kubeconfig's credentials have ended. Log in again."
    place = f"in namespace {namespace}" if namespace else "of the whole cluster; name a namespace (-n)"
    return f"You may not read the LLMCredentials {place}. ClusterRole llmkeys-view holds the right."


def _about_kubeconfig() -> str:
    files = [Path(one) for one in os.environ.get("KUBECONFIG", "").split(os.pathsep) if one]
    missing = [one for one in files if not one.is_file()]
    if missing:
        return f" There is no file {missing[0]}: correct $KUBECONFIG."
    return f" {_ASK_KUBECTL}" if files else ""


async def _once(namespace: str, name: str, shown: Shown) -> None:
    async with connected() as client:
        shown.once(await picture_of(client, namespace, name))


async def _watch(namespace: str, name: str, shown: Shown) -> None:
    # Interrupted watches begin anew by themselves; on this output that is no news.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    async with connected() as client:
        picture = await picture_of(client, namespace, name)
        changes = Changes(client, namespace, providers=picture.providers is not None)
        watching = asyncio.create_task(changes.run())
        try:
            while True:
                shown.again(picture)
                await changes.wait()
                await asyncio.sleep(_TOGETHER)
                picture = await _picture(client, namespace, name)
        finally:
            watching.cancel()


async def _picture(client: ApiClient, namespace: str, name: str) -> Picture:
    """The next picture, however long the API server is away."""
    while True:
        try:
            return await picture_of(client, namespace, name)
        except ApiUnavailableError as error:
            click.echo(str(error), err=True)
            await asyncio.sleep(error.retry_after or _AWAY)
