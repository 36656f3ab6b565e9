"""`models.publish`: what the looks at a provider's keys show of their models, kept in a ConfigMap.

Nothing is sent for it: lists come with looks that are due anyway. Without news nothing is read or written, so a restart
leaves everything as it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from llmkeys.api.conditions import MODELS_PUBLISHED
from llmkeys.api.models import PublishedModels
from llmkeys.api.objects import Key, condition_of
from llmkeys.api.provider import LLMProvider
from llmkeys.api.reasons import Belief, Reason
from llmkeys.delivery.model_list import ModelList, config_map_name, listed_in, model_list
from llmkeys.engine.clock import Clock
from llmkeys.engine.effects import Cluster, ConflictError, ForbiddenError, NotOursError, NotThereError, RefusedError
from llmkeys.engine.keys import HeldKey
from llmkeys.engine.model_book import Holder, ModelBook
from llmkeys.engine.resolve import Resolved
from llmkeys.engine.store import Store
from llmkeys.probe.echo import Echo
from llmkeys.probe.models import Listing
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

    def note(self, credential: Key, resolved: Resolved, one: HeldKey, listing: Listing | None) -> None:
        """Take in what a look has shown of a key's models.

        Args:
            credential: whose key.
            resolved: its provider.
            one: the key, judged.
            listing: of this look, None if there is none: that changes nothing.

        """
        spec = resolved.provider.spec.models
        if not spec.publish or listing is None or resolved.endpoint is None or not one.state.proven:
            return
        # A hostile server could have us publish the key that it was sent as the name of a model.
        echo = Echo(secret for _, secret in one.candidate.material.items()) if one.candidate.material else Echo(())
        models = [model for model in offered(listing, spec) if not echo.shows(model.id)]
        page = self._page(resolved.provider.metadata.name, resolved.endpoint.audience)
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
            return _as_told(provider)
        now = self._clock.now()
        wanted = self._list(provider, page.book)
        if wanted.data != page.held or now >= page.compared + _COMPARE_EVERY:
            found = await self._cluster.read_model_list(provider)
            if not page.seeded:
                page.book.seed(listed_in(found or {}))
                page.seeded = True
                wanted = self._list(provider, page.book)
            if found != wanted.data:
                await self._cluster.write_model_list(provider, wanted.data)
            page.held, page.compared = wanted.data, now
        reason = Reason.PUBLISHED if wanted.whole else Reason.PUBLISHED_IN_PART
        return Publication(reason, PublishedModels(config_map_name(provider.metadata.name), wanted.count))

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

    def _list(self, provider: LLMProvider, book: ModelBook) -> ModelList:
        spec = provider.spec.models
        models = book.current(frozenset(self._proven(provider.metadata.name)))
        return model_list((one for one in models if admits(spec, one.name)), whole=book.whole)

    def _proven(self, name: str) -> Iterator[Holder]:
        for key in self._store.credentials_of_provider(name):
            for one in self._store.credentials[key].status.keys:
                if one.belief == Belief.VALID:
                    yield key, one.fingerprint

    def _failed(self, provider: LLMProvider, reason: Reason) -> Publication:
        return Publication(reason, provider.status.models, self._clock.now() + _RETRY)


def _as_told(provider: LLMProvider) -> Publication:
    """As the status tells of it."""
    stood = condition_of(provider.status.conditions, MODELS_PUBLISHED)
    reason = _REASONS.get(stood.reason, Reason.AWAITING_MODELS) if stood else Reason.AWAITING_MODELS
    return Publication(reason, provider.status.models)
