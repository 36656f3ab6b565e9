"""`models.publish`: what the looks at a provider's keys show of their models, kept in a ConfigMap.

Nothing is sent for it: lists come with looks that are due anyway. Without news nothing is read or written, so a restart
leaves everything as it is; only what was in the way of a list is asked after.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from llmkeys.api.conditions import MODELS_PUBLISHED
from llmkeys.api.models import ModelsSpec, PublishedModels
from llmkeys.api.objects import Key, condition_of
from llmkeys.api.provider import LLMProvider
from llmkeys.api.reasons import Belief, Reason
from llmkeys.delivery.model_list import CUT, ModelList, config_map_name, listed_in, model_list
from llmkeys.engine.clock import Clock
from llmkeys.engine.effects import Cluster, ConflictError, ForbiddenError, NotOursError, NotThereError, RefusedError
from llmkeys.engine.keys import HeldKey
from llmkeys.engine.model_book import Holder, ModelBook
from llmkeys.engine.resolve import Resolved
from llmkeys.engine.store import Store
from llmkeys.probe.echo import Echo
from llmkeys.probe.models import Listing, Model
from llmkeys.probe.models_offer import admits, offered

_COMPARE_EVERY: Final = 3600.0  # whether somebody edited or deleted the ConfigMap; only together with news
_RETRY: Final = 300.0
_REASONS: Final = {
    one.value: one
    for one in (
        Reason.PUBLISHED,
        Reason.PUBLISHED_IN_PART,
        Reason.AWAITING_MODELS,
        Reason.CONFIG_MAP_CONFLICT,
        Reason.PUBLISH_REFUSED,
    )
}
_IN_THE_WAY: Final = (Reason.CONFIG_MAP_CONFLICT, Reason.PUBLISH_REFUSED)


@dataclass(frozen=True, slots=True)
class Publication:
    """How the list of a provider's models stands.

    Args:
        reason: of the condition ModelsPublished.
        models: what the ConfigMap holds, None if it was never written.
        again: when to try once more (epoch seconds), None if only news matter.

    """

    reason: Reason
    models: PublishedModels | None
    again: float | None = None

    @property
    def status(self) -> str:
        """Of the condition."""
        if self.reason is Reason.AWAITING_MODELS:
            return "Unknown"
        return "True" if self.reason in (Reason.PUBLISHED, Reason.PUBLISHED_IN_PART) else "False"


class _Page:
    """What is known of one provider's ConfigMap."""

    def __init__(self, book: ModelBook) -> None:
        self.book = book
        self.seeded = False
        self.held: dict[str, str] | None = None
        self.compared = 0.0
        self._made_of: tuple[int, ModelsSpec] | None = None
        self._list = ModelList({}, 0, whole=True)

    def list(self, spec: ModelsSpec, proven: Collection[Holder]) -> ModelList:
        """What the ConfigMap is to hold; made anew only if that is something else than before."""
        self.book.forget_unseen(proven)
        made_of = (self.book.changes, spec)
        if made_of != self._made_of:
            models = (one for one in self.book.models if admits(spec, one.name))
            self._list, self._made_of = model_list(models, whole=self.book.whole), made_of
        return self._list


class ModelLists:
    """The lists of all providers.

    Args:
        store: knows the keys that are proven.
        cluster: reads and writes the ConfigMaps.
        clock: tells the time.

    """

    def __init__(self, store: Store, cluster: Cluster, clock: Clock) -> None:
        self._store = store
        self._cluster = cluster
        self._clock = clock
        self._pages: dict[str, _Page] = {}

    def note(self, credential: Key, resolved: Resolved, one: HeldKey, listing: Listing) -> None:
        """Take in what a look has shown of a key's models, when the status tells of the look.

        Args:
            credential: whose key.
            resolved: its provider.
            one: the key, judged.
            listing: of this look.

        """
        spec = resolved.provider.spec.models
        # Who is proven, only statuses tell: what a key shows whose status was not written would soon be forgotten.
        known = one.fingerprint in self._proven_of(credential)
        if not spec.publish or resolved.endpoint is None or not one.state.proven or not known:
            return
        page = self._page(resolved.provider.metadata.name, resolved.endpoint.audience)
        models = _unlike_key(offered(listing, spec), one, page.book)
        page.book.take_in((credential, one.fingerprint), one.region, models, self._clock.now())

    def forget(self, provider: str) -> None:
        self._pages.pop(provider, None)

    async def publish(self, provider: LLMProvider, resolved: Resolved) -> Publication | None:
        """Have the ConfigMap say what is known; None where nothing is to be published.

        Raises:
            RetryableError: the API server did not answer, or something changed under our hands.

        """
        try:
            if provider.spec.models.publish:
                return await self._publish(provider, resolved)
            await self._withdraw(provider)
        except NotOursError:
            return self._failed(provider, Reason.CONFIG_MAP_CONFLICT)
        except (ForbiddenError, RefusedError):
            return self._failed(provider, Reason.PUBLISH_REFUSED)
        except NotThereError as error:
            raise ConflictError(str(error)) from None  # the provider itself is there
        return None

    async def _withdraw(self, provider: LLMProvider) -> None:
        """Empty what we wrote; it is not deleted, since we hold no right to."""
        self.forget(provider.metadata.name)
        if provider.status.models is not None and await self._cluster.read_model_list(provider):
            await self._cluster.write_model_list(provider, {})

    async def _publish(self, provider: LLMProvider, resolved: Resolved) -> Publication:
        page = self._current_page(provider, resolved)
        if page is None:
            return await self._without_news(provider)
        now = self._clock.now()
        wanted = self._list(provider, page)
        if wanted.data != page.held or now >= page.compared + _COMPARE_EVERY:
            found = await self._cluster.read_model_list(provider)
            if not page.seeded:
                page.book.seed(listed_in(found or {}))
                page.seeded = True
                wanted = self._list(provider, page)
            if found != wanted.data:
                await self._cluster.write_model_list(provider, wanted.data)
            page.held, page.compared = wanted.data, now
        return _published(provider, wanted.count, whole=wanted.whole)

    async def _without_news(self, provider: LLMProvider) -> Publication:
        """As the status tells; if something was in the way of the list, as it is found once that is over."""
        told = _as_told(provider)
        if told.reason not in _IN_THE_WAY:
            return told
        found = await self._cluster.read_model_list(provider)
        if not found:
            return Publication(Reason.AWAITING_MODELS, None)
        return _published(provider, len(listed_in(found)), whole=CUT not in found)

    def _current_page(self, provider: LLMProvider, resolved: Resolved) -> _Page | None:
        """None while there are no news."""
        if resolved.endpoint is None:
            return None
        name, audience = provider.metadata.name, resolved.endpoint.audience
        moved = provider.status.audience not in ("", audience)
        page = self._pages.get(name)
        if not moved and (page is None or page.book.audience != audience):
            return None
        page = self._page(name, audience)
        # What was published is about another endpoint.
        page.seeded = page.seeded or moved
        return page

    def _page(self, name: str, audience: str) -> _Page:
        page = self._pages.get(name)
        if page is None or page.book.audience != audience:
            page = self._pages[name] = _Page(ModelBook(audience))
        return page

    def _list(self, provider: LLMProvider, page: _Page) -> ModelList:
        return page.list(provider.spec.models, frozenset(self._proven(provider.metadata.name)))

    def _proven(self, name: str) -> Iterator[Holder]:
        for key in self._store.credentials_of_provider(name):
            for fingerprint in self._proven_of(key):
                yield key, fingerprint

    def _proven_of(self, key: Key) -> Iterator[str]:
        credential = self._store.credentials.get(key)
        keys = credential.status.keys if credential else ()
        return (one.fingerprint for one in keys if one.belief == Belief.VALID)

    def _failed(self, provider: LLMProvider, reason: Reason) -> Publication:
        return Publication(reason, provider.status.models, self._clock.now() + _RETRY)


def _as_told(provider: LLMProvider) -> Publication:
    """As the status tells of it."""
    stood = condition_of(provider.status.conditions, MODELS_PUBLISHED)
    reason = _REASONS.get(stood.reason, Reason.AWAITING_MODELS) if stood else Reason.AWAITING_MODELS
    return Publication(reason, provider.status.models)


def _published(provider: LLMProvider, count: int, *, whole: bool) -> Publication:
    reason = Reason.PUBLISHED if whole else Reason.PUBLISHED_IN_PART
    return Publication(reason, PublishedModels(config_map_name(provider.metadata.name), count))


def _unlike_key(models: Iterable[Model], one: HeldKey, book: ModelBook) -> Iterator[Model]:
    """Without those by which a hostile server would have us publish the key that it was sent, as a model's name.

    A name that is in the book already is published anyway.
    """
    secrets = one.candidate.material.items() if one.candidate.material else ()
    echo: Echo | None = None
    for model in models:
        if model.id not in book:
            echo = echo or Echo(secret for _, secret in secrets)
            if echo.shows(model.id):
                continue
        yield model
