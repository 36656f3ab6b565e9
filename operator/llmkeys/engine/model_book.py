"""Which models the proven keys of one provider open, as far as the looks since our start have shown."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class _Shown:
    type: ModelType
    at: float


class ModelBook:
    """Models by the time at which a look at some key showed them last.

    A model is gone when every proven key has been looked at since without showing it. So memory takes a model once,
    however many keys open it; and what an earlier process published stays until all keys have been looked at again.

    Args:
        audience: the endpoint that all of it is about.

    """

    def __init__(self, audience: str) -> None:
        self.audience: Final = audience
        self._shown: dict[tuple[str, str], _Shown] = {}
        self._listed: dict[Holder, float] = {}
        self._full = False

    @property
    def whole(self) -> bool:
        """Whether there was room for every model."""
        return not self._full

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
            self._put((model.id, region), _Shown(model.type, at))

    def seed(self, models: Iterable[ListedModel]) -> None:
        """Note what was published before our start; what a look has shown goes first."""
        for model in models:
            for region in model.regions or ("",):
                if (model.name, region) not in self._shown:
                    self._put((model.name, region), _Shown(model.type, _BEFORE_ALL))

    def current(self, proven: Collection[Holder]) -> tuple[ListedModel, ...]:
        """The models that are there; the others are forgotten.

        Args:
            proven: the keys that are proven now.

        """
        self._listed = {holder: at for holder, at in self._listed.items() if holder in proven}
        since = min((self._listed.get(holder, -inf) for holder in proven), default=inf)
        self._shown = {place: one for place, one in self._shown.items() if one.at >= since}
        self._full = self._full and len(self._shown) >= MOST
        return tuple(self._models())

    def _models(self) -> Iterator[ListedModel]:
        regions: dict[str, list[str]] = {}
        for name, region in self._shown:
            regions.setdefault(name, []).append(region)
        for name, found in regions.items():
            latest = max((self._shown[name, region] for region in found), key=lambda one: one.at)
            yield ListedModel(name, latest.type, tuple(sorted(filter(None, found))))

    def _put(self, place: tuple[str, str], shown: _Shown) -> None:
        if place in self._shown or len(self._shown) < MOST:
            self._shown[place] = shown
        else:
            self._full = True
