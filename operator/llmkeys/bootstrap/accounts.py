"""From what another product's file says of its providers to LLMProviders and LLMCredentials.

What one product calls by one name may be several LLMProviders: one for each address and each group of settings. Keys
for the same LLMProvider are entries of one LLMCredential, so that none is lost.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, Final

from llmkeys.api.models import ModelType
from llmkeys.bootstrap.naming import free_name, slug
from llmkeys.bootstrap.template import (
    Account,
    Accounts,
    Left,
    Template,
    WantedCredential,
    WantedKey,
    WantedProvider,
)
from llmkeys.catalogue.errors import UnknownProviderTypeError
from llmkeys.catalogue.lookup import Catalogue
from llmkeys.catalogue.model import Provider
from llmkeys.crypto.secret import Secret
from llmkeys.probe.material import several
from llmkeys.probe.url import BadEndpointError, BaseUrl, resolve_base

_INSIDE: Final = (".svc", ".local", ".internal", ".lan", ".home.arpa", ".localhost")
_FIRST_ENTRY: Final = "primary"


def template_from(accounts: Accounts, catalogue: Catalogue) -> Template:
    """What shall be made of another product's file.

    Args:
        accounts: what it says.
        catalogue: finds its names of providers.

    """
    left = list(accounts.left)
    groups: dict[_Identity, _Group] = {}
    names: set[str] = set()
    for account in accounts.accounts:
        try:
            entry = catalogue.find(account.factory)
            base = _base(account, entry)
        except UnknownProviderTypeError as error:
            left.append(Left(account.place, account.factory, _unknown(error)))
            continue
        except BadEndpointError as error:
            left.append(Left(account.place, account.factory, f"Its address cannot be used: {error}"))
            continue
        if entry.key_required and account.key is None and not account.fields:
            left.append(Left(account.place, account.factory, "It has no key, or only a placeholder for one."))
            continue
        identity = _identity(account, entry, base)
        if identity not in groups:
            groups[identity] = _Group(_name(account, entry, base, names), entry, base, account)
            names.add(groups[identity].name)
        left += groups[identity].add(account)
    return Template(
        accounts.shape,
        tuple(one.provider() for one in groups.values()),
        tuple(one.credential() for one in groups.values()),
        tuple(left),
    )


_Identity = tuple[str, str, tuple[tuple[str, str], ...], str]


@dataclass(slots=True)
class _Group:
    """Accounts that share an LLMProvider."""

    name: str
    entry: Provider
    base: BaseUrl | None
    first: Account
    defaults: dict[ModelType, str] = field(default_factory=dict)
    keys: list[WantedKey] = field(default_factory=list)
    known: set[tuple[tuple[str, str], ...]] = field(default_factory=set, repr=False)
    enabled: bool = False

    def add(self, account: Account) -> Iterator[Left]:
        """Take an account in; what does not fit in beside the others is left."""
        self.enabled = self.enabled or account.enabled
        for kind, model in account.defaults.items():
            if self.defaults.setdefault(kind, model) != model:
                yield Left(account.place, model, f"{self.defaults[kind]} is the default of this type already.")
        for values in _keys_of(account, self.entry):
            revealed = tuple((name, secret.reveal()) for name, secret in sorted(values.clear.items()))
            if revealed in self.known:
                continue
            self.known.add(revealed)
            name = f"key-{len(self.keys) + 1}" if self.keys else _FIRST_ENTRY
            self.keys.append(WantedKey(name, account.place, clear=values.clear))

    def provider(self) -> WantedProvider:
        spec: dict[str, Any] = {"type": self.entry.id}
        region = _region(self.base, self.entry)
        if region:
            spec |= {} if region == self.entry.default_region else {"region": region}
        elif self.base is not None:
            spec["baseURL"] = self.first.base_url
            if _is_inside(self.base):
                spec["network"] = {"allowPrivateAddresses": True}
        if self.first.config:
            spec["config"] = dict(self.first.config)
        if self.defaults:
            spec["models"] = {"defaults": {kind.value: model for kind, model in self.defaults.items()}}
        return WantedProvider(self.name, spec, self.first.place)

    def credential(self) -> WantedCredential:
        spec: dict[str, Any] = {"providerRef": {"name": self.name}}
        if not self.enabled:
            spec["enabled"] = False
        return WantedCredential("", self.name, spec, tuple(self.keys), self.first.place)


def _base(account: Account, entry: Provider) -> BaseUrl | None:
    if not account.base_url:
        return None
    return resolve_base(account.base_url, entry.version, (*entry.known_paths, *entry.trim))


def _identity(account: Account, entry: Provider, base: BaseUrl | None) -> _Identity:
    region = _region(base, entry)
    written = "" if base is None else region or base.base
    address = "" if written == entry.default_region else written
    return entry.id, address, tuple(sorted(account.config.items())), slug(account.name)


def _region(base: BaseUrl | None, entry: Provider) -> str:
    """The region whose own address this is; empty if it is another address, or none was given."""
    return next((one.region for one in entry.endpoints if base is not None and one.url == base.base), "")


def _name(account: Account, entry: Provider, base: BaseUrl | None, taken: set[str]) -> str:
    own = slug(account.name)
    if own:
        return free_name(own, taken)
    if entry.id not in taken:
        return entry.id
    about = _region(base, entry) or (base.origin.host if base is not None else "")
    return free_name(slug(f"{entry.id}-{about}") if about else entry.id, taken)


def _keys_of(account: Account, entry: Provider) -> Iterable[WantedKey]:
    """The keys of an account, one for each that its text holds."""
    place = account.place
    if account.key is None:
        return [WantedKey("", place, clear=account.fields)] if account.fields else []
    usual = entry.kind_with([entry.auth.field, *account.fields])
    main = usual.secret_field(usual.auth.field)
    texts = several(main, account.key.reveal()) if main is not None else [account.key.reveal()]
    name = main.name if main is not None else usual.auth.field
    return [WantedKey("", place, clear={name: Secret(text), **account.fields}) for text in texts]


def _is_inside(base: BaseUrl) -> bool:
    """Whether an address can only be one of the cluster's or the company's own network."""
    host = base.origin.host
    if base.origin.scheme == "http" or "." not in host or host.endswith(_INSIDE):
        return True
    try:
        return ip_address(host).is_private
    except ValueError:
        return False


def _unknown(error: UnknownProviderTypeError) -> str:
    nearest = ", ".join(error.nearest)
    return f"llmkeys knows no provider of this name. The nearest are: {nearest}. Correct it, or use openai-compatible."
