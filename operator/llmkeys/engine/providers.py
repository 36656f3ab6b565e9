"""The status of an LLMProvider: whether it can be used, where requests go, how its credentials fare."""

from typing import Final

import msgspec

from llmkeys.api.conditions import ACTIVE, INVALID_KEY, RATE_LIMITED, READY, RECONCILING, STALLED
from llmkeys.api.durations import rfc3339
from llmkeys.api.messages import message_of
from llmkeys.api.objects import Condition, condition_of, merge_patch
from llmkeys.api.provider import Counts, LLMProvider, ProviderStatus, Urls
from llmkeys.api.reasons import Reason
from llmkeys.engine.clock import Clock
from llmkeys.engine.effects import Cluster
from llmkeys.engine.hosts import WINDOW, Hosts
from llmkeys.engine.observe import Observer
from llmkeys.engine.report import event_of
from llmkeys.engine.resolve import Resolved, Resolver
from llmkeys.engine.store import Store

_TRUE, _FALSE = "True", "False"
_SETTLED: Final = frozenset({Reason.UNKNOWN_TYPE, Reason.BAD_ENDPOINT, Reason.PROVIDER_DISABLED})


class ProviderReconciler:
    """Keeps the status of providers."""

    def __init__(
        self, store: Store, resolver: Resolver, hosts: Hosts, cluster: Cluster, clock: Clock, observer: Observer
    ) -> None:
        self._store = store
        self._resolver = resolver
        self._hosts = hosts
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
        status = self._status(provider, resolved, suspect=suspect)
        patch = merge_patch(msgspec.to_builtins(provider.status), msgspec.to_builtins(status))
        if patch:
            written = await self._cluster.patch_provider_status(provider, patch)
            self._store.put_provider(written)
            self._observer.settled(written)
            await self._tell(provider, written, resolved)
        return self._clock.now() + WINDOW / 5 if suspect else None

    def _status(self, provider: LLMProvider, resolved: Resolved, *, suspect: bool) -> ProviderStatus:
        reason = resolved.problem or (Reason.PROVIDER_SUSPECT if suspect else Reason.RESOLVED)
        endpoint = resolved.endpoint
        urls = None
        if endpoint is not None:
            urls = Urls(endpoint.base.base, endpoint.chat, endpoint.models, endpoint.probe)
        return ProviderStatus(
            observed_generation=provider.metadata.generation,
            conditions=self._conditions(provider, resolved, reason),
            type=resolved.entry.id if resolved.entry else "",
            audience=endpoint.audience if endpoint else "",
            urls=urls,
            credentials=self._counts(provider.metadata.name),
        )

    def _conditions(self, provider: LLMProvider, resolved: Resolved, reason: Reason) -> tuple[Condition, ...]:
        ready = _TRUE if reason is Reason.RESOLVED else _FALSE
        values = {"provider": provider.metadata.name, "detail": resolved.detail}
        if resolved.endpoint is not None:
            values["host"] = str(resolved.endpoint.origin)
        message = message_of(reason, values)
        statuses = {READY: ready, RECONCILING: _FALSE, STALLED: _TRUE if reason in _SETTLED else _FALSE}
        before = provider.status.conditions
        now = rfc3339(self._clock.now())
        made = []
        for kind, status in statuses.items():
            stood = condition_of(before, kind)
            since = stood.last_transition_time if stood and stood.status == status else now
            text = message if kind == READY or status == _TRUE else ""
            made.append(Condition(kind, status, reason.value, text, since, provider.metadata.generation))
        return tuple(made)

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
