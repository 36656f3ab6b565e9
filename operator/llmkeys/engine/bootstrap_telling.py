"""Tells people what a bootstrap comes to: one Event for each thing, however often the operator starts."""

import hashlib
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from llmkeys.api.durations import rfc3339
from llmkeys.api.errors import PlatformError
from llmkeys.api.names import BOOTSTRAP_SECRET, COMPONENT
from llmkeys.bootstrap.handed_over import SEALED
from llmkeys.bootstrap.notes import Told
from llmkeys.bootstrap.records import Outcome, ReceiptRecord
from llmkeys.engine.bootstrap_effects import BootstrapCluster, BootstrapObserver, InputObject
from llmkeys.engine.bootstrap_notes import NoteBook
from llmkeys.engine.clock import Clock
from llmkeys.engine.effects import ConflictError, NotThereError

DONE: Final = "BootstrapDone"
INVALID: Final = "BootstrapInvalid"
WAITING: Final = "BootstrapWaiting"
IGNORED: Final = "BootstrapIgnored"
_LONGEST: Final = 1000  # of an Event's message


@dataclass(frozen=True, slots=True)
class Message:
    """Something to be told.

    Args:
        reason: of the Event.
        text: for people.
        number: of the bootstrap.
        input_mac: of the input that it is about; empty for any.

    """

    reason: str
    text: str
    number: int
    input_mac: str = ""


class Teller:
    """Posts Events, and notes that they were told.

    Args:
        cluster: takes them.
        clock: dates them.
        observer: told too.

    """

    def __init__(self, cluster: BootstrapCluster, clock: Clock, observer: BootstrapObserver) -> None:
        self._cluster = cluster
        self._clock = clock
        self._observer = observer
        self._said: set[str] = set()

    async def tell(self, about: InputObject, message: Message) -> None:
        """Post an Event, unless this process or one before it has."""
        event = event_about(about, message, self._clock.now())
        name = event["metadata"]["name"]
        if name in self._said:
            return
        try:
            await self._cluster.post_event(event)
        except ConflictError:
            pass  # told before a restart
        except (PlatformError, NotThereError) as error:
            self._observer.failed(error)
        self._said.add(name)
        self._observer.told(message.reason, message.text, good=message.reason == DONE)

    async def waits(self, about: InputObject, book: NoteBook, message: Message) -> None:
        """Tell what a run waits for; the notes remember it for `llmkeys bootstrap status`."""
        self._observer.waits(waiting=True)
        told = self._told(message)
        if not _same(book.notes.waiting, told):
            await self.tell(about, message)
            await book.write(lambda notes: msgspec.structs.replace(notes, waiting=told))

    async def ignores(self, about: InputObject, book: NoteBook, message: Message) -> None:
        """Tell that an edit changes nothing."""
        told = self._told(message)
        await self.tell(about, message)
        await book.write(lambda notes: msgspec.structs.replace(notes, ignored=told))

    def _told(self, message: Message) -> Told:
        return Told(message.reason, message.text[:_LONGEST], rfc3339(self._clock.now()), message.input_mac)


def done(receipt: ReceiptRecord) -> Message:
    """That a bootstrap is done."""
    counts = (
        f"{receipt.count(Outcome.CREATED)} created, {receipt.count(Outcome.EXISTS)} there already, "
        f"{receipt.count(Outcome.DIFFERS)} there and not as the template asks for, "
        f"{receipt.count(Outcome.REFUSED)} refused, {receipt.left_in_all} parts not taken over"
    )
    held = "holds the keys sealed" if receipt.entry == SEALED else "may hold keys in clear"
    text = (
        f"Bootstrap {receipt.number} is done: {counts}. See llmkeys bootstrap status. Secret {BOOTSTRAP_SECRET} {held} "
        "and is not needed any more: llmkeys bootstrap forget"
    )
    return Message(DONE, text, receipt.number)


def event_about(about: InputObject, message: Message, now: float) -> dict[str, Any]:
    """A core/v1 Event whose name follows from what it says, so that it cannot be told twice.

    Args:
        about: the object that it is about.
        message: what it says.
        now: epoch seconds.

    """
    parts = (about.uid, message.reason, str(message.number), message.input_mac, message.text)
    digest = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{about.name}.{digest}", "namespace": about.namespace},
        "involvedObject": {
            "apiVersion": "v1",
            "kind": about.kind,
            "name": about.name,
            "namespace": about.namespace,
            "uid": about.uid,
            "resourceVersion": about.resource_version,
        },
        "type": "Normal" if message.reason == DONE else "Warning",
        "reason": message.reason,
        "message": message.text[:_LONGEST],
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": COMPONENT,
        "firstTimestamp": rfc3339(now),
        "lastTimestamp": rfc3339(now),
        "count": 1,
    }


def _same(one: Told | None, other: Told) -> bool:
    return one is not None and (one.reason, one.text, one.input_mac) == (other.reason, other.text, other.input_mac)
