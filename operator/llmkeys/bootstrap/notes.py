"""What is known of a bootstrap that goes on, and of what happened after it: notes, which grow object by object."""

from collections.abc import Mapping
from typing import Final

import msgspec

from llmkeys.bootstrap.records import Outcome, RecordMalformedError, Settled, record_name, shortened

_FINISHED: Final = "finished"


class Told(msgspec.Struct, frozen=True, rename="camel"):
    """Something that people were told by an Event.

    Args:
        reason: the Event's.
        text: its message.
        at: RFC 3339, when it was told first.
        input_mac: of the input that it is about; empty for one of any input.

    """

    reason: str
    text: str
    at: str
    input_mac: str = ""


class Notes(msgspec.Struct, frozen=True):
    """What is known of a run that goes on, or of what happened after it.

    Args:
        settled: by index in the plan; empty again once there is a receipt.
        waiting: what the run waits for.
        ignored: a later edit of the template.
        finished: the receipt is there, and everybody was told.

    """

    settled: Mapping[int, Settled] = {}
    waiting: Told | None = None
    ignored: Told | None = None
    finished: bool = False


def notes_data(notes: Notes) -> dict[str, str]:
    """The notes as a ConfigMap's data: a key an object, so that notes of two writers do not collide."""
    data = {str(index): _words(one) for index, one in notes.settled.items()}
    for name, told in (("waiting", notes.waiting), ("ignored", notes.ignored)):
        if told is not None:
            data[name] = msgspec.json.encode(told).decode()
    if notes.finished:
        data[_FINISHED] = "true"
    return data


def notes_from(number: int, data: Mapping[str, bytes]) -> Notes:
    """The notes in a ConfigMap's data.

    Raises:
        RecordMalformedError: they are not ours.

    """
    try:
        return Notes(
            settled={int(name): _settled(text.decode()) for name, text in data.items() if name.isdecimal()},
            waiting=_told(data.get("waiting")),
            ignored=_told(data.get("ignored")),
            finished=_FINISHED in data,
        )
    except (ValueError, msgspec.MsgspecError):
        raise RecordMalformedError(record_name("notes", number)) from None


def _words(one: Settled) -> str:
    return f"{one.outcome} {shortened(one.detail)}".rstrip()


def _settled(text: str) -> Settled:
    outcome, _, detail = text.partition(" ")
    return Settled(Outcome(outcome), detail)


def _told(content: bytes | None) -> Told | None:
    return None if content is None else msgspec.json.decode(content, type=Told)
