"""A provider's file as typed values: what it is, where it is, what it wants, and how a key is proven there.

The parts are in `credential` and `calls`, what a reply means is in `rule`. Templates: `{name}` in a URL, path or query
stands for the config field of that name, never for a secret field.
"""

import datetime as dt
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

import msgspec

from llmkeys.api.models import ModelType
from llmkeys.catalogue.calls import Balance, Models, Probe, Wait
from llmkeys.catalogue.credential import Alternative, Auth, ConfigField, SecretField, Unmistakable
from llmkeys.catalogue.part import Part, Text
from llmkeys.catalogue.rule import Rule, RuleBook


class Aliases(Part, frozen=True, kw_only=True):
    """What other products call this provider; `other` holds everyday names."""

    ragflow: tuple[str, ...] = ()
    dify: tuple[str, ...] = ()
    cherry_studio: tuple[str, ...] = ()
    litellm: tuple[str, ...] = ()
    xedu: tuple[str, ...] = ()
    other: tuple[str, ...] = ()


class Endpoint(Part, frozen=True, kw_only=True):
    """A base URL, version segment included, that `spec.region` picks by name.

    Args:
        region: the name.
        url: without a trailing slash; may hold `{field}` of config fields that have a pattern.
        auto: `region: auto` tries it: the same API with accounts of its own.

    """

    region: str
    url: str
    auto: bool = False


class Surface(Part, frozen=True, kw_only=True):
    """Another API of the same provider: a client may use it, no probe does, its host counts as the type's own."""

    name: str
    url: str


class Paths(Part, frozen=True, kw_only=True):
    """Endpoint paths that follow the base URL, each beginning with a slash; empty where there is none."""

    chat: str = ""
    models: str = ""
    embeddings: str = ""


class Console(Part, frozen=True, kw_only=True):
    """Where a person gets a key, how, and what is free."""

    url: str = ""
    alt_url: str = ""
    how: Text | None = None
    free: Text | None = None


class Lifecycle(Part, frozen=True, kw_only=True):
    """A service that closed or will: its type stays known and says so."""

    state: Literal["closing", "closed"]
    since: dt.date
    note: Text
    src: str = ""


class ProviderFile(Part, frozen=True, kw_only=True):
    """One file of the catalogue.

    Args:
        base_url_required: there is no endpoint of the vendor's own: `spec.baseURL` must be set.
        default_region: the endpoint used when `spec.region` is not set; empty if there is none.
        other_endpoints: other hosts of the type by name, which `spec.endpoints` overrides by that name.
        former_hosts: host names that were the provider's once: a value sealed for one is still good for the type.
        shared_hosts: host names where the path tells tenants apart, so it belongs to the audience.
        version: the segment that the base-URL rule appends (`v1`, `v4`, `v1beta`); empty: none is ever appended.
        trim: path endings that people paste and that are no part of the base URL; taken off before paths are added.
        env_base_url: conventional variables for the base URL; the first is the one that is written.
        sdk_base: what that variable holds: the base, or the root for SDKs that add the version themselves.
        rate_headers: names in lower case.
        errors: what replies mean, first match wins.

    """

    id: str
    names: Text
    kind: Literal["vendor", "aggregator", "hosting", "self-hosted", "oauth-cli", "generic"]
    aliases: Aliases = Aliases()
    base_url_required: bool = False
    endpoints: tuple[Endpoint, ...] = ()
    default_region: str = ""
    other_endpoints: dict[str, str] = msgspec.field(default_factory=dict)
    surfaces: tuple[Surface, ...] = ()
    former_hosts: tuple[str, ...] = ()
    shared_hosts: tuple[str, ...] = ()
    version: str = ""
    trim: tuple[str, ...] = ()
    paths: Paths
    auth: Auth
    secret_fields: tuple[SecretField, ...] = ()
    config_fields: tuple[ConfigField, ...] = ()
    alternatives: tuple[Alternative, ...] = ()
    env_base_url: tuple[str, ...] = ()
    sdk_base: Literal["base", "root"] = "base"
    probe: Probe
    models: Models = Models()
    balance: Balance | None = None
    rate_headers: tuple[str, ...] = ()
    wait: Wait = Wait()
    errors: tuple[Rule, ...] = ()
    console: Console = Console()
    lifecycle: Lifecycle | None = None
    note: str = ""


class DefaultsFile(Part, frozen=True, kw_only=True):
    """What holds for every provider.

    Args:
        errors: the default rules.
        wait: where any reply may say how long to wait.
        shared_hosts: host names where the path tells tenants apart, whatever the type.
        unmistakable: beginnings of keys that are a wrong type at the own hosts of all other types.
        model_ids: parts of ids, lower case, by which a model is of a type where its list does not say; `^` is the
            beginning.

    """

    errors: tuple[Rule, ...]
    wait: Wait = Wait()
    shared_hosts: tuple[str, ...] = ()
    unmistakable: tuple[Unmistakable, ...] = ()
    model_ids: dict[ModelType, tuple[str, ...]] = msgspec.field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Defaults:
    """`DefaultsFile`, with its rules compiled."""

    rules: RuleBook
    wait: Wait
    model_ids: Mapping[ModelType, tuple[str, ...]]


class Provider(ProviderFile, frozen=True, kw_only=True):
    """A provider ready for use: its file, a digest of it, and its rules compiled.

    Args:
        digest: of all that decides what is sent and what a reply means, the default rules included.
        shared_hosts: those that hold for every provider included.
        rules: `errors`, compiled.
        defaults: the rules for all providers.
        hosts: every host of the type: endpoints without templates, other endpoints, surfaces, former hosts; lower case.

    """

    digest: str
    rules: RuleBook
    defaults: Defaults
    hosts: frozenset[str]

    def endpoint(self, region: str = "") -> Endpoint | None:
        """The endpoint of a region, the default one for an empty name; None if there is no such region."""
        wanted = region or self.default_region
        return next((one for one in self.endpoints if one.region == wanted), None)

    def secret_field(self, name: str) -> SecretField | None:
        """The secret field of that name, of the usual credential or of an alternative."""
        return next((one for one in self.all_secret_fields if one.name == name), None)

    @property
    def all_secret_fields(self) -> tuple[SecretField, ...]:
        """Those of the usual credential, then those of the alternatives."""
        return (*self.secret_fields, *(one for other in self.alternatives for one in other.secret_fields))

    @property
    def all_config_fields(self) -> tuple[ConfigField, ...]:
        """Those of the provider, then those of the alternatives."""
        return (*self.config_fields, *(one for other in self.alternatives for one in other.config_fields))

    @property
    def used_endpoints(self) -> tuple[str, ...]:
        """Names of the other endpoints that some credential of the type is sent to when it is proven."""
        kinds = ((self.auth, self.probe), *((one.auth, one.probe or self.probe) for one in self.alternatives))
        names = {name for auth, probe in kinds for name in (probe.endpoint, auth.exchange and auth.exchange.endpoint)}
        return tuple(sorted(name for name in names if name))

    def kinds(self) -> tuple["Provider", ...]:
        """The provider once for each kind of credential, as if that was its only one; the usual kind first."""
        usual = msgspec.structs.replace(self, alternatives=())
        return (usual, *(usual.showing(one) for one in self.alternatives)) if self.alternatives else (self,)

    def kind_with(self, names: Collection[str]) -> "Provider":
        """The first kind of which every required field is named; the usual one if there is none."""
        kinds = self.kinds()
        return next((one for one in kinds if one.required_fields <= set(names)), kinds[0])

    def showing(self, other: Alternative) -> "Provider":
        """The provider as if that was its only credential.

        One that is proven elsewhere opens no list of models, and a balance is told to the usual one only.
        """
        listed = (
            {} if other.probe is None else {"models": Models(), "paths": msgspec.structs.replace(self.paths, models="")}
        )
        return msgspec.structs.replace(
            self,
            auth=other.auth,
            secret_fields=other.secret_fields,
            config_fields=(*self.config_fields, *other.config_fields),
            probe=other.probe or self.probe,
            balance=None,
            **listed,
        )

    @property
    def required_fields(self) -> frozenset[str]:
        """Names of the secret fields that the usual credential cannot do without."""
        return frozenset(one.name for one in self.secret_fields if not one.optional)

    @property
    def key_required(self) -> bool:
        """Whether requests need a secret at all."""
        return any(not one.optional for one in self.secret_fields)

    @property
    def known_paths(self) -> tuple[str, ...]:
        """Paths that a pasted URL may already end in, longest first."""
        paths = {self.paths.chat, self.paths.models, self.paths.embeddings, self.models.path} - {""}
        if not self.probe.endpoint:
            paths.add(self.probe.path)
        return tuple(sorted(paths, key=lambda path: (-len(path), path)))


class Redaction(Part, frozen=True, kw_only=True):
    """What is cut out of every text that leaves us.

    Args:
        prefixes: beginnings of keys.
        query_parameters: whose values are cut out of URLs.
        headers: whose values are never shown, in lower case.
        patterns: regular expressions of other things that look like key material.

    """

    prefixes: tuple[str, ...]
    query_parameters: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
