"""What the watches of the bench tell: which credentials are settled, which Secrets hold which key."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from bench.kube import CREDENTIALS, SECRETS, Kube
from bench.manifests import VARIABLE, encoded
from llmkeys.api.names import CREDENTIAL_LABEL

_T = TypeVar("_T")

Place = tuple[str, str]
"""Namespace and name."""


class Meta(msgspec.Struct, frozen=True, rename="camel"):
    name: str = ""
    namespace: str = ""
    generation: int = 0
    resource_version: str = ""


class Condition(msgspec.Struct, frozen=True):
    type: str
    status: str


class Target(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str = ""


class Status(msgspec.Struct, frozen=True, rename="camel"):
    observed_generation: int = -1
    conditions: tuple[Condition, ...] = ()
    target: Target = Target()


class Credential(msgspec.Struct, frozen=True):
    metadata: Meta = Meta()
    status: Status = Status()

    @property
    def settled(self) -> bool:
        return self.status.observed_generation == self.metadata.generation and any(
            one.type == "Ready" and one.status == "True" for one in self.status.conditions
        )


class CredentialEvent(msgspec.Struct, frozen=True):
    type: str
    object: Credential


class Secret(msgspec.Struct, frozen=True):
    metadata: Meta = Meta()
    data: dict[str, str] | None = None


class SecretEvent(msgspec.Struct, frozen=True):
    type: str
    object: Secret


@dataclass(frozen=True, slots=True)
class _Waiting:
    check: Callable[[], bool]
    done: asyncio.Future[float]


class Remaining:
    """Waits for each of some objects."""

    def __init__(self, places: Iterable[Place], awaited: str) -> None:
        """Begin with all of them.

        Args:
            places: of the objects.
            awaited: what is said of those that are missing in the end, such as `credentials are not Ready`.

        """
        self._open = set(places)
        self._awaited = awaited
        self._done: asyncio.Future[float] = asyncio.get_running_loop().create_future()

    def reached(self, meta: Meta, at: float) -> None:
        """One is as it was awaited."""
        self._open.discard((meta.namespace, meta.name))
        if not self._open and not self._done.done():
            self._done.set_result(at)

    @property
    def done(self) -> bool:
        return self._done.done()

    async def finished(self, seconds: float) -> float:
        """When the last one was as awaited (`time.time`).

        Raises:
            TimeoutError: `seconds` were not enough; the text says how many are missing.

        """
        try:
            return await asyncio.wait_for(asyncio.shield(self._done), seconds)
        except TimeoutError:
            some = ", ".join("/".join(place) for place in sorted(self._open)[:3])
            raise TimeoutError(f"{len(self._open)} {self._awaited} after {seconds:.0f} s: {some}") from None


class Settling(Remaining):
    """Waits until each of some credentials is Ready in its present generation."""

    def __init__(self, places: Iterable[Place]) -> None:
        super().__init__(places, "credentials are not Ready")

    def tell(self, event: CredentialEvent, at: float) -> None:
        if event.object.settled:
            self.reached(event.object.metadata, at)


@contextlib.asynccontextmanager
async def settling(kube: Kube, places: Iterable[Place]) -> AsyncIterator[Settling]:
    """Watch credentials from now on until they are settled."""
    waiting = Settling(places)
    async with kube.watch(CREDENTIALS, CredentialEvent, waiting.tell):
        yield waiting


class Follower:
    """The latest version of every credential and generated Secret that changed while it watched."""

    def __init__(self) -> None:
        self._credentials: dict[Place, Credential] = {}
        self._secrets: dict[Place, Secret] = {}
        self._waiting: dict[Place, _Waiting] = {}

    def credential_told(self, event: CredentialEvent, at: float) -> None:
        self._tell(self._credentials, event.object, event.object.metadata, event.type, at)

    def secret_told(self, event: SecretEvent, at: float) -> None:
        self._tell(self._secrets, event.object, event.object.metadata, event.type, at)

    def _tell(self, known: dict[Place, _T], found: _T, meta: Meta, kind: str, at: float) -> None:
        place = (meta.namespace, meta.name)
        if kind == "DELETED":
            known.pop(place, None)
        else:
            known[place] = found
        waiting = self._waiting.get(place)
        if waiting is not None and not waiting.done.done() and waiting.check():
            waiting.done.set_result(at)

    async def delivered(self, place: Place, key: str, seconds: float = 60) -> float:
        """When the Secret holds the key and the status names that very Secret.

        Raises:
            TimeoutError: not within `seconds`.

        """

        def check() -> bool:
            secret, credential = self._secrets.get(place), self._credentials.get(place)
            return (
                _holds(secret, key)
                and secret is not None
                and credential is not None
                and credential.settled
                and credential.status.target.resource_version == secret.metadata.resource_version
            )

        return await self._until(place, check, seconds)

    async def restored(self, place: Place, value: str, than: str, seconds: float = 60) -> float:
        """When the Secret holds the base64 value again, in another version than `than`."""

        def check() -> bool:
            secret = self._secrets.get(place)
            return (
                secret is not None
                and (secret.data or {}).get(VARIABLE) == value
                and secret.metadata.resource_version != than
            )

        return await self._until(place, check, seconds)

    async def _until(self, place: Place, check: Callable[[], bool], seconds: float) -> float:
        done: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._waiting[place] = _Waiting(check, done)
        try:
            if check():
                return time.time()
            return await asyncio.wait_for(done, seconds)
        except TimeoutError:
            raise TimeoutError(f"{'/'.join(place)} was not as awaited within {seconds:.0f} s") from None
        finally:
            del self._waiting[place]


def _holds(secret: Secret | None, key: str) -> bool:
    return secret is not None and (secret.data or {}).get(VARIABLE) == encoded(key)


@contextlib.asynccontextmanager
async def following(kube: Kube) -> AsyncIterator[Follower]:
    """Watch all credentials and generated Secrets."""
    follower = Follower()
    async with (
        kube.watch(CREDENTIALS, CredentialEvent, follower.credential_told),
        kube.watch(SECRETS, SecretEvent, follower.secret_told, selector=CREDENTIAL_LABEL),
    ):
        yield follower
