"""Nudges: pods that read a Secret's files learn of another content at once, and not when their kubelet looks next.

The kubelet renews what is mounted about once a minute, and at once where the pod itself changes, be it an annotation.
A nudge that is lost costs that minute and nothing else: nothing of it is kept, and nothing is tried again.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from llmkeys.api.credential import LLMCredential
from llmkeys.api.objects import Key
from llmkeys.engine.clock import Clock
from llmkeys.engine.effects import NotThereError
from llmkeys.engine.lanes import Lane
from llmkeys.engine.observe import Observer
from llmkeys.engine.rollouts_effects import Pods
from llmkeys.engine.store import Store
from llmkeys.engine.workqueue import WorkQueue

MOST: Final = 200
"""Pods for one change of a Secret; the others learn of it in their own time."""
PACE: Final = 0.01
"""Seconds between two pods of one Secret."""
_AT_ONCE: Final = 2  # Secrets


class Nudges:
    """Nudges pods.

    Args:
        store: knows all credentials.
        pods: finds and patches them; None if nudges are switched off.
        clock: tells the time.
        observer: told of faults.
        wait: sleeps for some seconds.

    """

    def __init__(
        self,
        store: Store,
        pods: Pods | None,
        clock: Clock,
        observer: Observer,
        wait: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._store = store
        self._pods = pods
        self._observer = observer
        self._wait = wait
        self._queue = WorkQueue(self._work, clock, _AT_ONCE)

    def changed(self, before: LLMCredential | None, after: LLMCredential) -> None:
        """A reconciliation has ended; nothing is done unless it gave a Secret that was there another content."""
        if self._pods is None or before is None:
            return
        was, now = before.status.target, after.status.target
        if was.uid == now.uid != "" and was.content != now.content:
            self._queue.add(after.key, Lane.CHANGE)

    def gone(self, key: Key) -> None:
        self._queue.forget(key)

    def start(self) -> None:
        self._queue.open()

    async def stop(self) -> None:
        await self._queue.close()

    async def _work(self, key: Key, _lane: Lane) -> None:
        credential = self._store.credentials.get(key)
        if credential is None or self._pods is None:
            return
        try:
            await self._nudge(self._pods, Key(key.namespace, credential.secret_name), credential)
        except Exception as error:  # noqa: BLE001  the kubelet comes by itself
            self._observer.failed(key, error)

    async def _nudge(self, pods: Pods, secret: Key, credential: LLMCredential) -> None:
        version = credential.status.target.resource_version
        for name in await pods.following(secret, MOST):
            try:
                await pods.nudge(secret.namespace, name, version)
            except NotThereError:
                continue
            await self._wait(PACE)
