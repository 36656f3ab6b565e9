"""The three key rings as Secrets, in clear or wrapped with a key-encryption key."""

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from llmkeys.api.errors import LlmkeysError, PlatformError
from llmkeys.api.names import ENVELOPE_SECRET, MAC_SECRET, SEALING_SECRET
from llmkeys.crypto.ring import Ring, RingPurpose, mac_ring_from, ring_data, ring_from
from llmkeys.crypto.wrapping import Wrapper, is_wrapped
from llmkeys.engine.effects import ConflictError
from llmkeys.kube.ring_objects import OwnObject, OwnObjects

RING_SECRETS: Final[Mapping[RingPurpose, str]] = {
    "sealing": SEALING_SECRET,
    "envelope": ENVELOPE_SECRET,
    "mac": MAC_SECRET,
}
_ATTEMPTS: Final = 5


class RingLostError(PlatformError):
    """A ring was there once and its Secret is gone.

    Args:
        secret: `namespace/name`.

    """

    def __init__(self, secret: str) -> None:
        super().__init__(
            f"Secret {secret} is gone, and with it a key ring that is in use. Restore it from a backup made with "
            "`llmkeys keys backup`: llmkeys keys restore FILE. A new ring would open nothing that was sealed before."
        )


class RingAbsentError(PlatformError):
    """A ring's Secret is not there, for a person who asks for it.

    Args:
        secret: `namespace/name`.

    """

    def __init__(self, secret: str) -> None:
        super().__init__(
            f"Secret {secret} is not there. The controller makes it at its first start (--namespace says where). If it "
            "was deleted, restore it from a backup: llmkeys keys restore FILE"
        )


class RingUnreadableError(PlatformError):
    """A ring's Secret is there but cannot be read; the text says why and what to do.

    Args:
        secret: `namespace/name`.
        why: a sentence, without anything that is in the ring.

    """

    def __init__(self, secret: str, why: str) -> None:
        super().__init__(
            f"Secret {secret} cannot be used. {why} If it was damaged, restore it from a backup made with "
            "`llmkeys keys backup`: llmkeys keys restore --replace FILE"
        )


class RingWrappedError(PlatformError):
    """A ring is wrapped and no key-encryption key was given.

    Args:
        secret: `namespace/name`.

    """

    def __init__(self, secret: str) -> None:
        super().__init__(f"Secret {secret} is wrapped with a key-encryption key. Name its file: --keyring-kek FILE")


@dataclass(frozen=True, slots=True)
class StoredRing:
    """A ring and the version of the Secret that holds it.

    Args:
        ring: unwrapped.
        found: the Secret as it was read.
        wrapped: it holds the ring wrapped.

    """

    ring: Ring
    found: OwnObject
    wrapped: bool


class RingSecrets:
    """Reads and writes the rings of one operator.

    Args:
        objects: of the operator's namespace.
        kek: 32 bytes that wrap what is written; None writes in clear.

    """

    def __init__(self, objects: OwnObjects, kek: bytes | None = None) -> None:
        self.objects: Final = objects
        self._wrapper: Final = None if kek is None else Wrapper(kek)

    def label(self, purpose: RingPurpose) -> str:
        """Namespace and name of the Secret, for people."""
        return f"{self.objects.namespace}/{RING_SECRETS[purpose]}"

    async def read(self, purpose: RingPurpose) -> StoredRing | None:
        """The ring, None if its Secret is not there.

        Raises:
            RingWrappedError: it is wrapped and there is no key-encryption key.
            RingUnreadableError: it is not as it was written, or wrapped with another key.

        """
        found = await self.objects.read("secrets", RING_SECRETS[purpose])
        return None if found is None else self._opened(purpose, found)

    async def create(self, ring: Ring) -> StoredRing:
        """A ring's first Secret.

        Raises:
            ConflictError: there is one.

        """
        name = RING_SECRETS[ring.purpose]
        return self._opened(ring.purpose, await self.objects.create("secrets", name, self._data(ring)))

    async def replace(self, found: OwnObject, ring: Ring) -> StoredRing:
        """Another ring in the Secret that was read: one atomic patch.

        Raises:
            ConflictError: the Secret changed meanwhile.
            NotThereError: it is gone.

        """
        return self._opened(ring.purpose, await self.objects.replace(found, self._data(ring)))

    async def change(self, purpose: RingPurpose, transition: Callable[[Ring], Ring]) -> StoredRing:
        """Take a ring one step further, whoever else writes it at the same time.

        Args:
            purpose: of the ring.
            transition: from the ring as it is to the ring as it shall be; called again after a conflict.

        Raises:
            RingAbsentError: the ring is not there.
            ConflictError: it changes at every attempt.

        """
        for _ in range(_ATTEMPTS):
            stored = await self.read(purpose)
            if stored is None:
                raise RingAbsentError(self.label(purpose))
            with contextlib.suppress(ConflictError):
                return await self.replace(stored.found, transition(stored.ring))
        raise ConflictError(f"Secret {self.label(purpose)} changes at every attempt.")

    def to_be_wrapped(self, stored: StoredRing) -> bool:
        """Whether a ring is stored in clear although there is a key-encryption key."""
        return self._wrapper is not None and not stored.wrapped

    def _data(self, ring: Ring) -> dict[str, bytes]:
        data = ring_data(ring)
        return data if self._wrapper is None else self._wrapper.wrap(data, ring.purpose)

    def _opened(self, purpose: RingPurpose, found: OwnObject) -> StoredRing:
        wrapped = is_wrapped(found.data)
        if wrapped and self._wrapper is None:
            raise RingWrappedError(self.label(purpose))
        try:
            data = self._wrapper.unwrap(found.data, purpose) if wrapped and self._wrapper else found.data
            ring = mac_ring_from(data) if purpose == "mac" else ring_from(data, purpose)
        except LlmkeysError as error:
            raise RingUnreadableError(self.label(purpose), str(error)) from None
        return StoredRing(ring, found, wrapped)
