"""What was learnt of endpoints besides their keys: whether they check any, and which form of their URL is right.

Kept in memory only. A restart forgets it, and asks again with the next look that is due anyway.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

from llmkeys.probe.control import Known, after_control, after_key
from llmkeys.probe.schedule import HOUR
from llmkeys.probe.verdict import Verdict

_REMEMBERED: Final = 2_000
_DAY: Final = 24 * HOUR
_NOTHING: Final = Known()


@dataclass(slots=True)
class Notes:
    """Of one endpoint.

    Args:
        control: whether keys are checked.
        answers_at: what to write as base URL instead, because the API was found there; empty if it was not.
        form_due: when the other form of the URL may be tried again (epoch seconds).

    """

    control: Known = _NOTHING
    answers_at: str = ""
    form_due: float = 0.0


class EndpointBook:
    """Notes by endpoint; an endpoint is named by a digest of all that decides what is sent there, the key aside."""

    def __init__(self) -> None:
        self._notes: OrderedDict[str, Notes] = OrderedDict()

    def control(self, endpoint: str) -> Known:
        """What is known of the endpoint's checking of keys."""
        notes = self._notes.get(endpoint)
        return notes.control if notes else _NOTHING

    def note_control(self, endpoint: str, verdict: Verdict, now: float) -> Known:
        """Take in how a made-up key fared."""
        notes = self._of(endpoint)
        notes.control = after_control(notes.control, verdict, now)
        return notes.control

    def note_key(self, endpoint: str, verdict: Verdict, now: float) -> None:
        """Take in how a real key fared."""
        before = self.control(endpoint)
        after = after_key(before, verdict, now)
        if after is not before:
            self._of(endpoint).control = after

    def answers_at(self, endpoint: str) -> str:
        """The base URL at which the API was found instead; empty if it was not."""
        notes = self._notes.get(endpoint)
        return notes.answers_at if notes else ""

    def may_try_other_form(self, endpoint: str, now: float) -> bool:
        notes = self._notes.get(endpoint)
        return notes is None or now >= notes.form_due

    def note_other_form(self, endpoint: str, answers_at: str, now: float) -> None:
        """Take in whether the other form of the URL works; it is tried once a day."""
        notes = self._of(endpoint)
        notes.answers_at = answers_at
        notes.form_due = now + _DAY

    def _of(self, endpoint: str) -> Notes:
        notes = self._notes.setdefault(endpoint, Notes())
        self._notes.move_to_end(endpoint)
        if len(self._notes) > _REMEMBERED:
            self._notes.popitem(last=False)
        return notes
