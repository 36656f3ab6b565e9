"""What `llmkeys check` asks: a type, and where it is."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from llmkeys.api.errors import UserError
from llmkeys.api.provider import ProviderSpec
from llmkeys.catalogue.model import Provider
from llmkeys.probe.endpoint import Endpoint, other_regions, resolve_endpoint, resolve_regions
from llmkeys.probe.url import BadEndpointError, origin_of

# What the fields of an LLMProvider are called here.
_OPTIONS: Final = (
    (re.compile(r"spec\.config\.(\w+)"), r"--config \1=VALUE"),
    (re.compile(r"spec\.endpoints\.(\w+)"), r"--endpoint \1=URL"),
    (re.compile(r"spec\.baseURL"), "--base-url"),
    (re.compile(r"spec\.region"), "--region"),
)
_ENDPOINTS: Final = ("token", "balance", "models", "files")


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
        required: models that must be there.

    """

    spec: ProviderSpec
    entry: Provider
    endpoint: Endpoint
    regions: Mapping[str, Endpoint]
    required: tuple[str, ...] = ()

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


def target_of(spec: ProviderSpec, entry: Provider, required: tuple[str, ...] = ()) -> Target:
    """What is to be asked.

    Args:
        spec: as an LLMProvider would have it.
        entry: of the catalogue.
        required: models that must be there.

    Raises:
        NotProvableError: a URL cannot be used, or a setting is missing; the text names the option.

    """
    for name, url in spec.endpoints.items():
        if name not in _ENDPOINTS:
            raise NotProvableError(f"There is no --endpoint {name}; there are: {', '.join(_ENDPOINTS)}.")
        _require_url(url, f"--endpoint {name}")
    for option, written in (("--base-url", spec.base_url), ("--proxy", spec.network.proxy)):
        if written is not None:
            _require_url(written.strip().removesuffix("#"), option)
    try:
        return Target(spec, entry, resolve_endpoint(spec, entry), resolve_regions(spec, entry), required)
    except BadEndpointError as error:
        raise NotProvableError(on_the_command_line(str(error))) from None


def on_the_command_line(text: str) -> str:
    """A sentence about an LLMProvider with the options in place of its fields."""
    for field, option in _OPTIONS:
        text = field.sub(option, text)
    return text


def _require_url(url: str, option: str) -> None:
    try:
        origin_of(url)
    except BadEndpointError as error:
        raise NotProvableError(f"{option}: {error}") from None
