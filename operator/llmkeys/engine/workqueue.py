"""The work queue: de-duplicated, one reconciliation of a key at a time, delayed keys, a bounded number at work.

It is controller-runtime's queue in asyncio (https://pkg.go.dev/k8s.io/client-go/util/workqueue): `add` while a key is
at work marks it dirty and it is worked on once more; `add_at` keeps only the earliest time of a key.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

from llmkeys.api.objects import Key
from llmkeys.engine.clock import Clock
from llmkeys.engine.lanes import Lane, Line
from llmkeys.engine.observe import Observer

# Walked with every key that comes or goes; an enumeration takes its time to be walked and to tell its names.
_LANES: Final = tuple((lane, lane.name.lower()) for lane in Lane)


class WorkQueue:
    """Runs `work(key, lane)` for every key added, at most `workers` at a time.

    Args:
        work: reconciles one key; it handles its own errors.
        clock: tells the time.
        workers: how many reconciliations may be at work. One that waits for a provider lets go of its place
            (`waiting()`), so that a provider which never answers delays nobody.
        observer: told how long keys waited.

    """

    def __init__(
        self,
        work: Callable[[Key, Lane], Awaitable[None]],
        clock: Clock,
        workers: int = 48,
        observer: Observer | None = None,
    ) -> None:
        self._work = work
        self._clock = clock
        self._free = workers
        self._observer = observer
        self._since: dict[Key, float] = {}
        self._depths: dict[Lane, int] = dict.fromkeys(Lane, 0)  # as the observer knows them
        self._line = Line()
        self._resuming: dict[Lane, deque[asyncio.Future[None]]] = {lane: deque() for lane in Lane}
        self._lanes: dict[asyncio.Task[None], Lane] = {}
        self._busy: dict[Key, asyncio.Task[None]] = {}
        self._dirty: dict[Key, Lane] = {}
        self._timers: list[tuple[float, Key, Lane]] = []
        self._timer_of: dict[Key, tuple[float, Lane]] = {}
        self._wake: asyncio.TimerHandle | None = None
        self._open = False
        self._idle = asyncio.Event()
        self._idle.set()

    # -- what waits ------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._line) + len(self._busy)

    def depth(self, lane: Lane) -> int:
        return self._line.depth(lane)

    @property
    def delayed(self) -> int:
        return len(self._timer_of)

    async def drained(self) -> None:
        """Wait until nothing is at work or in line; delayed keys do not count."""
        await self._idle.wait()

    # -- adding ----------------------------------------------------------------------------------------------

    def add(self, key: Key, lane: Lane) -> None:
        """Have a key reconciled as soon as there is a place."""
        if key in self._busy:
            self._dirty[key] = min(lane, self._dirty.get(key, lane))
            return
        self._put(key, lane)
        self._dispatch()

    def add_at(self, key: Key, at: float, lane: Lane) -> None:
        """Have a key reconciled at a time (epoch seconds) unless an earlier one is set already."""
        known = self._timer_of.get(key)
        if known is not None and known[0] <= at:
            return
        self._timer_of[key] = (at, lane)
        heapq.heappush(self._timers, (at, key, lane))
        if self._timers[0][1] == key:
            self._arm()

    def forget(self, key: Key) -> None:
        """The object is gone: nothing of it is worked on any more."""
        self._line.discard(key)
        self._tell_depths()
        self._since.pop(key, None)
        self._dirty.pop(key, None)
        self._timer_of.pop(key, None)

    # -- running ---------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Begin to work: the caches are filled."""
        self._open = True
        self._arm()
        self._dispatch()

    async def close(self) -> None:
        """Begin nothing more and wait for what is at work."""
        self._open = False
        if self._wake is not None:
            self._wake.cancel()
        tasks = list(self._busy.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @asynccontextmanager
    async def waiting(self) -> AsyncIterator[None]:
        """Let go of the place while waiting for somebody else, and take one again, by its lane, before going on."""
        task = asyncio.current_task()
        lane = self._lanes.get(task, Lane.REFRESH) if task else Lane.REFRESH
        self._free += 1
        self._dispatch()
        try:
            yield
        finally:
            await self._take_place(lane)

    async def _take_place(self, lane: Lane) -> None:
        if self._free > 0:
            self._free -= 1
            return
        place = asyncio.get_running_loop().create_future()
        self._resuming[lane].append(place)
        try:
            await place
        except asyncio.CancelledError:
            if place.cancelled():  # it was never given; the task's own end gives one back
                if place in self._resuming[lane]:
                    self._resuming[lane].remove(place)
                self._free -= 1
            raise

    def _dispatch(self) -> None:
        while self._free > 0:
            resuming = next((lane for lane, places in self._resuming.items() if places), None)
            starting = self._line.first() if self._open else None
            if resuming is not None and (starting is None or resuming <= starting):
                # What is half done is finished before anything of its lane is begun.
                self._resume(resuming)
            elif starting is not None:
                self._start()
            else:
                break
        if self._busy or len(self._line):
            self._idle.clear()
        else:
            self._idle.set()

    def _resume(self, lane: Lane) -> None:
        place = self._resuming[lane].popleft()
        if not place.cancelled():
            self._free -= 1
            place.set_result(None)

    def _start(self) -> None:
        following = self._line.pop()
        if following is None:
            return
        key, lane = following
        self._told(key, lane)
        self._free -= 1
        task = asyncio.create_task(self._run(key, lane))
        self._busy[key] = task
        self._lanes[task] = lane

    async def _run(self, key: Key, lane: Lane) -> None:
        try:
            await self._work(key, lane)
        finally:
            self._lanes.pop(self._busy.pop(key), None)
            self._free += 1
            dirty = self._dirty.pop(key, None)
            if dirty is not None:
                self._put(key, dirty)
            self._dispatch()

    def _put(self, key: Key, lane: Lane) -> None:
        self._line.put(key, lane)
        if self._observer is not None:
            self._since.setdefault(key, self._clock.now())
            self._tell_depths()

    def _told(self, key: Key, lane: Lane) -> None:
        since = self._since.pop(key, None)
        if self._observer is not None and since is not None:
            self._observer.dequeued(lane.name.lower(), self._clock.now() - since)
            self._tell_depths()

    def _tell_depths(self) -> None:
        """Of all lanes: a key that moves up or is forgotten leaves one that nobody takes from."""
        if self._observer is None:
            return
        for lane, name in _LANES:
            depth = self._line.depth(lane)
            if depth != self._depths[lane]:
                self._depths[lane] = depth
                self._observer.queued(name, depth)

    # -- time ------------------------------------------------------------------------------------------------

    def _arm(self) -> None:
        if self._wake is not None:
            self._wake.cancel()
            self._wake = None
        while self._timers and self._timer_of.get(self._timers[0][1], (None,))[0] != self._timers[0][0]:
            heapq.heappop(self._timers)
        if not self._timers or not self._open:
            return
        delay = max(0.0, self._timers[0][0] - self._clock.now())
        self._wake = asyncio.get_running_loop().call_later(delay, self._ring)

    def _ring(self) -> None:
        self._wake = None
        now = self._clock.now()
        while self._timers and self._timers[0][0] <= now:
            at, key, _ = heapq.heappop(self._timers)
            known = self._timer_of.get(key)
            if known is not None and known[0] == at:
                del self._timer_of[key]
                self.add(key, known[1])
        self._arm()
