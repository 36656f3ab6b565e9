"""What a template asks for, whatever product's shape it is written in."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llmkeys.api.errors import PlatformError
from llmkeys.api.models import ModelType
from llmkeys.crypto.secret import Secret

MAX_BYTES = 700 * 1024
"""The largest template that is read; a Secret holds 1 MiB."""


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where something stands in the template.

    Args:
        line, column: from 1; 0 where nothing is known.

    """

    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}" if self.line else "the template"


class TemplateInvalidError(PlatformError):
    """The template cannot be used, and nothing is created until it is corrected.

    Args:
        place: of what is wrong.
        text: what is wrong and what to do; never a value of the template.

    """

    def __init__(self, place: Place, text: str) -> None:
        super().__init__(f"{place}: {text}")
        self.place = place


@dataclass(frozen=True, slots=True)
class Left:
    """A part that is not taken over, while the rest is.

    Args:
        place: of it.
        what: its path or name, never its value.
        why: and what to do, as a sentence.

    """

    place: Place
    what: str
    why: str


@dataclass(frozen=True, slots=True)
class Account:
    """What another product's file says about one provider, as it says it.

    Args:
        place: of it.
        factory: the product's name of the provider; found through the catalogue's aliases.
        key: as it stands there, perhaps several with commas between them; None where there is none.
        base_url: empty for the provider's usual one.
        fields: further secret fields, by the catalogue's names.
        config: settings that are no secret, by the catalogue's names.
        defaults: type to the model that is the product's default for it.
        enabled: the product's switch.
        name: what the product's file calls this entry where a provider can have several; empty where it cannot.

    """

    place: Place
    factory: str
    key: Secret | None = field(default=None, repr=False)
    base_url: str = ""
    fields: Mapping[str, Secret] = field(default_factory=dict, repr=False)
    config: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[ModelType, str] = field(default_factory=dict)
    enabled: bool = True
    name: str = ""


@dataclass(frozen=True, slots=True)
class Accounts:
    """What another product's file holds.

    Args:
        shape: name of the product.
        accounts: in the file's order.
        left: what cannot be mapped.

    """

    shape: str
    accounts: tuple[Account, ...]
    left: tuple[Left, ...] = ()


@dataclass(frozen=True, slots=True)
class WantedProvider:
    """An LLMProvider to be made.

    Args:
        name: of it.
        spec: as in its manifest.
        place: in the template.
        annotations, labels: that it shall carry.

    """

    name: str
    spec: Mapping[str, Any]
    place: Place
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WantedKey:
    """One entry of an LLMCredential's keys; exactly one of the three ways to say what it is.

    Args:
        name: of the entry.
        clear: field to value, to be sealed before anything is written; "" stands for the type's main field.
        sealed: field to the sealed value that the template holds.
        source: a `secretRef` as in the manifest.
        place: in the template.

    """

    name: str
    place: Place
    clear: Mapping[str, Secret] = field(default_factory=dict, repr=False)
    sealed: Mapping[str, str] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class WantedCredential:
    """An LLMCredential to be made.

    Args:
        namespace: of it; empty for the default.
        name: of it.
        spec: as in its manifest, without `keys`.
        keys: its keys.
        place: in the template.
        annotations, labels: that it shall carry.

    """

    namespace: str
    name: str
    spec: Mapping[str, Any]
    keys: tuple[WantedKey, ...]
    place: Place
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Template:
    """What shall be made.

    Args:
        shape: name of the product whose shape it has, for people.
        providers, credentials: in the template's order.
        left: what is not taken over.

    """

    shape: str
    providers: tuple[WantedProvider, ...]
    credentials: tuple[WantedCredential, ...]
    left: tuple[Left, ...] = ()

    @property
    def foreign_providers(self) -> frozenset[str]:
        """Names of the LLMProviders that its credentials need and it does not hold."""
        needed = {str(one.spec.get("providerRef", {}).get("name", "")) for one in self.credentials}
        return frozenset(needed - {one.name for one in self.providers} - {""})
