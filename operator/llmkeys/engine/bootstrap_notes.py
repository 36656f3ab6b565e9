"""The notes of one bootstrap as the operator keeps them: written in the version that was read, several at once."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Final

from llmkeys.bootstrap.notes import Notes, notes_data, notes_from
from llmkeys.bootstrap.records import Settled, record_name
from llmkeys.engine.bootstrap_effects import BootstrapCluster, RecordObject
from llmkeys.engine.effects import ConflictError, NotThereError

_ATTEMPTS: Final = 10


class NoteBook:
    """Made by `read`. Whoever else writes the notes, none of theirs is lost or overwritten.

    Args:
        cluster: that holds them.
        number: of the bootstrap.

    """

    def __init__(self, cluster: BootstrapCluster, number: int) -> None:
        self.number: Final = number
        self.notes = Notes()
        self._name: Final = record_name("notes", number)
        self._cluster = cluster
        self._found: RecordObject | None = None
        self._unwritten: dict[int, Settled] = {}
        self._writing = asyncio.Lock()

    async def read(self) -> None:
        """Take in what is there.

        Raises:
            RecordMalformedError: it is not ours.

        """
        self._take(await self._cluster.read_record(self._name))

    async def settle(self, index: int, settled: Settled) -> None:
        """Note what became of an object, and return when that is written; what comes meanwhile goes into one write.

        Raises:
            ConflictError: another operator has finished this bootstrap meanwhile.

        """
        self._unwritten[index] = settled
        async with self._writing:
            if index not in self._unwritten:
                return  # went with another's
            batch = dict(self._unwritten)
            await self._change(lambda notes: _added(notes, batch))
            for written in batch:
                del self._unwritten[written]

    async def write(self, following: Callable[[Notes], Notes]) -> None:
        """Have the notes be what follows from them; nothing is written where they are."""
        async with self._writing:
            await self._change(following)

    async def _change(self, following: Callable[[Notes], Notes]) -> None:
        for _ in range(_ATTEMPTS):
            wanted = following(self.notes)
            if wanted == self.notes:
                return
            try:
                self._take(await self._written(wanted))
            except (ConflictError, NotThereError):
                await self.read()
            else:
                return
        raise ConflictError(f"ConfigMap {self._name} changes at every attempt.")

    async def _written(self, wanted: Notes) -> RecordObject:
        if self._found is None:
            data = {name: text.encode() for name, text in notes_data(wanted).items()}
            return await self._cluster.create_record(self._name, data, immutable=False)
        before, after = notes_data(self.notes), notes_data(wanted)
        changes: dict[str, str | None] = {name: None for name in before if name not in after}
        changes |= {name: text for name, text in after.items() if before.get(name) != text}
        return await self._cluster.change_record(self._name, self._found.resource_version, changes)

    def _take(self, found: RecordObject | None) -> None:
        """What was known stays known where somebody has deleted the notes: nothing is to be made twice."""
        self._found = found
        if found is not None:
            self.notes = notes_from(self.number, found.data)


def _added(notes: Notes, batch: Mapping[int, Settled]) -> Notes:
    if notes.finished:
        raise ConflictError("Another operator has finished this bootstrap.")
    return Notes({**batch, **notes.settled}, notes.waiting, notes.ignored)
