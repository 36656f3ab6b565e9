"""The one-time bootstrap: whether a run is to be made, and in which order its steps follow.

A look may happen any number of times and may end anywhere: plan, notes and receipt say where to go on.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final

from llmkeys.api.errors import LlmkeysError
from llmkeys.api.names import BOOTSTRAP_SECRET, BOOTSTRAP_SWITCH
from llmkeys.bootstrap.comparison import input_mac
from llmkeys.bootstrap.records import PlanRecord, numbers, record_name
from llmkeys.bootstrap.template import TemplateInvalidError
from llmkeys.catalogue.lookup import Catalogue
from llmkeys.engine.bootstrap_effects import (
    BootstrapCluster,
    BootstrapKeys,
    BootstrapObserver,
    InputKind,
    InputObject,
    Offload,
)
from llmkeys.engine.bootstrap_later import Aftermath
from llmkeys.engine.bootstrap_notes import NoteBook
from llmkeys.engine.bootstrap_planning import Planner, Records
from llmkeys.engine.bootstrap_run import BootstrapRun
from llmkeys.engine.bootstrap_telling import INVALID, WAITING, Message, Teller
from llmkeys.engine.clock import Clock
from llmkeys.engine.effects import ApiUnavailableError, ForbiddenError, RefusedError

IDLE: Final = 3600.0
"""Seconds between two looks where nothing is to be done."""
LONGEST_WAIT: Final = 60.0
BORN_WITHIN: Final = 600.0
"""Seconds from the making of the first MAC key to that of its Secret; a Secret made later was restored."""
_FIRST_WAIT: Final = 1.0

_RESTORED: Final = (
    "The operator's own keys were restored, and with them no receipt of a bootstrap: whether this template was "
    "consumed before is not known, so nothing is created. If it shall be: llmkeys bootstrap --again"
)
_EXPOSED: Final = (
    f"A template is not read from a ConfigMap, where many can read its keys: put it into the Secret {BOOTSTRAP_SECRET}"
    ", delete this ConfigMap, and have the keys in it replaced."
)
_EMPTIED: Final = (
    "The template is gone, and not all that was planned or asked for is made. Put it back as it was; or hand over any "
    "other: what is not as planned is then refused, and the bootstrap ends."
)
_NO_MAC: Final = (
    "The key of its plan's digests is gone from the ring of Secret llmkeys-mac: restore that from a backup."
)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a bootstrap is made of.

    Args:
        cluster: the API server.
        keys: the operator's own.
        catalogue: knows the providers.
        environment: of the process, with variables in it.
        clock: tells the time.
        observer: told what happens.
        offload: computes where it delays nobody.

    """

    cluster: BootstrapCluster
    keys: BootstrapKeys
    catalogue: Catalogue
    environment: Mapping[str, str]
    clock: Clock
    observer: BootstrapObserver
    offload: Offload


class Bootstrap:
    """Looks at the input and does what is to be done.

    Args:
        parts: effects and knowledge.

    """

    def __init__(self, parts: Parts) -> None:
        self._cluster = parts.cluster
        self._keys = parts.keys
        self._observer = parts.observer
        self._planner = Planner(parts.cluster, parts.catalogue, parts.environment, parts.offload)
        self._records = Records(parts.cluster, parts.clock)
        self._teller = Teller(parts.cluster, parts.clock, parts.observer)
        self._aftermath = Aftermath(parts.keys, self._planner, self._teller, parts.observer)
        self._failures = 0
        self._seen: dict[str, str] = {}
        self.allowed: dict[InputKind, bool] = {}
        """What may be read, as the last look found out; without the Secret there is no bootstrap."""

    def is_current(self, kind: str, resource_version: str) -> bool:
        """Whether the input, a Secret or a ConfigMap, is in the version that was read last."""
        return self._seen.get(kind) == resource_version

    async def look(self) -> float:
        """Do what can be done now; what fails is told, and done again next time.

        Returns:
            seconds after which it wants to look again.

        """
        try:
            await self._refuse_exposed()
            found = await self._read_input()
            ended = found is None or await self._consume(found)
        except ApiUnavailableError as error:
            self._observer.failed(error)
            return max(self._longer(), error.retry_after or 0.0)
        except LlmkeysError as error:
            self._observer.failed(error)
            return self._longer()
        if not ended:
            return self._longer()
        self._failures = 0
        return IDLE

    def _longer(self) -> float:
        self._failures += 1
        return float(min(_FIRST_WAIT * 2 ** min(self._failures - 1, 10), LONGEST_WAIT))

    async def _refuse_exposed(self) -> None:
        exposed = await self._read("ConfigMap", self._cluster.read_exposed)
        if exposed is not None:
            self._seen[exposed.kind] = exposed.resource_version
            await self._teller.tell(exposed, Message(INVALID, _EXPOSED, 0))

    async def _read_input(self) -> InputObject | None:
        found = await self._read("Secret", self._cluster.read_input)
        if found is None:
            self._observer.waits(waiting=False)
        else:
            self._seen[found.kind] = found.resource_version
        return found

    async def _read(self, kind: InputKind, read: Callable[[], Awaitable[InputObject | None]]) -> InputObject | None:
        """What is there; nothing where nobody has given the right to read it, which is how a bootstrap is off."""
        try:
            found = await read()
        except ForbiddenError:
            self.allowed[kind] = False
            return None
        self.allowed[kind] = True
        return found

    async def _consume(self, found: InputObject) -> bool:
        """Do what the input asks for; whether all is done that can be until somebody changes something."""
        try:
            names = await self._cluster.record_names()
            last = max(numbers("receipt", names), default=0)
            following = last + 1
            asked = found.asked == following
            if last:
                await self._look_back(last, found, compare=not asked)
            if last and not asked and record_name("plan", following) not in names:
                self._observer.waits(waiting=False)
                return True
            return await self._run(following, found)
        except (ForbiddenError, RefusedError) as error:
            self._observer.waits(waiting=True)
            remedy = f" Its rights: {BOOTSTRAP_SWITCH}" if isinstance(error, ForbiddenError) else ""
            text = f"The bootstrap cannot go on. {error}.{remedy}"
            await self._teller.tell(found, Message(WAITING, text, 0))
            return False

    async def _look_back(self, number: int, found: InputObject, *, compare: bool) -> None:
        receipt = await self._records.receipt(number)
        if receipt is None:
            return
        book = NoteBook(self._cluster, number)
        await book.read()
        if not book.notes.finished:
            await self._aftermath.close(book, receipt, found)
        if compare:
            await self._aftermath.compare(book, receipt, found)

    async def _run(self, number: int, found: InputObject) -> bool:
        book = NoteBook(self._cluster, number)
        await book.read()
        plan = await self._records.plan(number)
        # With a plan it is known where to go on, whatever was restored.
        if plan is None and number == 1 and found.asked != number and await self._is_restored():
            return await self._waits(found, book, _RESTORED, ended=True)
        if plan is not None and self._new_run(plan, book).settled:
            return await self._finish(book, plan, found)
        if not found.data:
            if plan is not None or found.asked == number:
                await self._waits(found, book, _EMPTIED, ended=True)
            return True
        return await self._act(number, found, book, plan)

    async def _act(self, number: int, found: InputObject, book: NoteBook, plan: PlanRecord | None) -> bool:
        mac = self._keys.mac() if plan is None else self._keys.mac_of(plan.mac_key)
        if mac is None:
            return await self._waits(found, book, _NO_MAC)
        try:
            wanted = await self._planner.wanted(found, mac)
            plan = plan or await self._records.keep_plan(number, wanted)
        except TemplateInvalidError as error:
            text = f"The template cannot be used, and nothing is created until it is corrected. {error}"
            await self._teller.waits(found, book, Message(INVALID, text, number, input_mac(found.data, mac)))
            return True
        run = self._new_run(plan, book)
        missing = await run.act(wanted)
        if not run.settled:
            text = f"Bootstrap {number} waits, and goes on by itself: {'; '.join(missing)}."
            return await self._waits(found, book, text)
        return await self._finish(book, plan, found)

    def _new_run(self, plan: PlanRecord, book: NoteBook) -> BootstrapRun:
        return BootstrapRun(self._cluster, self._observer, plan, book, self._keys.public)

    async def _finish(self, book: NoteBook, plan: PlanRecord, found: InputObject) -> bool:
        receipt = await self._records.keep_receipt(plan, book.notes.settled)
        await self._aftermath.close(book, receipt, found)
        self._observer.waits(waiting=False)
        return True

    async def _waits(self, found: InputObject, book: NoteBook, text: str, *, ended: bool = False) -> bool:
        await self._teller.waits(found, book, Message(WAITING, text, book.number))
        return ended

    async def _is_restored(self) -> bool:
        return await self._cluster.mac_secret_created() - self._keys.born() > BORN_WITHIN
