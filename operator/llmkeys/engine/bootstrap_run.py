"""Makes the objects of one plan: never what was settled before, never over what somebody else has made."""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from llmkeys.api.errors import LlmkeysError
from llmkeys.api.names import BOOTSTRAP_LABEL
from llmkeys.api.objects import Key
from llmkeys.bootstrap.manifests import manifest_of
from llmkeys.bootstrap.planned import NAMESPACE_KIND, Kind, PlannedObject
from llmkeys.bootstrap.records import Outcome, PlannedLine, PlanRecord, Settled
from llmkeys.crypto.keypair import PublicKey
from llmkeys.crypto.mac import same
from llmkeys.engine.bootstrap_effects import BootstrapCluster, BootstrapObserver, FoundObject
from llmkeys.engine.bootstrap_notes import NoteBook
from llmkeys.engine.bootstrap_planning import Wanted
from llmkeys.engine.effects import ConflictError, ForbiddenError, NotThereError, RefusedError

UNDER_WAY: Final = 8
_ORDER: Final[tuple[Kind, ...]] = ("Namespace", "LLMProvider", "LLMCredential")
_CHANGED: Final = "It is not what was planned any more: the template was changed before it was made."
_NAMESPACE_GONE: Final = "Its namespace was deleted before it was made."
_NAMESPACE_REFUSED: Final = "Its namespace could not be made."


class BootstrapRun:
    """One pass over what is not settled yet.

    Args:
        cluster: takes the objects.
        observer: told of each.
        plan: what is to be made.
        book: knows what is settled, and keeps what becomes so.
        public: gives what keys are sealed to.

    """

    def __init__(
        self,
        cluster: BootstrapCluster,
        observer: BootstrapObserver,
        plan: PlanRecord,
        book: NoteBook,
        public: Callable[[], PublicKey],
    ) -> None:
        self._cluster = cluster
        self._observer = observer
        self._plan = plan
        self._book = book
        self._public_now = public
        self._public: PublicKey
        self._wanted: Mapping[str, tuple[PlannedObject, str]] = {}
        self._missing: set[str] = set()
        self._namespaces = {one.name: index for index, one in enumerate(plan.objects) if one.kind == NAMESPACE_KIND}

    @property
    def settled(self) -> bool:
        """Whether nothing is left to be made."""
        return all(index in self._book.notes.settled for index in range(len(self._plan.objects)))

    async def act(self, wanted: Wanted) -> tuple[str, ...]:
        """Make what can be made now.

        Returns:
            what the rest waits for; empty where all is settled.

        """
        objects = zip(wanted.plan.objects, wanted.lines, strict=True)
        self._wanted = {line.reference: (one, line.mac) for one, line in objects}
        self._public = self._public_now()
        for kind in _ORDER:
            left = iter([index for index, one in enumerate(self._plan.objects) if one.kind == kind])
            await _all_of([self._work(left) for _ in range(UNDER_WAY)])
        return tuple(sorted(self._missing))

    async def _work(self, left: Iterator[int]) -> None:
        for index in left:
            if index in self._book.notes.settled:
                continue
            line = self._plan.objects[index]
            settled = await self._outcome(line)
            if settled is not None:
                await self._book.settle(index, settled)
                self._observer.settled(line.reference, settled.outcome, settled.detail)

    async def _outcome(self, line: PlannedLine) -> Settled | None:
        """What becomes of an object; None where that is not to be said yet."""
        if line.namespace:
            namespace = self._book.notes.settled.get(self._namespaces.get(line.namespace, -1))
            if namespace is None:
                self._missing.add(f"namespace {line.namespace} is not there yet")
                return None
            if namespace.outcome is Outcome.REFUSED:
                return Settled(Outcome.REFUSED, _NAMESPACE_REFUSED)
        one, mac = self._wanted.get(line.reference, (None, ""))
        if one is None or not same(mac, line.mac):
            return Settled(Outcome.REFUSED, _CHANGED)
        try:
            return await self._make(one)
        except ForbiddenError as error:
            self._missing.add(str(error))
            return None

    async def _make(self, one: PlannedObject) -> Settled | None:
        manifest = manifest_of(one, self._public, self._plan.number)
        hindered: LlmkeysError
        try:
            await self._cluster.create(manifest)
        except RefusedError as error:
            return Settled(Outcome.REFUSED, str(error))
        except NotThereError as error:
            return await self._without_namespace(one, error)
        except (ConflictError, ForbiddenError) as error:
            # Who may not create is told so before the API server looks whether it is there.
            hindered = error
        else:
            return Settled(Outcome.CREATED)
        found = await self._cluster.read(one.kind, Key(one.namespace, one.name))
        if found is None:
            self._missing.add(str(hindered))
            return None
        return self._found(one, found, manifest)

    def _found(self, one: PlannedObject, found: FoundObject, manifest: Mapping[str, Any]) -> Settled | None:
        if one.kind == NAMESPACE_KIND and found.terminating:
            self._missing.add(f"namespace {one.name} is being deleted")
            return None
        if found.labels.get(BOOTSTRAP_LABEL) == str(self._plan.number):
            return Settled(Outcome.CREATED)  # by us, before we could note it
        alike = one.kind == NAMESPACE_KIND or _comparable(found.spec) == _comparable(manifest["spec"])
        return Settled(Outcome.EXISTS if alike else Outcome.DIFFERS)

    async def _without_namespace(self, one: PlannedObject, error: NotThereError) -> Settled | None:
        if one.namespace and await self._cluster.read(NAMESPACE_KIND, Key("", one.namespace)) is None:
            return Settled(Outcome.REFUSED, _NAMESPACE_GONE)  # what a user deletes stays deleted
        self._missing.add(str(error))
        return None


async def _all_of(works: list[Any]) -> None:
    """Do all of it; the first error ends it, and nothing goes on behind it."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _comparable(spec: Mapping[str, Any]) -> dict[str, Any]:
    """A spec without sealed values, which never come out alike."""
    if "keys" not in spec:
        return dict(spec)
    keys = [
        {**{name: value for name, value in key.items() if name != "sealed"}, "sealed": sorted(key.get("sealed", {}))}
        for key in spec["keys"]
    ]
    return {**spec, "keys": keys}
