"""Where an LLMProvider takes keys, and which audiences a sealed value may therefore be bound to."""

from dataclasses import dataclass

from llmkeys.api.provider import LLMProvider
from llmkeys.catalogue.errors import UnknownProviderTypeError
from llmkeys.catalogue.lookup import Catalogue
from llmkeys.catalogue.model import Provider
from llmkeys.probe.endpoint import resolve_endpoint
from llmkeys.probe.reach import reach_of
from llmkeys.sealing.errors import DestinationUnsuitableError


@dataclass(frozen=True, slots=True)
class Destination:
    """Where keys go.

    Args:
        provider: name of the LLMProvider.
        audience: what a new value is bound to.
        audiences: what a value may be bound to; none if only what is bound to no host may be sent.
        host: of the base URL, empty if not known.
        entry: of the catalogue; None if it does not know the type and the operator does.

    """

    provider: str
    audience: str
    audiences: frozenset[str]
    host: str = ""
    entry: Provider | None = None

    def require_bindable(self) -> None:
        """Refuse to bind a value to a host.

        Raises:
            DestinationUnsuitableError: keys go to hosts that no value can be bound to.

        """
        if not self.audiences:
            raise DestinationUnsuitableError(
                f"LLMProvider {self.provider} sends keys to hosts beside its own and its type's (spec.endpoints, or a "
                "proxy with a CA of its own), so that a value bound to a host would never be sent. Correct it, or seal "
                "for any host: --any-host"
            )


def destination_of(provider: LLMProvider, catalogue: Catalogue) -> Destination:
    """Where an LLMProvider sends keys: by its status if that is of this generation, else by its spec.

    Args:
        provider: from a manifest, the cluster, or made of a type alone.
        catalogue: at least with the provider's type, if that is known at all.

    Raises:
        UnknownProviderTypeError: neither the catalogue nor the status knows the type.
        BadEndpointError: its spec has no address; the text says what to set.

    """
    name, spec, status = provider.metadata.name, provider.spec, provider.status
    current = status.audience if status.observed_generation == provider.metadata.generation else ""
    try:
        entry = catalogue.find(spec.type)
    except UnknownProviderTypeError:
        if not current:
            raise
        return Destination(name, current, frozenset({current}))
    endpoint = resolve_endpoint(spec, entry)
    reach = reach_of(spec, endpoint, entry)
    audiences = reach.audiences | {current} if current and reach.audiences else reach.audiences
    return Destination(name, current or endpoint.audience, audiences, endpoint.base.origin.host, entry)
