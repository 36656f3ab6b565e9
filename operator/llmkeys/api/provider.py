"""LLMProvider as a typed value. Defaults live here, in code: a `default:` in a CRD makes Argo CD diff for ever."""

from typing import Any

import msgspec

from llmkeys.api.durations import seconds
from llmkeys.api.models import ModelsSpec, PublishedModels
from llmkeys.api.objects import Condition, Metadata

_TIMEOUT = 10.0
FREE, PAID = "Free", "Paid"
"""Whether a probe that costs money may be sent."""


AUTO = "auto"
"""The region that has a key looked for in all of a provider's regions."""


class Network(msgspec.Struct, frozen=True, rename="camel"):
    """How requests reach the provider."""

    ca_bundle: str | None = None
    proxy: str | None = None
    allow_private_addresses: bool = False


class ProviderValidation(msgspec.Struct, frozen=True, rename="camel"):
    """How often and how fast keys are proven."""

    probe: str = FREE
    interval: str = "6h"
    timeout: str | None = None
    requests_per_second: int = 20
    max_concurrent: int = 16

    @property
    def interval_seconds(self) -> float:
        return seconds(self.interval)

    def timeout_seconds(self, usual: float | None) -> float:
        """Seconds that one probe may take; `usual` is what the catalogue says that the type needs at times."""
        return seconds(self.timeout) if self.timeout else max(_TIMEOUT, usual or 0.0)


class Requirement(msgspec.Struct, frozen=True):
    """One matchExpression of a label selector."""

    key: str
    operator: str
    values: tuple[str, ...] = ()


class LabelSelector(msgspec.Struct, frozen=True, rename="camel"):
    """https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors."""

    match_labels: dict[str, str] = {}
    match_expressions: tuple[Requirement, ...] = ()

    def matches(self, labels: dict[str, str]) -> bool:
        return all(labels.get(name) == value for name, value in self.match_labels.items()) and all(
            _holds(one, labels) for one in self.match_expressions
        )


def _holds(one: Requirement, labels: dict[str, str]) -> bool:
    present = one.key in labels
    match one.operator:
        case "In":
            return present and labels[one.key] in one.values
        case "NotIn":
            return not present or labels[one.key] not in one.values
        case "Exists":
            return present
        case "DoesNotExist":
            return not present
    return False


class AllowedNamespaces(msgspec.Struct, frozen=True):
    """Which namespaces may use the provider."""

    from_: str = msgspec.field(default="All", name="from")
    selector: LabelSelector | None = None

    def admits(self, labels: dict[str, str] | None) -> bool:
        """Whether a namespace with these labels may use the provider; None: the namespace is not known (yet)."""
        if self.from_ != "Selector":
            return True
        return labels is not None and self.selector is not None and self.selector.matches(labels)


class ProviderSpec(msgspec.Struct, frozen=True, rename="camel"):
    """What the platform team declares."""

    type: str
    enabled: bool = True
    base_url: str | None = msgspec.field(default=None, name="baseURL")
    endpoints: dict[str, str] = {}
    region: str | None = None
    config: dict[str, str] = {}
    headers: dict[str, str] = {}
    network: Network = Network()
    validation: ProviderValidation = ProviderValidation()
    models: ModelsSpec = ModelsSpec()
    allowed_namespaces: AllowedNamespaces = AllowedNamespaces()


class Urls(msgspec.Struct, frozen=True, omit_defaults=True):
    """The resolved URLs."""

    base: str = ""
    chat: str = ""
    models: str = ""
    probe: str = ""


class Counts(msgspec.Struct, frozen=True, rename="camel"):
    """How many credentials use the provider, and how they fare."""

    total: int = 0
    active: int = 0
    invalid: int = 0
    rate_limited: int = 0


class ProviderStatus(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What we found out."""

    observed_generation: int = -1
    conditions: tuple[Condition, ...] = ()
    type: str = ""
    audience: str = ""
    urls: Urls | None = None
    credentials: Counts | None = None
    models: PublishedModels | None = None


class LLMProvider(msgspec.Struct, frozen=True):
    """A cluster-scoped provider."""

    metadata: Metadata
    spec: ProviderSpec
    status: ProviderStatus = ProviderStatus()


def provider_from(body: Any) -> LLMProvider:
    """The typed value of a watched or listed object.

    Raises:
        msgspec.ValidationError: the object does not have the shape of the schema.

    """
    return msgspec.convert(body, LLMProvider)
