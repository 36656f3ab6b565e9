"""The files whose access token was renewed: kept sealed in the operator's own Secret, which no source ever learns of.

A file is written there before it can be found, for its refresh token may be the only one that still works. What could
not be written stays in memory and goes with the next write, which comes before any further renewal.

A file goes for want of room only. That its owner is not known now does not say that it was deleted: its namespace may
not be watched for a while, or it is about to be created again.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

import msgspec

from llmkeys.api.errors import LlmkeysError
from llmkeys.crypto.at_rest import OVERHEAD, key_id_at_rest, open_at_rest, seal_at_rest
from llmkeys.engine.effects import RenewedStore
from llmkeys.engine.keyring import KeyRingHolder

MOST_FILES: Final = 256
MOST_BYTES: Final = 768 * 1024
"""In all, sealed: a Secret may hold 1 MiB."""

_BESIDE_THE_FILE: Final = 512


@dataclass(frozen=True, slots=True)
class RenewedFile:
    """A file with a renewed access token.

    Args:
        original: a keyed digest of the file in the source; another one there starts over.
        text: the file as it is now.
        renewed: when that was (epoch seconds).
        lifetime: seconds that the access token lives in all, None if its service did not say.
        asked: when it was last renewed because the provider said that the token has expired, 0 if never.

    """

    original: str
    text: str = field(repr=False)
    renewed: float
    lifetime: float | None = None
    asked: float = 0.0


class RenewedBook:
    """Finds and keeps renewed files by their places, `<owner>.<rest>`.

    Args:
        store: the Secret.
        keys: seal and open.
        owners: those that are there; only what belongs to none of them makes room. Asked when the Secret is full.

    """

    def __init__(self, store: RenewedStore, keys: KeyRingHolder, owners: Callable[[], Collection[str]]) -> None:
        self._store = store
        self._keys = keys
        self._owners = owners
        self._sealed: dict[str, bytes] | None = None
        self._opened: dict[str, tuple[bytes, RenewedFile]] = {}
        self._unwritten: dict[str, RenewedFile] = {}
        self._calling = asyncio.Lock()  # the Secret: writes would conflict, and an older answer outlive a newer one

    def forget(self) -> None:
        """Read the Secret anew before anything is found: somebody else may have written it until now."""
        self._sealed = None
        self._opened.clear()

    async def find(self, place: str, original: str) -> RenewedFile | None:
        """The renewed form of a file; None if it was never renewed, or is another one by now.

        Args:
            place: of the file.
            original: the digest of what is in the source.

        Raises:
            RetryableError: the Secret cannot be read.

        """
        sealed = (await self._read()).get(place)
        file = None if sealed is None else self._opened_once(place, sealed)
        return file if file is not None and file.original == original else None

    async def prepare(self) -> None:
        """See what others wrote, and that the Secret can be written: before a token is spent that works only once.

        Raises:
            RetryableError: it cannot, now.
            PlatformError: it cannot; a right is missing.

        """
        async with self._calling:
            await self._write()

    def has_room(self, place: str, text: str) -> bool:
        """Whether one more file of about this size can be kept, if need be in the place of what belongs to nobody."""
        others = {name: value for name, value in (self._sealed or {}).items() if name != place}
        more = len(text.encode()) + OVERHEAD + _BESIDE_THE_FILE
        if _fits(others, 1, more):
            return True
        owners = self._owners()
        return _fits({name: value for name, value in others.items() if owner_of(name) in owners}, 1, more)

    async def put(self, place: str, file: RenewedFile) -> None:
        """Keep a file.

        Args:
            place: of the file.
            file: it, renewed.

        Raises:
            RetryableError: it is not written yet, and so is not found.

        """
        self._unwritten[place] = file
        async with self._calling:
            # Whoever wrote meanwhile has taken it along.
            if self._unwritten.get(place) is file:
                await self._write()

    async def seal_anew(self) -> None:
        """Have everything sealed with the key that is active, so that older ones can be retired."""
        stood = await self._read()
        if any(self._sealed_anew(place, sealed) is not sealed for place, sealed in stood.items()):
            async with self._calling:
                await self._write()

    async def _read(self) -> dict[str, bytes]:
        if self._sealed is not None:
            return self._sealed
        async with self._calling:
            if self._sealed is None:
                self._sealed = await self._store.read() or {}
            return self._sealed

    async def _write(self) -> None:
        writing = dict(self._unwritten)

        def following(found: Mapping[str, bytes] | None) -> dict[str, bytes]:
            # A Secret that was deleted is put back from memory.
            stood = (self._sealed or {}) if found is None else found
            written = {place: self._seal(place, file) for place, file in writing.items()}
            others = self._with_room(written, {place: one for place, one in stood.items() if place not in written})
            return {place: self._sealed_anew(place, sealed) for place, sealed in others.items()} | written

        self._sealed = await self._store.change(following)
        self._opened = {place: one for place, one in self._opened.items() if place in self._sealed}
        for place, file in writing.items():
            if self._unwritten.get(place) is file:
                del self._unwritten[place]

    def _with_room(self, written: Mapping[str, bytes], others: dict[str, bytes]) -> dict[str, bytes]:
        """What stays of the others: as much of what belongs to nobody goes as is needed, the longest renewed first."""
        count, size = len(written), _size(written)
        if _fits(others, count, size):
            return others
        owners, stays = self._owners(), dict(others)
        for place in sorted((one for one in others if owner_of(one) not in owners), key=self._renewed_of(others)):
            del stays[place]
            if _fits(stays, count, size):
                break
        return stays

    def _renewed_of(self, sealed: Mapping[str, bytes]) -> Callable[[str], float]:
        def renewed(place: str) -> float:
            file = self._opened_once(place, sealed[place])
            return 0.0 if file is None else file.renewed

        return renewed

    def _seal(self, place: str, file: RenewedFile) -> bytes:
        return seal_at_rest(self._keys.current.sealing.active, place, msgspec.json.encode(file))

    def _sealed_anew(self, place: str, sealed: bytes) -> bytes:
        """The same under the active key; as it is if it does not open, for a restored ring may open it."""
        if _sealed_to(sealed) == self._keys.current.sealing.active.key_id:
            return sealed
        file = self._opened_once(place, sealed)
        return sealed if file is None else self._seal(place, file)

    def _opened_once(self, place: str, sealed: bytes) -> RenewedFile | None:
        known = self._opened.get(place)
        if known is not None and known[0] == sealed:
            return known[1]
        file = self._open(place, sealed)
        if file is not None:
            self._opened[place] = (sealed, file)
        return file

    def _open(self, place: str, sealed: bytes) -> RenewedFile | None:
        try:
            return msgspec.json.decode(open_at_rest(sealed, place, self._keys.current.sealing), type=RenewedFile)
        except (LlmkeysError, msgspec.MsgspecError, UnicodeDecodeError):
            return None


def _fits(files: Mapping[str, bytes], more: int, bytes_more: int) -> bool:
    return len(files) + more <= MOST_FILES and _size(files) + bytes_more <= MOST_BYTES


def _size(files: Mapping[str, bytes]) -> int:
    return sum(len(place) + len(sealed) for place, sealed in files.items())


def owner_of(place: str) -> str:
    """Whose a place is."""
    return place.partition(".")[0]


def _sealed_to(sealed: bytes) -> str:
    try:
        return key_id_at_rest(sealed)
    except LlmkeysError:
        return ""
