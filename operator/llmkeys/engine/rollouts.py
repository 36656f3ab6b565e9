"""Rollouts: workloads that are restarted when what is delivered has changed, beside reconciliation.

Nobody waits for it: it works off a queue of its own what statuses say is owed. What it came to is kept here until the
credential's own turn comes, in which `report` writes it, so that the status has one writer at a time. If the operator
dies before that, the annotation on the pod template tells the next one that it was done.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from llmkeys.api.credential import LLMCredential
from llmkeys.api.objects import Key, merge_patch
from llmkeys.api.rollout import RolloutReason, RolloutSpec, RolloutStatus, WorkloadRef, WorkloadStatus
from llmkeys.delivery.rollout import Asked, Change, RollOut, is_due, last_rollout, rolled_out, said, step, waits_until
from llmkeys.engine.clock import Clock
from llmkeys.engine.effects import Cluster, ConflictError
from llmkeys.engine.lanes import Lane
from llmkeys.engine.observe import Observer
from llmkeys.engine.report import event_of
from llmkeys.engine.rollouts_effects import Workloads
from llmkeys.engine.store import Store
from llmkeys.engine.workqueue import WorkQueue
from llmkeys.probe.schedule import BackOff, spread

_BACK_OFF: Final = BackOff(5.0, 300.0)
_WORKERS: Final = 4
_TRIES: Final = 3
_UNTOLD: Final = frozenset({RolloutReason.CHECKING, RolloutReason.UP_TO_DATE, RolloutReason.WAITING})

_Place = tuple[str, WorkloadRef]  # a workload and its namespace
_Looked = tuple[RolloutSpec | None, str, tuple[str, ...]]


class Rollouts:
    """What is owed to workloads, and what has come of it.

    Args:
        store: knows all credentials.
        cluster: gets statuses and Events.
        workloads: reads and restarts them; None if rollouts are switched off, which is then told and no more.
        clock: tells the time.
        wake: has a credential reconciled, and `report` called for it.
        observer: told of faults.

    """

    def __init__(
        self,
        store: Store,
        cluster: Cluster,
        workloads: Workloads | None,
        clock: Clock,
        wake: Callable[[Key, Lane], None],
        observer: Observer,
    ) -> None:
        self._store = store
        self._cluster = cluster
        self._workloads = workloads
        self._clock = clock
        self._wake = wake
        self._observer = observer
        self._queue = WorkQueue(self._work, clock, _WORKERS)
        self._users: defaultdict[_Place, set[Key]] = defaultdict(set)
        self._looked: dict[Key, _Looked] = {}
        self._found: defaultdict[Key, dict[WorkloadRef, Change]] = defaultdict(dict)
        self._failures: dict[Key, int] = {}

    # -- what is heard ---------------------------------------------------------------------------------------

    def seen(self, credential: LLMCredential) -> None:
        """Take in a version of a credential; what is due is looked after as soon as there is a place."""
        key, status = credential.key, credential.status
        wanted = credential.spec.target.rollout
        before = self._looked.get(key)
        if before is None and wanted is None:
            return
        looked = (wanted, status.target.content, tuple(one.delivered for one in _targets(credential)))
        if looked == before:
            return
        self._unlink(key)
        self._looked[key] = looked
        for ref in wanted.targets if wanted else ():
            self._users[key.namespace, ref].add(key)
        if before is None or before[:2] != looked[:2]:
            self._failures.pop(key, None)
        if any(is_due(one, status.target.content) for one in self._known(credential)):
            self._queue.add(key, Lane.CHANGE)

    def gone(self, key: Key) -> None:
        self._unlink(key)
        self._queue.forget(key)
        self._found.pop(key, None)
        self._failures.pop(key, None)

    def start(self) -> None:
        self._queue.open()

    async def stop(self) -> None:
        await self._queue.close()

    # -- what is told ----------------------------------------------------------------------------------------

    async def report(self, key: Key) -> None:
        """Write what rollouts of a credential came to; called while nobody else writes its status.

        Raises:
            RetryableError: the API server did not answer, or the status is not what it was.

        """
        credential = self._store.credentials.get(key)
        if key not in self._found or credential is None:
            return
        before, after = _targets(credential), self._known(credential)
        changes = dict(self._found[key])
        status = msgspec.structs.replace(credential.status, rollout=RolloutStatus(after) if after else None)
        patch = merge_patch(msgspec.to_builtins(credential.status), msgspec.to_builtins(status))
        if patch:
            credential = await self._cluster.patch_credential_status(credential, patch)
            self._store.put_credential(credential)
        self._written(key, changes)
        self.seen(credential)
        for was, now in zip(before, after, strict=True):
            await self._tell(credential, was, now)

    def _written(self, key: Key, changes: Mapping[WorkloadRef, Change]) -> None:
        """Forget what was written, and nothing that was found out meanwhile."""
        left = {ref: one for ref, one in self._found.pop(key).items() if changes.get(ref) is not one}
        if left:
            self._found[key] = left
            self._wake(key, Lane.CHANGE)

    async def _tell(self, credential: LLMCredential, was: WorkloadStatus, now: WorkloadStatus) -> None:
        again = now.reason == RolloutReason.ROLLED_OUT and was.last_rollout_time != now.last_rollout_time
        if now.reason in _UNTOLD or not (again or was.reason != now.reason):
            return
        kind = "Normal" if now.reason == RolloutReason.ROLLED_OUT else "Warning"
        text = f"{now.ref}: {now.message}"
        await self._cluster.post_event(event_of(credential, kind, now.reason, text, self._clock.now()))

    # -- work ------------------------------------------------------------------------------------------------

    async def _work(self, key: Key, _lane: Lane) -> None:
        credential = self._store.credentials.get(key)
        if credential is None or credential.metadata.deletion_timestamp:
            return
        content = credential.status.target.content
        due = [one for one in self._known(credential) if is_due(one, content)]
        try:
            again = [await self._attempt(credential, one) for one in due]
        finally:
            if self._found.get(key):
                self._wake(key, Lane.CHANGE)
        times = [at for at in again if at is not None]
        if times:
            self._queue.add_at(key, min(times), Lane.RETRY)

    async def _attempt(self, credential: LLMCredential, target: WorkloadStatus) -> float | None:
        try:
            return await self._look_after(credential, target)
        except Exception as error:  # noqa: BLE001  one workload's trouble is no other's
            self._observer.failed(credential.key, error)
            return self._retry(credential.key)

    async def _look_after(self, credential: LLMCredential, target: WorkloadStatus) -> float | None:
        """Do for one target what can be done now; when to come back (epoch seconds), None where all is done."""
        asked = self._asked(credential, target.ref)
        if self._workloads is None:
            after = said(target, RolloutReason.SWITCHED_OFF)
        else:
            after = await self._bring(self._workloads, credential, target, asked)
        self._note(credential, target, after)
        if self._workloads is None or not is_due(after, asked.content):
            return None
        return waits_until(after, asked) or self._retry(credential.key)

    def _note(self, credential: LLMCredential, target: WorkloadStatus, after: WorkloadStatus) -> None:
        standing = self._store.credentials.get(credential.key)
        if after == target or standing is None or standing.metadata.uid != credential.metadata.uid:
            return  # another of that name has another story
        found = self._found[credential.key]
        before = found[target.ref].before if target.ref in found else target
        found[target.ref] = Change(before, after)

    async def _bring(
        self, workloads: Workloads, credential: LLMCredential, target: WorkloadStatus, asked: Asked
    ) -> WorkloadStatus:
        namespace = credential.metadata.namespace
        for _ in range(_TRIES):
            found = await workloads.read(namespace, target.ref)
            following = step(target, found, asked, self._clock.now())
            if isinstance(following, WorkloadStatus):
                return following
            try:
                return await self._roll_out(workloads, credential, target, asked, following)
            except ConflictError:
                asked = self._asked(credential, target.ref)
        return said(target, RolloutReason.CONFLICT)

    async def _roll_out(
        self, workloads: Workloads, credential: LLMCredential, target: WorkloadStatus, asked: Asked, change: RollOut
    ) -> WorkloadStatus:
        namespace = credential.metadata.namespace
        refused = await workloads.roll_out(namespace, target.ref, change.version, change.annotation)
        if refused is not None:
            return said(target, refused)
        for other in self._users.get((namespace, target.ref), set()) - {credential.key}:
            # It served those as well; they find it there.
            self._queue.add(other, Lane.CHANGE)
        return rolled_out(target, asked, self._clock.now())

    # -- parts -----------------------------------------------------------------------------------------------

    def _known(self, credential: LLMCredential) -> tuple[WorkloadStatus, ...]:
        """The targets as the status will say it."""
        found = self._found.get(credential.key, {})
        return tuple(found[one.ref].on(one) if one.ref in found else one for one in _targets(credential))

    def _asked(self, credential: LLMCredential, ref: WorkloadRef) -> Asked:
        place = (credential.metadata.namespace, ref)
        keys = self._users.get(place, set())
        users = [self._store.credentials[key] for key in keys if key in self._store.credentials]
        wanted = credential.spec.target.rollout or RolloutSpec()
        return Asked(
            credential.metadata.name,
            {one.metadata.name: one.status.target.content for one in users},
            wanted.min_interval,
            max((last_rollout(one) for user in users for one in self._known(user) if one.ref == ref), default=0.0),
        )

    def _retry(self, key: Key) -> float:
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        return self._clock.now() + spread(_BACK_OFF.delay(failures), self._clock.jitter())

    def _unlink(self, key: Key) -> None:
        wanted, *_ = self._looked.pop(key, (None,))
        for ref in wanted.targets if wanted else ():
            place = (key.namespace, ref)
            self._users[place].discard(key)
            if not self._users[place]:
                del self._users[place]


def _targets(credential: LLMCredential) -> tuple[WorkloadStatus, ...]:
    return credential.status.rollout.targets if credential.status.rollout else ()
