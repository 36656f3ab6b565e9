"""Which of a provider's kinds of credential a key is: the secret fields that are there tell."""

from dataclasses import dataclass, replace

from llmkeys.api.reasons import Reason
from llmkeys.catalogue.model import Provider
from llmkeys.probe.auth.renewal import refresh_token_in
from llmkeys.probe.endpoint import Endpoint
from llmkeys.probe.material import Candidate, Material, out_of_date
from llmkeys.probe.url import BadEndpointError


@dataclass(frozen=True, slots=True)
class Kind:
    """A provider as if one kind of credential was its only one.

    Args:
        entry: with the scheme and the probe of that kind.
        endpoint: where that probe goes.

    """

    entry: Provider
    endpoint: Endpoint


def kind_of(endpoint: Endpoint, entry: Provider, material: Material) -> Kind:
    """How a key is proven.

    Args:
        endpoint: of the provider.
        entry: of the catalogue.
        material: the key.

    Raises:
        BadEndpointError: the LLMProvider lacks a setting that this kind of credential needs.

    """
    kinds = entry.kinds()
    names = {name for name, _ in material.items()}
    place = next((place for place, one in enumerate(kinds) if one.required_fields <= names), 0)
    if place == 0:
        return Kind(kinds[0], endpoint)
    found = endpoint.alternatives[place - 1] if place <= len(endpoint.alternatives) else endpoint
    if isinstance(found, str):
        raise BadEndpointError(found)
    return Kind(kinds[place], found)


def usable(candidate: Candidate, endpoint: Endpoint, entry: Provider, now: float) -> Candidate:
    """The same key, or why it cannot be proven now: a setting that its kind needs is missing, or its file has ended.

    Args:
        candidate: as read.
        endpoint: of the provider.
        entry: of the catalogue.
        now: epoch seconds.

    """
    if candidate.material is None or candidate.problem is not None:
        return candidate
    try:
        kind = kind_of(endpoint, entry, candidate.material)
    except BadEndpointError as error:
        return replace(candidate, problem=Reason.BAD_ENDPOINT, values={**candidate.values, "detail": str(error)})
    return candidate if can_be_renewed(kind, candidate.material) else out_of_date(candidate, entry, now)


def can_be_renewed(kind: Kind, material: Material) -> bool:
    """Whether the key is a file whose access token the LLMProvider lets us renew, and that has what it takes."""
    text = material.get(kind.entry.auth.field)
    return bool(kind.endpoint.renewal and text and refresh_token_in(text.reveal(), kind.entry.auth))
