"""The effects that the engine is given: the API server and the providers, as small protocols, and their errors."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

from llmkeys.api.credential import LLMCredential
from llmkeys.api.errors import PlatformError, RetryableError
from llmkeys.api.objects import Key
from llmkeys.api.provider import LLMProvider, Network
from llmkeys.delivery.manifest import ObservedSecret, SecretMeta
from llmkeys.probe.reply import Reply
from llmkeys.probe.request import ProbeRequest


class ConflictError(RetryableError):
    """The object changed, or exists already: read it again."""


class NotThereError(RetryableError):
    """The object is gone."""


class ApiUnavailableError(RetryableError):
    """The API server did not answer, or asked to wait.

    Args:
        retry_after: seconds it asked for, None if it did not say.

    """

    def __init__(self, text: str, retry_after: float | None = None) -> None:
        super().__init__(text)
        self.retry_after = retry_after


class ForbiddenError(PlatformError):
    """The operator's account lacks a right; the text names verb and resource."""


class RefusedError(PlatformError):
    """The API server or an admission policy refused a write for good."""


class NotOursError(PlatformError):
    """An object of the name that we need belongs to somebody else."""


class Cluster(Protocol):
    """What the engine does to the API server."""

    async def read_secret(self, key: Key, *, since: str = "") -> ObservedSecret | None:
        """The Secret, in a version not older than `since`; the very latest for an empty one."""
        ...

    async def create_secret(self, key: Key, manifest: dict[str, Any]) -> SecretMeta:
        """Raises ConflictError where it exists."""
        ...

    async def patch_secret(self, key: Key, operations: list[dict[str, Any]]) -> SecretMeta:
        """Raises ConflictError where a test failed, NotThereError where it is gone."""
        ...

    async def patch_credential_status(self, credential: LLMCredential, patch: dict[str, Any]) -> LLMCredential: ...

    async def patch_provider_status(self, provider: LLMProvider, patch: dict[str, Any]) -> LLMProvider: ...

    async def read_model_list(self, provider: LLMProvider) -> dict[str, str] | None:
        """What the provider's ConfigMap holds, nothing if it was written for another of that name; None without one.

        Raises NotOursError where it is a stranger's.
        """
        ...

    async def write_model_list(self, provider: LLMProvider, data: dict[str, str]) -> None:
        """Have the provider's ConfigMap hold this and no more. Raises NotOursError where it is a stranger's."""
        ...

    async def post_event(self, event: dict[str, Any]) -> None: ...


class Net(Protocol):
    """What the engine does to providers."""

    async def send(self, request: ProbeRequest, network: Network, timeout: float, limit: int) -> Reply: ...  # noqa: ASYNC109


class RenewedStore(Protocol):
    """The operator's own Secret of renewed files, by place; every value is sealed."""

    async def read(self) -> dict[str, bytes] | None:
        """What it holds; None without one."""
        ...

    async def change(self, following: Callable[[Mapping[str, bytes] | None], dict[str, bytes]]) -> dict[str, bytes]:
        """Have it hold what follows from what it holds, and write in any case; it may be called again after a conflict.

        Raises ConflictError where others write it faster.
        """
        ...
