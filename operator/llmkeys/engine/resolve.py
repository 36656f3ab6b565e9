"""An LLMProvider made ready for use, once per generation: its catalogue entry and its endpoint, or why not."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from llmkeys.api.provider import LLMProvider
from llmkeys.api.reasons import Reason
from llmkeys.catalogue.errors import UnknownProviderTypeError
from llmkeys.catalogue.lookup import Catalogue
from llmkeys.catalogue.model import Provider
from llmkeys.engine.hosts import Hosts, Limits
from llmkeys.probe.build import supports
from llmkeys.probe.endpoint import Endpoint, resolve_endpoint, resolve_regions
from llmkeys.probe.url import BadEndpointError


@dataclass(frozen=True, slots=True)
class Resolved:
    """A provider's generation.

    Args:
        provider: the manifest.
        entry: of the catalogue, None for an unknown type.
        endpoint: None where `problem` says why; of the first region under `region: auto`.
        regions: where a key's region is looked for; empty unless `region: auto`.
        problem: why it cannot be used; `detail` is a sentence of ours.

    """

    provider: LLMProvider
    entry: Provider | None = None
    endpoint: Endpoint | None = None
    problem: Reason | None = None
    detail: str = ""
    regions: Mapping[str, Endpoint] = field(default_factory=dict)

    def at(self, region: str) -> Endpoint:
        """The endpoint of a region, the usual one for an empty or unknown name."""
        found = self.regions.get(region, self.endpoint)
        if found is None:
            raise AssertionError("there is no endpoint")
        return found

    @property
    def endpoints(self) -> tuple[Endpoint, ...]:
        """All that keys are shown to."""
        if self.regions:
            return tuple(self.regions.values())
        return () if self.endpoint is None else (self.endpoint,)


class Resolver:
    """Resolves providers and remembers the result until their generation changes."""

    def __init__(self, catalogue: Catalogue, hosts: Hosts) -> None:
        self._catalogue = catalogue
        self._hosts = hosts
        self._known: dict[str, tuple[tuple[str, int], Resolved]] = {}

    def resolve(self, provider: LLMProvider) -> Resolved:
        version = (provider.metadata.uid, provider.metadata.generation)
        known = self._known.get(provider.metadata.name)
        if known is not None and known[0] == version:
            return known[1]
        resolved = self._resolve(provider)
        self._known[provider.metadata.name] = (version, resolved)
        if resolved.endpoint is not None:
            validation = provider.spec.validation
            limits = Limits(float(validation.requests_per_second), validation.max_concurrent)
            origins = {origin for one in resolved.endpoints for origin in one.origins}
            self._hosts.set_limits(origins, provider.metadata.name, limits)
        return resolved

    def forget(self, name: str) -> None:
        self._known.pop(name, None)

    def _resolve(self, provider: LLMProvider) -> Resolved:
        try:
            entry = self._catalogue.find(provider.spec.type)
        except UnknownProviderTypeError as error:
            return Resolved(provider, problem=Reason.UNKNOWN_TYPE, detail=str(error))
        if not supports(entry):
            detail = f"Type {entry.id} signs its requests ({entry.auth.scheme}), which this version cannot do."
            return Resolved(provider, entry, problem=Reason.UNKNOWN_TYPE, detail=detail)
        try:
            endpoint = resolve_endpoint(provider.spec, entry)
            regions = resolve_regions(provider.spec, entry)
        except BadEndpointError as error:
            return Resolved(provider, entry, problem=Reason.BAD_ENDPOINT, detail=str(error))
        if not provider.spec.enabled:
            return Resolved(provider, entry, endpoint, problem=Reason.PROVIDER_DISABLED)
        return Resolved(provider, entry, endpoint, regions=regions)
