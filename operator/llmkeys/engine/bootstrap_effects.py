"""The effects that a bootstrap is given: what it does to the API server, and whom it tells."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, TypeVar

from llmkeys.api.errors import LlmkeysError
from llmkeys.api.objects import Key
from llmkeys.api.provider import LLMProvider
from llmkeys.bootstrap.planned import Kind
from llmkeys.crypto.keypair import PublicKey
from llmkeys.crypto.mac import MacKey

_T = TypeVar("_T")

InputKind = Literal["Secret", "ConfigMap"]


class Offload(Protocol):
    """Computes where it delays nobody."""

    async def __call__(self, compute: Callable[[], _T], /) -> _T: ...


@dataclass(frozen=True, slots=True)
class InputObject:
    """The input as it was read: the Secret, or the ConfigMap of that name, which is none.

    Args:
        kind: which of the two.
        namespace, name: of it.
        uid: of this very object.
        resource_version: of this very state.
        data: decoded values; nothing of a ConfigMap's.
        asked: the number of the run that is asked for, 0 if none is.

    """

    kind: InputKind
    namespace: str
    name: str
    uid: str
    resource_version: str
    data: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    asked: int = 0


@dataclass(frozen=True, slots=True)
class RecordObject:
    """One of our ConfigMaps as it was read.

    Args:
        resource_version: of this very state.
        data: values.

    """

    resource_version: str
    data: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class FoundObject:
    """An object that is there already.

    Args:
        labels: of it.
        spec: of it.
        terminating: it is being deleted.

    """

    labels: Mapping[str, str]
    spec: Mapping[str, Any]
    terminating: bool = False


class BootstrapCluster(Protocol):
    """What a bootstrap does to the API server. Every method may raise ApiUnavailableError and ForbiddenError."""

    async def read_input(self) -> InputObject | None:
        """The input Secret; None if it is not there."""
        ...

    async def read_exposed(self) -> InputObject | None:
        """The ConfigMap of the input's name; None if there is none, as it should be."""
        ...

    async def record_names(self) -> frozenset[str]:
        """Names of all ConfigMaps of ours; no more than names are read."""
        ...

    async def read_record(self, name: str) -> RecordObject | None: ...

    async def create_record(self, name: str, data: Mapping[str, bytes], *, immutable: bool) -> RecordObject:
        """Raises ConflictError where it exists."""
        ...

    async def change_record(self, name: str, resource_version: str, changes: Mapping[str, str | None]) -> RecordObject:
        """Set these entries, and take those away that are None.

        Raises ConflictError where it is not in the version that was read, NotThereError where it is gone.
        """
        ...

    async def create(self, manifest: Mapping[str, Any]) -> None:
        """Make an object.

        Raises ConflictError where it exists, RefusedError where it never can, NotThereError where its namespace is
        missing or being deleted.
        """
        ...

    async def read(self, kind: Kind, key: Key) -> FoundObject | None: ...

    async def read_providers(self, names: Collection[str]) -> dict[str, LLMProvider]:
        """Those of these names that are there."""
        ...

    async def mac_secret_created(self) -> float:
        """When the Secret with the MAC key was created, in epoch seconds."""
        ...

    async def post_event(self, event: dict[str, Any]) -> None:
        """Raises ConflictError where an Event of that name exists."""
        ...


class BootstrapKeys(Protocol):
    """The operator's own keys, as a bootstrap uses them."""

    def public(self) -> PublicKey:
        """What values are sealed to now."""
        ...

    def mac(self) -> MacKey:
        """What digests are made with now."""
        ...

    def mac_of(self, version: int) -> MacKey | None:
        """The key of that version; None if it is gone."""
        ...

    def born(self) -> float:
        """When the first MAC key was made, in epoch seconds."""
        ...


class BootstrapObserver(Protocol):
    """Told what happened; never told a key."""

    def settled(self, reference: str, outcome: str, detail: str) -> None: ...

    def told(self, reason: str, text: str, *, good: bool) -> None: ...

    def failed(self, error: LlmkeysError) -> None: ...

    def waits(self, *, waiting: bool) -> None: ...

    def ignores(self, *, edited: bool) -> None: ...
