"""The Secret that holds renewed credential files, each value sealed."""

import contextlib
from collections.abc import Callable, Mapping
from typing import Final

from llmkeys.api.names import RENEWED_SECRET
from llmkeys.crypto.at_rest import key_id_at_rest
from llmkeys.crypto.errors import EnvelopeMalformedError
from llmkeys.engine.effects import ConflictError, NotThereError
from llmkeys.kube.ring_objects import OwnObjects

_ATTEMPTS: Final = 5


class RenewedFiles:
    """Reads it, and changes exactly the version that was read.

    Args:
        objects: of the operator's namespace.

    """

    def __init__(self, objects: OwnObjects) -> None:
        self._objects = objects

    async def read(self) -> dict[str, bytes] | None:
        """What it holds; None without one."""
        found = await self._objects.read("secrets", RENEWED_SECRET)
        return None if found is None else dict(found.data)

    async def change(self, following: Callable[[Mapping[str, bytes] | None], dict[str, bytes]]) -> dict[str, bytes]:
        """Have it hold what follows from what it holds.

        Args:
            following: what it shall hold, of what it holds (None without one); called again after a conflict.

        Raises:
            ConflictError: it changes at every attempt.

        """
        for _ in range(_ATTEMPTS):
            found = await self._objects.read("secrets", RENEWED_SECRET)
            data = following(None if found is None else found.data)
            with contextlib.suppress(ConflictError, NotThereError):
                if found is None:
                    await self._objects.create("secrets", RENEWED_SECRET, data)
                else:
                    await self._objects.replace(found, data)
                return data
        raise ConflictError(f"Secret {self._objects.namespace}/{RENEWED_SECRET} changes at every attempt.")


async def keys_in_use(objects: OwnObjects) -> frozenset[str]:
    """Ids of the sealing keys that some renewed file is sealed to."""
    found = await objects.read("secrets", RENEWED_SECRET)
    return frozenset(_key_ids(found.data if found else {}))


def _key_ids(data: Mapping[str, bytes]) -> list[str]:
    ids = []
    for sealed in data.values():
        with contextlib.suppress(EnvelopeMalformedError):
            ids.append(key_id_at_rest(sealed))
    return ids
