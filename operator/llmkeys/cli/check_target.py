"""What `llmkeys check` asks: a type, and where it is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from llmkeys.api.errors import UserError
from llmkeys.api.provider import ProviderSpec
from llmkeys.catalogue.model import Provider
from llmkeys.probe.endpoint import Endpoint, other_regions, resolve_endpoint, resolve_regions
from llmkeys.probe.url import BadEndpointError

# What the fields of an LLMProvider are called here.
_OPTIONS: Final = (
    ("spec.baseURL", "--base-url"),
    ("spec.region", "--region"),
    ("spec.config.", "--config "),
    ("spec.endpoints.", "--endpoint "),
)


class NotProvableError(UserError):
    """Nothing can be asked; the text says why."""


@dataclass(frozen=True, slots=True)
class Target:
    """A type, and where it is.

    Args:
        spec: as an LLMProvider would have it.
        entry: of the catalogue.
        endpoint: of both.
        regions: where a key's region is looked for; empty unless `--region auto`.

    """

    spec: ProviderSpec
    entry: Provider
    endpoint: Endpoint
    regions: Mapping[str, Endpoint]

    @property
    def host(self) -> str:
        return self.endpoint.base.origin.host

    @property
    def other_regions(self) -> tuple[str, ...]:
        """Those that a refused key may belong to instead."""
        return other_regions(self.spec, self.entry)

    def at(self, region: str) -> Endpoint:
        """The endpoint of a region; of the usual one for an empty name."""
        return self.regions.get(region, self.endpoint)


def target_of(spec: ProviderSpec, entry: Provider) -> Target:
    """What is to be asked.

    Args:
        spec: as an LLMProvider would have it.
        entry: of the catalogue.

    Raises:
        NotProvableError: a URL cannot be used, or a setting is missing; the text names the option.

    """
    try:
        return Target(spec, entry, resolve_endpoint(spec, entry), resolve_regions(spec, entry))
    except BadEndpointError as error:
        raise NotProvableError(on_the_command_line(str(error))) from None


def on_the_command_line(text: str) -> str:
    """A sentence about an LLMProvider with the options in place of its fields."""
    for field, option in _OPTIONS:
        text = text.replace(field, option)
    return text
