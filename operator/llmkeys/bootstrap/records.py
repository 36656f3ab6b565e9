"""What is kept of a bootstrap for ever: its plan and its receipt. No key material is in either, and neither changes."""

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Final, Literal, TypeVar

import msgspec
from msgspec.structs import asdict

from llmkeys.api.errors import PlatformError
from llmkeys.api.names import BOOTSTRAP_AGAIN_ANNOTATION
from llmkeys.bootstrap.planned import Kind
from llmkeys.bootstrap.printable import printable
from llmkeys.bootstrap.template import Left, Place, TemplateInvalidError

RecordKind = Literal["plan", "notes", "receipt"]

LARGEST: Final = 900_000
"""Bytes of a record; a ConfigMap holds 1 MiB."""
_MOST_LEFT: Final = 200
_LONGEST_TEXT: Final = 300
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,8}")
_NAME: Final = re.compile(rf"llmkeys-bootstrap-(plan|notes|receipt)-({_NUMBER.pattern})")


class Outcome(StrEnum):
    """What became of one object."""

    CREATED = "created"
    EXISTS = "exists"  # by somebody else, as the template asks for
    DIFFERS = "differs"  # by somebody else, and not as the template asks for
    REFUSED = "refused"


class RecordMalformedError(PlatformError):
    """A ConfigMap that should hold one of our records does not.

    Args:
        name: of the ConfigMap.

    """

    def __init__(self, name: str) -> None:
        super().__init__(f"ConfigMap {name} does not hold what llmkeys writes there; nothing is done because of it.")


class PlannedLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """One object to be made.

    Args:
        kind, namespace, name: of it.
        mac: of what it shall be.
        line: of the template, 0 where none is known.

    """

    kind: Kind
    namespace: str
    name: str
    mac: str
    line: int = 0

    @property
    def reference(self) -> str:
        """As `PlannedObject.reference`."""
        return "/".join(part for part in (self.kind, self.namespace, self.name) if part)


class LeftLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """A part of the template that was not taken over: where, what, why."""

    what: str
    why: str
    line: int = 0
    column: int = 0


class _WithLeft(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """What ends a record: the parts that are not taken over, the first two hundred, and how many there are."""

    left: tuple[LeftLine, ...] = ()
    left_in_all: int = 0


class RunRecord(_WithLeft, frozen=True, rename="camel"):
    """What plan and receipt of a bootstrap have in common.

    Args:
        number: of the bootstrap.
        entry: key of the Secret that held the template.
        shape: product whose shape it has.
        input_mac: of the Secret's data.
        mac_key: version of the key of all MACs in here.
        version: of llmkeys.
        planned_at: RFC 3339.

    """

    number: int
    entry: str
    shape: str
    input_mac: str
    mac_key: int
    version: str
    planned_at: str


class PlanRecord(RunRecord, frozen=True, rename="camel"):
    """What shall be made: `objects`, each after what it needs."""

    objects: tuple[PlannedLine, ...]


class SettledLine(PlannedLine, frozen=True, omit_defaults=True, kw_only=True):
    """A planned line and what became of it; `detail` says why it was refused."""

    outcome: Outcome
    detail: str = ""


class ReceiptRecord(RunRecord, frozen=True, rename="camel"):
    """What a bootstrap did; all as in its plan, and when it ended.

    Args:
        finished_at: RFC 3339.
        finished_by: version of llmkeys.

    """

    finished_at: str
    finished_by: str
    objects: tuple[SettledLine, ...]

    def count(self, outcome: Outcome) -> int:
        """How many objects ended so."""
        return sum(one.outcome is outcome for one in self.objects)


class Settled(msgspec.Struct, frozen=True):
    """What became of one object, and why if it was refused."""

    outcome: Outcome
    detail: str = ""


def record_name(kind: RecordKind, number: int) -> str:
    """Name of the ConfigMap."""
    return f"llmkeys-bootstrap-{kind}-{number}"


def numbers(kind: RecordKind, names: Iterable[str]) -> tuple[int, ...]:
    """Of which bootstraps there is such a record, among all names of ConfigMaps; in order."""
    found = (_NAME.fullmatch(name) for name in names)
    return tuple(sorted(int(one[2]) for one in found if one and one[1] == kind))


def asked_in(annotations: Mapping[str, str]) -> int:
    """The number of the bootstrap that annotations of the input ask for; 0 where they ask for none."""
    text = annotations.get(BOOTSTRAP_AGAIN_ANNOTATION, "")
    return int(text) if _NUMBER.fullmatch(text) else 0


def plan_data(plan: PlanRecord) -> dict[str, bytes]:
    """The plan as a ConfigMap's data.

    Raises:
        TemplateInvalidError: it, or the receipt that would follow from it, is larger than a ConfigMap may be.

    """
    content = msgspec.json.encode(plan)
    if len(content) + len(plan.objects) * (_LONGEST_TEXT // 4) > LARGEST:
        raise TemplateInvalidError(Place(), "its names are too long for the record of so many objects. Split it.")
    return {"plan.json": content}


def plan_from(number: int, data: Mapping[str, bytes]) -> PlanRecord:
    """The plan in a ConfigMap's data.

    Raises:
        RecordMalformedError: it is not one of ours.

    """
    return _decoded(data, "plan", number, PlanRecord)


def receipt_of(plan: PlanRecord, settled: Mapping[int, Settled], finished_at: str, finished_by: str) -> ReceiptRecord:
    """The receipt of a plan whose every object is settled."""
    objects = tuple(SettledLine(**asdict(one), **asdict(settled[index])) for index, one in enumerate(plan.objects))
    return ReceiptRecord(**{**asdict(plan), "objects": objects}, finished_at=finished_at, finished_by=finished_by)


def receipt_data(receipt: ReceiptRecord) -> dict[str, bytes]:
    """The receipt as a ConfigMap's data; details are left out where they would make it too large."""
    content = msgspec.json.encode(receipt)
    if len(content) > LARGEST:
        bare = tuple(msgspec.structs.replace(one, detail="") for one in receipt.objects)
        content = msgspec.json.encode(msgspec.structs.replace(receipt, objects=bare))
    return {"receipt.json": content}


def receipt_from(number: int, data: Mapping[str, bytes]) -> ReceiptRecord:
    """The receipt in a ConfigMap's data.

    Raises:
        RecordMalformedError: it is not one of ours.

    """
    return _decoded(data, "receipt", number, ReceiptRecord)


def left_lines(left: Iterable[Left]) -> tuple[LeftLine, ...]:
    """What is kept of the parts that are not taken over: the first two hundred."""
    lines = (
        LeftLine(shortened(one.what), shortened(one.why), one.place.line, one.place.column)
        for _, one in zip(range(_MOST_LEFT), left, strict=False)
    )
    return tuple(lines)


def shortened(text: str) -> str:
    """A text on one line, fit for a terminal, and no longer than a record may have it."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= _LONGEST_TEXT else f"{line[: _LONGEST_TEXT - 1]}…"


_Record = TypeVar("_Record", PlanRecord, ReceiptRecord)


def _decoded(data: Mapping[str, bytes], kind: RecordKind, number: int, form: type[_Record]) -> _Record:
    try:
        found = msgspec.json.decode(data.get(f"{kind}.json", b""), type=form)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise RecordMalformedError(record_name(kind, number)) from None
    if found.number != number:
        raise RecordMalformedError(record_name(kind, number))
    return found
