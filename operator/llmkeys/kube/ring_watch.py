"""Watches single objects of the operator by name and calls when one of them is not as it was last read."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from urllib.parse import quote

from llmkeys.api.objects import Key
from llmkeys.kube.client import ApiClient
from llmkeys.kube.cluster import ObjectMeta
from llmkeys.kube.ring_objects import Resource
from llmkeys.kube.watch import MetadataWatch

Look = Callable[[Collection[str]], Awaitable[float]]
"""Told the names of what may have changed; gives the seconds after which it wants to be called in any case."""


class RingWatch:
    """One watch for each object, which a right on exactly that object suffices for.

    Args:
        client: of the API server.
        namespace: the operator's.
        objects: their names by resource.
        is_current: whether name and resourceVersion are what was last read or written.

    """

    def __init__(
        self,
        client: ApiClient,
        namespace: str,
        objects: Mapping[Resource, Collection[str]],
        is_current: Callable[[str, str], bool],
    ) -> None:
        self._is_current = is_current
        self._changed: set[str] = set()
        self._wake = asyncio.Event()
        self._there: set[str] = set()
        self._watches = {
            name: MetadataWatch(
                client,
                f"/api/v1/namespaces/{quote(namespace)}/{resource}",
                resource,
                "",
                self._seen,
                self._gone,
                fields=f"metadata.name={name}",
            )
            for resource, names in objects.items()
            for name in names
        }

    async def run(self, stop: asyncio.Event, look: Look) -> None:
        """Watch until told to stop; `look` is called once at the beginning, and after every change."""
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(watch.run()) for watch in self._watches.values()]
            tasks += [group.create_task(self._tell_if_absent(name)) for name in self._watches]
            tasks.append(group.create_task(self._wake_at(stop)))
            try:
                while not stop.is_set():
                    await self._wait(await look(self._taken()))
            finally:
                for task in tasks:
                    task.cancel()

    def tell(self, names: Collection[str]) -> None:
        """Have a look at these soon, whether they changed or not."""
        self._changed.update(names)
        self._wake.set()

    def _taken(self) -> set[str]:
        taken, self._changed = self._changed, set()
        self._wake.clear()
        return taken

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _wake_at(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._wake.set()

    async def _tell_if_absent(self, name: str) -> None:
        """A watch tells of what goes; not of what was gone before it began."""
        await self._watches[name].synced.wait()
        if name not in self._there:
            self.tell((name,))

    def _seen(self, key: Key, meta: ObjectMeta) -> None:
        self._there.add(key.name)
        if not self._is_current(key.name, meta.resource_version):
            self.tell((key.name,))

    def _gone(self, key: Key) -> None:
        self._there.discard(key.name)
        self.tell((key.name,))
