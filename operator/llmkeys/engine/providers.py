"""The status of an LLMProvider: whether it can be used, where requests go, how its credentials fare, their models."""

from typing import Final

import msgspec

from llmkeys.api.conditions import ACTIVE, INVALID_KEY, MODELS_PUBLISHED, RATE_LIMITED, READY, RECONCILING, STALLED
from llmkeys.api.durations import rfc3339
from llmkeys.api.messages import message_of
from llmkeys.api.objects import Condition, condition_of, merge_patch
from llmkeys.api.provider import Counts, LLMProvider, ProviderStatus, Urls
from llmkeys.api.reasons import Reason
from llmkeys.delivery.model_list import config_map_name
from llmkeys.engine.clock import Clock
from llmkeys.engine.effects import Cluster
from llmkeys.engine.hosts import WINDOW, Hosts
from llmkeys.engine.model_lists import ModelLists, Publication
from llmkeys.engine.observe import Observer
from llmkeys.engine.report import event_of
from llmkeys.engine.resolve import Resolved, Resolver
from llmkeys.engine.store import Store

_TRUE, _FALSE = "True", "False"
_SETTLED: Final = frozenset({Reason.UNKNOWN_TYPE, Reason.BAD_ENDPOINT, Reason.PROVIDER_DISABLED})


class ProviderReconciler:
    """Keeps the status of providers."""

    def __init__(
        self,
        store: Store,
        resolver: Resolver,
        hosts: Hosts,
        lists: ModelLists,
        cluster: Cluster,
        clock: Clock,
        observer: Observer,
    ) -> None:
        self._store = store
        self._resolver = resolver
        self._hosts = hosts
        self._lists = lists
        self._cluster = cluster
        self._clock = clock
        self._observer = observer

    async def reconcile(self, name: str) -> float | None:
        """Write the status if it differs.

        Returns:
            when to look at it again by itself (epoch seconds), None if only a change matters.

        """
        provider = self._store.providers.get(name)
        if provider is None:
            return None
        resolved = self._resolver.resolve(provider)
        suspect = resolved.endpoint is not None and self._hosts.suspect(resolved.endpoint.origin)
        publication = await self._lists.publish(provider, resolved)
        status = self._status(provider, resolved, publication, suspect=suspect)
        patch = merge_patch(msgspec.to_builtins(provider.status), msgspec.to_builtins(status))
        if patch:
            written = await self._cluster.patch_provider_status(provider, patch)
            self._store.put_provider(written)
            self._observer.settled(written)
            await self._tell(provider, written, resolved)
        times = [self._clock.now() + WINDOW / 5] if suspect else []
        if publication is not None and publication.again is not None:
            times.append(publication.again)
        return min(times, default=None)

    def _status(
        self, provider: LLMProvider, resolved: Resolved, publication: Publication | None, *, suspect: bool
    ) -> ProviderStatus:
        reason = resolved.problem or (Reason.PROVIDER_SUSPECT if suspect else Reason.RESOLVED)
        endpoint = resolved.endpoint
        urls = None
        if endpoint is not None:
            urls = Urls(endpoint.base.base, endpoint.chat, endpoint.models, endpoint.probe)
        return ProviderStatus(
            observed_generation=provider.metadata.generation,
            conditions=self._conditions(provider, resolved, reason, publication),
            type=resolved.entry.id if resolved.entry else "",
            audience=endpoint.audience if endpoint else "",
            urls=urls,
            credentials=self._counts(provider.metadata.name),
            models=publication.models if publication else None,
        )

    def _conditions(
        self, provider: LLMProvider, resolved: Resolved, reason: Reason, publication: Publication | None
    ) -> tuple[Condition, ...]:
        ready = _TRUE if reason is Reason.RESOLVED else _FALSE
        name = provider.metadata.name
        values = {"provider": name, "detail": resolved.detail, "config_map": config_map_name(name)}
        if resolved.endpoint is not None:
            values["host"] = str(resolved.endpoint.origin)
        message = message_of(reason, values) + (_lifecycle(resolved) if reason is Reason.RESOLVED else "")
        stalled = _TRUE if reason in _SETTLED else _FALSE
        stated = [
            (READY, ready, reason, message),
            (RECONCILING, _FALSE, reason, ""),
            (STALLED, stalled, reason, message if stalled == _TRUE else ""),
        ]
        if publication is not None:
            told = publication.reason
            stated.append((MODELS_PUBLISHED, publication.status, told, message_of(told, values)))
        return tuple(self._condition(provider, *one) for one in stated)

    def _condition(self, provider: LLMProvider, kind: str, status: str, reason: Reason, message: str) -> Condition:
        stood = condition_of(provider.status.conditions, kind)
        since = stood.last_transition_time if stood and stood.status == status else rfc3339(self._clock.now())
        return Condition(kind, status, reason.value, message, since, provider.metadata.generation)

    def _counts(self, name: str) -> Counts:
        total = active = invalid = limited = 0
        for key in self._store.credentials_of_provider(name):
            credential = self._store.credentials.get(key)
            if credential is None:
                continue
            total += 1
            for condition in credential.status.conditions:
                if condition.status != _TRUE:
                    continue
                active += condition.type == ACTIVE
                invalid += condition.type == INVALID_KEY
                limited += condition.type == RATE_LIMITED
        return Counts(total, active, invalid, limited)

    async def _tell(self, before: LLMProvider, after: LLMProvider, resolved: Resolved) -> None:
        was, now = condition_of(before.status.conditions, READY), condition_of(after.status.conditions, READY)
        if now is None or (was is not None and was.reason == now.reason) or (was is None and now.status == _TRUE):
            return
        if resolved.endpoint is not None:
            suspected = now.reason == Reason.PROVIDER_SUSPECT
            self._observer.suspect(str(resolved.endpoint.origin), suspected=suspected)
        kind = "Normal" if now.status == _TRUE else "Warning"
        await self._cluster.post_event(event_of(after, kind, now.reason, now.message, self._clock.now()))


def _lifecycle(resolved: Resolved) -> str:
    """That the service ended, or will: the provider can be asked all the same."""
    end = resolved.entry.lifecycle if resolved.entry else None
    return f" The service is {end.state}: {end.note.en.removesuffix('.')}." if end else ""
