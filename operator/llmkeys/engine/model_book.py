"""Which models the proven keys of one provider open, as far as the looks since our start have shown."""

from collections.abc import Collection, Iterable
from math import inf
from typing import Final

from llmkeys.api.models import ModelType
from llmkeys.api.objects import Key
from llmkeys.delivery.model_list import ListedModel
from llmkeys.probe.models import Model

Holder = tuple[Key, str]
"""A key of a credential: the credential's name and the key's fingerprint."""

MOST: Final = 30_000
"""Models that are remembered of a provider; a ConfigMap does not hold as many."""

_BEFORE_ALL: Final = -1.0


class ModelBook:
    """Models by the time at which a look at some key showed them last.

    A model is gone when every proven key has been looked at since without showing it. So memory takes a model once,
    however many keys open it; and what an earlier process published stays until all keys have been looked at again.

    Args:
        audience: the endpoint that all of it is about.

    """

    def __init__(self, audience: str) -> None:
        self.audience: Final = audience
        self.changes = 0
        """Grows whenever `models` or `whole` changes."""
        self._shown: dict[tuple[str, str], float] = {}
        self._types: dict[str, ModelType] = {}
        self._listed: dict[Holder, float] = {}
        self._full = False

    def __contains__(self, name: str) -> bool:
        return name in self._types

    @property
    def whole(self) -> bool:
        """Whether there was room for every model."""
        return not self._full

    @property
    def models(self) -> tuple[ListedModel, ...]:
        """The models that are there; one that several regions show is of the type that was shown last."""
        regions: dict[str, list[str]] = {}
        for name, region in self._shown:
            regions.setdefault(name, []).append(region)
        return tuple(
            ListedModel(name, self._types[name], tuple(sorted(filter(None, found)))) for name, found in regions.items()
        )

    def take_in(self, holder: Holder, region: str, models: Iterable[Model], at: float) -> None:
        """Note what a look at a key has shown.

        Args:
            holder: the key.
            region: where it is at home, empty if that is not asked.
            models: what it opens.
            at: epoch seconds.

        """
        self._listed[holder] = at
        for model in models:
            self._put((model.id, region), model.type, at)

    def seed(self, models: Iterable[ListedModel]) -> None:
        """Note what was published before our start; what a look has shown goes first."""
        for model in models:
            for region in model.regions or ("",):
                if (model.name, region) not in self._shown:
                    self._put((model.name, region), self._types.get(model.name, model.type), _BEFORE_ALL)

    def forget_unseen(self, proven: Collection[Holder]) -> None:
        """Forget the models that are gone.

        Args:
            proven: the keys that are proven now.

        """
        self._listed = {holder: at for holder, at in self._listed.items() if holder in proven}
        since = min((self._listed.get(holder, -inf) for holder in proven), default=inf)
        gone = [place for place, at in self._shown.items() if at < since]
        if not gone:
            return
        for place in gone:
            del self._shown[place]
        left = {name for name, _ in self._shown}
        self._types = {name: kind for name, kind in self._types.items() if name in left}
        self._full = self._full and len(self._shown) >= MOST
        self.changes += 1

    def _put(self, place: tuple[str, str], kind: ModelType, at: float) -> None:
        name, _ = place
        known = place in self._shown
        if not known and len(self._shown) >= MOST:
            self.changes += not self._full
            self._full = True
            return
        self.changes += not known or self._types[name] is not kind
        self._shown[place] = at
        self._types[name] = kind
