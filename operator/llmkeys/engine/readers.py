"""What is done for those who read a Secret when it holds something else: rollouts and nudges, beside reconciliation."""

from collections.abc import Callable

from llmkeys.api.credential import LLMCredential
from llmkeys.api.objects import Key
from llmkeys.engine.clock import Clock
from llmkeys.engine.effects import Cluster
from llmkeys.engine.lanes import Lane
from llmkeys.engine.nudges import Nudges
from llmkeys.engine.observe import Observer
from llmkeys.engine.rollouts import Rollouts
from llmkeys.engine.rollouts_effects import Pods, Workloads
from llmkeys.engine.store import Store


class Readers:
    """Both of them, as the engine tells of what happens.

    Args:
        store: knows all credentials.
        cluster: gets statuses and Events.
        workloads: restarts them; None if rollouts are switched off.
        pods: nudges them; None if nudges are switched off.
        clock: tells the time.
        wake: has a credential reconciled, and `report` called for it.
        observer: told of faults.

    """

    def __init__(
        self,
        store: Store,
        cluster: Cluster,
        workloads: Workloads | None,
        pods: Pods | None,
        clock: Clock,
        wake: Callable[[Key, Lane], None],
        observer: Observer,
    ) -> None:
        self._rollouts = Rollouts(store, cluster, workloads, clock, wake, observer)
        self._nudges = Nudges(store, pods, clock, observer)

    def seen(self, credential: LLMCredential) -> None:
        """A version of a credential was listed, watched, or made by ourselves."""
        self._rollouts.seen(credential)

    def reconciled(self, before: LLMCredential | None, after: LLMCredential) -> None:
        """A reconciliation wrote a status."""
        self._rollouts.seen(after)
        self._nudges.changed(before, after)

    def gone(self, key: Key) -> None:
        self._rollouts.gone(key)
        self._nudges.gone(key)

    async def report(self, key: Key) -> None:
        """Write what rollouts came to; called while nobody else writes the credential's status.

        Raises:
            RetryableError: the API server did not answer, or the status is not what it was.

        """
        await self._rollouts.report(key)

    def start(self) -> None:
        self._rollouts.start()
        self._nudges.start()

    async def stop(self) -> None:
        await self._rollouts.stop()
        await self._nudges.stop()
