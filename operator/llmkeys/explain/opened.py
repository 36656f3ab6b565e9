"""What a good key opens: models by type, the defaults among them, what is missing, and what its account has left."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import msgspec

from llmkeys.api.models import ModelType
from llmkeys.catalogue.model import Provider
from llmkeys.probe.balance import LEFT, Figure
from llmkeys.probe.models import Listing
from llmkeys.probe.models_offer import NOTHING, Asked, assess


@dataclass(frozen=True, slots=True)
class Opened:
    """What was found out besides the verdict.

    Args:
        models: how many, None if no list was read.
        types: type to how many of it, the most first.
        more: the list was cut off, or works with models that it does not show.
        defaults: type to model: the one asked for, else the catalogue's choice among those that are there.
        missing: asked for, and not there.
        balance: None if the provider told none.
        balance_status: HTTP status of the reply that should have told it; 0 if nobody was asked, or nobody answered.

    """

    models: int | None = None
    types: tuple[tuple[str, int], ...] = ()
    more: bool = False
    defaults: tuple[tuple[str, str], ...] = ()
    missing: tuple[str, ...] = ()
    balance: tuple[Figure, ...] | None = None
    balance_status: int = 0

    @property
    def nothing_left(self) -> bool:
        """Whether the account has nothing left of anything that it is told to have."""
        left = [one.amount for one in self.balance or () if one.kind == LEFT]
        return bool(left) and max(left) <= 0


NOTHING_OPENED: Final = Opened()


def with_choices(asked: Asked, entry: Provider) -> Asked:
    """The same question, and which model the catalogue would choose for chat and each other type that it can."""
    defaults = {ModelType.LLM: "", **dict.fromkeys(entry.models.choices, ""), **asked.spec.defaults}
    return Asked(msgspec.structs.replace(asked.spec, defaults=defaults), asked.required)


def opened_by(
    listing: Listing | None,
    asked: Asked,
    entry: Provider,
    balance: tuple[Figure, ...] | None = None,
    balance_status: int = 0,
) -> Opened:
    """What a key opens.

    Args:
        listing: None if no list was read.
        asked: by a person.
        entry: of the catalogue.
        balance: as told.
        balance_status: of the reply that should have told it.

    """
    found = assess(listing, with_choices(asked, entry), entry.models, NOTHING)
    named = set(asked.names)
    counted = listing is not None and listing.counted
    return Opened(
        models=len(listing.models) if listing is not None and counted else None,
        types=_types(one.type.value for one in listing.models) if listing is not None else (),
        more=listing is not None and counted and not listing.complete,
        defaults=tuple((kind, name) for kind, name in found.defaults.items() if name),
        missing=tuple(name for name in found.missing if name in named),
        balance=balance,
        balance_status=balance_status,
    )


def _types(kinds: Iterable[str]) -> tuple[tuple[str, int], ...]:
    return tuple(Counter(kinds).most_common())
