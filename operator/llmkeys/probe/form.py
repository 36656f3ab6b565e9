"""The other form of a base URL, with or without the version: tried once where the API was not found.

`https://host/v1` and `https://host` are what people mix up, and a 404 alone does not tell them which one is right.
"""

from dataclasses import dataclass, replace
from typing import Final

from llmkeys.api.reasons import REFUSALS, Reason
from llmkeys.catalogue.model import Provider
from llmkeys.probe.build import build_probe
from llmkeys.probe.endpoint import Endpoint
from llmkeys.probe.material import Material
from llmkeys.probe.request import ProbeRequest
from llmkeys.probe.verdict import Verdict

_NOT_FOUND: Final = 404
_THE_API: Final = REFUSALS | {
    Reason.VERIFIED,
    Reason.UNVERIFIED,
    Reason.QUOTA_EXHAUSTED,
    Reason.NOT_ACTIVATED,
    Reason.PERMISSION_DENIED,
}


@dataclass(frozen=True, slots=True)
class OtherForm:
    """The probe at the other form.

    Args:
        base_url: what a person would write to have it used.
        request: the same key, the same host, another path.

    """

    base_url: str
    request: ProbeRequest


def other_form_of(endpoint: Endpoint, entry: Provider, material: Material, now: float) -> OtherForm | None:
    """The same probe at the other form of the base URL; None where there is no other form, or no key to show there.

    Args:
        endpoint: of the provider.
        entry: of the catalogue.
        material: the key.
        now: epoch seconds, for schemes that sign.

    Raises:
        UnsupportedSchemeError: see `build_probe`.

    """
    if not endpoint.other or endpoint.token:
        return None
    request = build_probe(replace(endpoint, probe=endpoint.other_probe), entry, material, now)
    return OtherForm(endpoint.other, request)


def is_wrong_form(verdict: Verdict) -> bool:
    """Whether the version may be what is wrong: the path is not there."""
    return verdict.reason is Reason.BAD_ENDPOINT and verdict.status == _NOT_FOUND


def shows_the_api(verdict: Verdict) -> bool:
    """Whether somebody answered who knows keys, whatever is said of this one."""
    return verdict.reason in _THE_API
