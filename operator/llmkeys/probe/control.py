"""The negative control: a made-up key is sent first where it is not known whether keys are checked at all.

If it passes, the success of a real key proves nothing; if it is refused, it proves the key. A made-up key is never
anybody's. The control is sent once a day, and not where a real key was refused within a day: that has told already.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from llmkeys.api.reasons import REFUSALS, Reason
from llmkeys.catalogue.credential import SecretField
from llmkeys.catalogue.model import Provider
from llmkeys.crypto.secret import Secret
from llmkeys.probe.classify import Authenticated
from llmkeys.probe.material import Material
from llmkeys.probe.schedule import HOUR
from llmkeys.probe.verdict import Verdict

NOISE: Final = 128
"""Random bytes that a made-up key is made of."""

_DAY: Final = 24 * HOUR
_SHOWN_AS_IT_IS: Final = frozenset({"bearer", "header", "query", "none"})
_USUAL_PREFIX: Final = "sk-"
_USUAL_LENGTH: Final = 48
_ALPHABETS: Final = ("0123456789abcdef", "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")
_REFUSED: Final = REFUSALS | {Reason.PERMISSION_DENIED}
_NO_ANSWER: Final = frozenset({Reason.PROVIDER_UNREACHABLE, Reason.OVERLOADED, Reason.ADDRESS_BLOCKED})


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an endpoint.

    Args:
        checks: keys are checked there; None while nothing has told.
        due: when the next control may be sent (epoch seconds).

    """

    checks: bool | None = None
    due: float = 0.0

    @property
    def proves(self) -> Authenticated:
        """What a success of a real key proves."""
        return True if self.checks else "unknown"


def wants_control(entry: Provider, material: Material) -> bool:
    """Whether the success of this key proves nothing without a control."""
    can_be_made_up = entry.auth.scheme in _SHOWN_AS_IT_IS and material.get(entry.auth.field) is not None
    return entry.probe.authenticated == "unknown" and can_be_made_up


def after_control(before: Known, verdict: Verdict, now: float) -> Known:
    """What is known after a control; without an answer as before, and it is sent again earlier.

    Args:
        before: what was known.
        verdict: of the made-up key, read as if the endpoint checked keys.
        now: epoch seconds.

    """
    if verdict.reason is Reason.VERIFIED:
        return Known(checks=False, due=now + _DAY)
    if verdict.reason in _REFUSED:
        return Known(checks=True, due=now + _DAY)
    return replace(before, due=now + (HOUR if verdict.reason in _NO_ANSWER else _DAY))


def after_key(before: Known, verdict: Verdict, now: float) -> Known:
    """What is known after the look at a real key: its refusal tells what a control would, and puts it off."""
    return Known(checks=True, due=now + _DAY) if verdict.reason in REFUSALS else before


def made_up_key(entry: Provider, noise: bytes) -> Material:
    """A key of the usual form that nobody has.

    Args:
        entry: whose field it is for; its known prefix and pattern are kept to where that can be done.
        noise: `NOISE` random bytes.

    """
    field = entry.secret_field(entry.auth.field)
    forms = tuple(_forms(field, noise))
    wanted = field.pattern if field else ""
    text = next((one for one in forms if wanted and re.fullmatch(wanted, one)), "") or _usual(forms)
    return Material(((entry.auth.field, Secret(text)),))


def _forms(field: SecretField | None, noise: bytes) -> Iterator[str]:
    for prefix in (field.prefixes if field else ()) or (_USUAL_PREFIX, ""):
        for alphabet in _ALPHABETS:
            text = "".join(alphabet[byte % len(alphabet)] for byte in noise)
            for length in range(1, len(text) + 1):
                yield prefix + text[:length]


def _usual(forms: tuple[str, ...]) -> str:
    """The first prefix with as many letters and digits as most keys have."""
    return forms[NOISE + _USUAL_LENGTH - 1]
