"""The negative control: a made-up key is sent where it is not known whether keys are checked at all.

If it passes, the success of a real key proves nothing; if it is refused, it proves the key. What the catalogue knows of
a type it knows of the type's own hosts: behind any other address may be a gateway that says yes to everything. The
control is sent once a day, and not where a real key was refused within a day: that has told already.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

from llmkeys.api.reasons import REFUSALS, Reason
from llmkeys.catalogue.model import Provider
from llmkeys.probe.classify import Authenticated
from llmkeys.probe.endpoint import Endpoint
from llmkeys.probe.material import Material
from llmkeys.probe.reach import HTTPS_PORT, is_of_type
from llmkeys.probe.schedule import HOUR, BackOff
from llmkeys.probe.url import Origin
from llmkeys.probe.verdict import Verdict

_DAY: Final = 24 * HOUR
_REFUSED: Final = REFUSALS | {Reason.PERMISSION_DENIED}
_UNWELL: Final = frozenset(
    {
        Reason.PROVIDER_UNREACHABLE,
        Reason.OVERLOADED,
        Reason.THROTTLED,
        Reason.ADDRESS_BLOCKED,
        Reason.BAD_ENDPOINT,
    }
)
# Never slower than a real key that fares the same, so that both are sent when the host is well again.
_AGAIN: Final = BackOff(5, _DAY)
_FIELD: Final = re.compile(r"\{(\w+)\}")
_LABEL: Final = "[a-z0-9-]+"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of an endpoint.

    Args:
        checks: keys are checked there; None while nothing has told.
        due: when the next control may be sent (epoch seconds).
        unanswered: controls in a row that the host was not well enough to answer.

    """

    checks: bool | None = None
    due: float = 0.0
    unanswered: int = 0

    @property
    def proves(self) -> Authenticated:
        """What a success of a real key proves."""
        return True if self.checks else "unknown"


def wants_control(entry: Provider, endpoint: Endpoint, material: Material) -> bool:
    """Whether the success of this key proves nothing without a control.

    Args:
        entry: of the catalogue, with the kind of credential that the key is.
        endpoint: of that kind. Where the credential is exchanged for a token, the exchange is what proves it.
        material: the key; without one nothing is proven anyway.

    """
    proves = entry.probe.authenticated
    shown = any(True for _ in material.items())
    return shown and (proves == "unknown" or (proves and not _is_own(endpoint.called[0], entry)))


def after_control(before: Known, verdict: Verdict, now: float) -> Known:
    """What is known after a control; if the host was not well, as before, and it is sent again the earlier.

    Args:
        before: what was known.
        verdict: of the made-up key, read as if the endpoint checked keys.
        now: epoch seconds.

    """
    if verdict.reason is Reason.VERIFIED:
        return Known(checks=False, due=now + _DAY)
    if verdict.reason in _REFUSED:
        return Known(checks=True, due=now + _DAY)
    if verdict.reason in _UNWELL:
        unanswered = before.unanswered + 1
        wait = max(_AGAIN.delay(unanswered), verdict.retry_after or 0.0)
        return replace(before, due=now + wait, unanswered=unanswered)
    return Known(before.checks, now + _DAY)


def after_key(before: Known, verdict: Verdict, now: float) -> Known:
    """What is known after the look at a real key: its refusal tells what a control would, and puts it off."""
    return Known(checks=True, due=now + _DAY) if verdict.reason in REFUSALS else before


def weighed(verdict: Verdict, known: Known, now: float) -> Verdict:
    """What a real key's verdict is worth at an endpoint of which this is known; only a success depends on it.

    Args:
        verdict: read as if the endpoint checked keys.
        known: of the endpoint.
        now: epoch seconds. A success that lacks its proof because the host was not well is asked for again when the
            next control is due.

    """
    if verdict.reason is not Reason.VERIFIED or known.proves is True:
        return verdict
    wait = max(known.due - now, 0.0) if known.unanswered else None
    return replace(verdict, reason=Reason.UNVERIFIED, retry_after=wait)


def _is_own(origin: Origin, entry: Provider) -> bool:
    """Whether a host is the type's own, those included that are named after a customer's settings."""
    if is_of_type(origin, entry):
        return True
    usual = origin.scheme == "https" and origin.port == HTTPS_PORT
    return usual and any(one.fullmatch(origin.host) for one in _named_hosts(entry))


def _named_hosts(entry: Provider) -> tuple[re.Pattern[str], ...]:
    own = (one.url for one in entry.endpoints)
    others = (one.url for one in entry.surfaces)
    settings = tuple((one.name, one.pattern) for one in entry.all_config_fields if one.pattern)
    return _compiled((*own, *others, *entry.other_endpoints.values()), settings)


# By all that it depends on: the digest of a type leaves some of it out, and all its kinds of credential share it.
@lru_cache(maxsize=256)
def _compiled(urls: tuple[str, ...], settings: tuple[tuple[str, str], ...]) -> tuple[re.Pattern[str], ...]:
    patterns = dict(settings)
    found: dict[str, re.Pattern[str]] = {}
    for url in urls:
        host = urlsplit(url).netloc
        fixed = _FIELD.split(host)
        if len(fixed) > 1:
            parts = (re.escape(one) if at % 2 == 0 else patterns.get(one, _LABEL) for at, one in enumerate(fixed))
            found[host] = re.compile("".join(f"(?:{part})" for part in parts))
    return tuple(found.values())
