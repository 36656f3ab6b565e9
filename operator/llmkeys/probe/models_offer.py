"""Which models a key offers, which are the defaults, and what is missing of what was asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from llmkeys.api.models import ModelsSpec, ModelsStatus, ModelType
from llmkeys.catalogue.calls import Models
from llmkeys.probe.models import Listing, Model

_NAMED: Final = 64
_SHOWN: Final = 5
NOTHING: Final = ModelsStatus()


@dataclass(frozen=True, slots=True)
class Asked:
    """What the manifests ask for.

    Args:
        spec: of the LLMProvider.
        required: `spec.requiredModels` of the LLMCredential.

    """

    spec: ModelsSpec
    required: tuple[str, ...] = ()

    @property
    def anything(self) -> bool:
        """Whether some answer depends on the list, so that it is worth a call of its own."""
        return bool(self.required or self.spec.defaults or self.spec.publish)

    @property
    def names(self) -> tuple[str, ...]:
        """Every model that a manifest names, each once."""
        named = (*self.required, *self.spec.defaults.values(), *(one.name for one in self.spec.add))
        return tuple(dict.fromkeys(name for name in named if name))


def matches(pattern: str, name: str) -> bool:
    """Whether a name fits a pattern, in which `*` stands for any text and everything else for itself."""
    first, *rest = pattern.split("*")
    if not rest:
        return name == first
    if not name.startswith(first):
        return False
    *middle, last = rest
    at = len(first)
    for part in middle:
        at = name.find(part, at)
        if at < 0:
            return False
        at += len(part)
    return len(name) - at >= len(last) and name.endswith(last)


def admits(spec: ModelsSpec, name: str) -> bool:
    """Whether the patterns let a name through; what was added needs no pattern."""
    if any(one.name == name for one in spec.add):
        return True
    if any(matches(pattern, name) for pattern in spec.exclude):
        return False
    return not spec.include or any(matches(pattern, name) for pattern in spec.include)


def offered(listing: Listing, spec: ModelsSpec) -> tuple[Model, ...]:
    """What the list shows and the patterns let through, and what was added unless it is known not to exist."""
    models = {model.id: model for model in listing.models if admits(spec, model.id)}
    models |= {one.name: Model(one.name, one.type) for one in spec.add if one.name not in listing.absent}
    return tuple(models.values())


def assess(listing: Listing | None, asked: Asked, models: Models, before: ModelsStatus) -> ModelsStatus:
    """What is known of the models after a look.

    Args:
        listing: None where no list was read, or reading it failed: then nothing changes but what is asked for.
        asked: by the manifests.
        models: what the catalogue knows of this provider's.
        before: what was known. A default that the catalogue chose then is kept for as long as it is asked for.

    """
    if listing is None:
        return _as_before(asked, before)
    there = {model.id: model.type for model in offered(listing, asked.spec)}
    offer = _Offer(there, listing, asked.spec, models)
    missing = {name: None for name in asked.required if offer.lacks(name)}
    defaults: dict[str, str] = {}
    for kind, said in sorted(asked.spec.defaults.items()):
        name = said or before.defaults.get(kind, "") or offer.choice(kind)
        defaults[kind.value] = name
        if offer.lacks(name) if name else listing.complete:
            missing[name or f"a default for {kind.value}"] = None
    return ModelsStatus(len(there) if listing.counted else None, defaults, tuple(missing)[:_NAMED])


def in_words(missing: tuple[str, ...]) -> str:
    """Names for a message; of many, the first and how many more."""
    shown = ", ".join(missing[:_SHOWN])
    return f"{shown} and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else shown


@dataclass(frozen=True, slots=True)
class _Offer:
    """What is there, and how sure it is that the rest is not."""

    there: Mapping[str, ModelType]
    listing: Listing
    spec: ModelsSpec
    models: Models

    def lacks(self, name: str) -> bool:
        if self._shows(name):
            return False
        return name in self.listing.absent or not admits(self.spec, name) or self.listing.complete

    def choice(self, kind: ModelType) -> str:
        return next((name for name in self.models.choices.get(kind, ()) if self._shows(name)), "")

    def _shows(self, name: str) -> bool:
        bare = name.removeprefix(self.models.strip_prefix)
        suffix = self.models.implied_suffix
        return name in self.there or bare in self.there or (bool(suffix) and bare + suffix in self.there)


def _as_before(asked: Asked, before: ModelsStatus) -> ModelsStatus:
    defaults = {kind.value: said or before.defaults.get(kind, "") for kind, said in asked.spec.defaults.items()}
    wanted = {*asked.required, *defaults.values(), *(f"a default for {kind}" for kind in defaults)}
    missing = tuple(name for name in before.missing if name in wanted)
    return ModelsStatus(before.available, dict(sorted(defaults.items())), missing)
