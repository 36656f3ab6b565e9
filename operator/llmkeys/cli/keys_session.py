"""What the commands of `llmkeys keys` that talk to the API server have in common: options, login, errors."""

import asyncio
import functools
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from llmkeys.api.errors import LlmkeysError
from llmkeys.api.names import DEFAULT_NAMESPACE
from llmkeys.crypto.wrapping import kek_from
from llmkeys.engine.effects import ForbiddenError, NotThereError
from llmkeys.kube.client import ApiClient
from llmkeys.kube.ring_objects import OwnObjects
from llmkeys.kube.ring_secrets import RingSecrets

_T = TypeVar("_T")

FILE: Final = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True)
class Session:
    """The API server as the person sees it.

    Args:
        client: logged in.
        secrets: the rings in the operator's namespace.
        now: epoch seconds.

    """

    client: ApiClient
    secrets: RingSecrets
    now: float


@dataclass(frozen=True, slots=True)
class Place:
    """Which operator's keys are meant, and how to read them."""

    namespace: str
    keyring_kek: Path | None

    def run(self, action: Callable[[Session], Awaitable[_T]]) -> _T:
        """Log in and do it.

        Raises:
            click.ClickException: it cannot be done; the text says what to do.

        """
        try:
            kek = None if self.keyring_kek is None else kek_from(self.keyring_kek.read_bytes())
            return asyncio.run(self._run(action, kek))
        except ForbiddenError as error:
            what = str(error).partition(";")[0]
            raise click.ClickException(f"{what}. It takes this right in the namespace {self.namespace}.") from None
        except NotThereError:
            raise click.ClickException(f"There is no namespace {self.namespace}, or it is being deleted.") from None
        except (LlmkeysError, OSError) as error:
            raise click.ClickException(str(error)) from None

    async def _run(self, action: Callable[[Session], Awaitable[_T]], kek: bytes | None) -> _T:
        client = ApiClient()
        await client.open()
        try:
            return await action(Session(client, RingSecrets(OwnObjects(client, self.namespace), kek), time.time()))
        finally:
            await client.close()


def at_place(function: Callable[..., None]) -> Callable[..., None]:
    """Add `--namespace` and `--keyring-kek`, and hand them on as one `place`."""

    @click.option(
        "-n",
        "--namespace",
        default=DEFAULT_NAMESPACE,
        show_default=True,
        envvar="LLMKEYS_NAMESPACE",
        help="The operator's own namespace.",
    )
    @click.option(
        "--keyring-kek",
        type=FILE,
        envvar="LLMKEYS_KEYRING_KEK",
        help="File with the key-encryption key that wraps the rings: 32 bytes, raw or as hex or base64.",
    )
    @functools.wraps(function)
    def wrapped(*args: Any, namespace: str, keyring_kek: Path | None, **more: Any) -> None:
        function(*args, place=Place(namespace, keyring_kek), **more)

    return wrapped
