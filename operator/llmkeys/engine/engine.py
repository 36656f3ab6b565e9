"""The engine: takes events in, keeps the queues, and runs reconciliations until it is told to stop."""

import asyncio
from collections.abc import Callable
from typing import Final

from llmkeys.api.credential import LLMCredential
from llmkeys.api.errors import RetryableError
from llmkeys.api.objects import Key
from llmkeys.api.provider import LLMProvider
from llmkeys.catalogue.lookup import Catalogue
from llmkeys.crypto.mac import MacKey
from llmkeys.delivery.manifest import SecretMeta
from llmkeys.engine.clock import Clock
from llmkeys.engine.effects import ApiUnavailableError, Cluster, ConflictError, Net, NotThereError, RenewedStore
from llmkeys.engine.hosts import Hosts
from llmkeys.engine.keyring import KeyRing, KeyRingHolder
from llmkeys.engine.keys import KeyReader, is_source
from llmkeys.engine.lanes import Lane
from llmkeys.engine.looks import Looks
from llmkeys.engine.model_lists import ModelLists
from llmkeys.engine.observe import Observer
from llmkeys.engine.prober import Prober
from llmkeys.engine.providers import ProviderReconciler
from llmkeys.engine.readers import Readers
from llmkeys.engine.reconcile import Again, Reconciler
from llmkeys.engine.renewable import owners_in
from llmkeys.engine.renewals import Renewals
from llmkeys.engine.renewed_book import RenewedBook
from llmkeys.engine.report import Reporter
from llmkeys.engine.resolve import Resolver
from llmkeys.engine.rollouts_effects import Pods, Workloads
from llmkeys.engine.store import Namespace, Store
from llmkeys.engine.token_service import TokenService
from llmkeys.engine.usage import UsageBook
from llmkeys.engine.workqueue import WorkQueue
from llmkeys.engine.writer import SecretWriter
from llmkeys.probe.schedule import BackOff, spread

_API_BACK_OFF: Final = BackOff(0.2, 30)
_COUNTS_SETTLE: Final = 1.0  # counts of a provider are written this long after the first change of many
_WORKERS: Final = 48
_RESEAL_PACE: Final = 0.02  # seconds between two credentials, so that a new ring key is no storm of writes


class Engine:
    """Everything between the events and the effects.

    Args:
        cluster: writes to the API server.
        net: calls providers.
        catalogue: what is known of them.
        mac: recognises keys and content.
        keyring: opens values from Git, and seals envelopes.
        clock: time and jitter.
        observer: told what happens.
        renewed: keeps credential files whose access token was renewed.
        workloads: restarts them; None if rollouts are switched off.
        pods: nudges them; None if nudges are switched off.

    """

    def __init__(
        self,
        cluster: Cluster,
        net: Net,
        catalogue: Catalogue,
        mac: MacKey,
        keyring: KeyRing,
        clock: Clock,
        observer: Observer,
        renewed: RenewedStore,
        workloads: Workloads | None = None,
        pods: Pods | None = None,
    ) -> None:
        self.store = Store()
        self._keys = KeyRingHolder(keyring)
        self._clock = clock
        self._observer = observer
        self._failures: dict[Key, int] = {}
        self._forced: set[Key] = set()
        self.queue = WorkQueue(self._credential, clock, _WORKERS, observer)
        self.provider_queue = WorkQueue(self._provider, clock, 4)
        self.hosts = Hosts(clock, self.queue.add, self._call_at)
        self._resolver = Resolver(catalogue, self.hosts)
        prober = Prober(net, self.hosts, clock, observer)
        self._looks = Looks(self.store, prober, self.hosts, mac, clock, self.queue.waiting, self._ask, observer)
        self._writer = SecretWriter(self.store, cluster, mac, clock, observer)
        self.usage = UsageBook()
        reporter = Reporter(self.store, cluster, clock, observer, self.usage)
        self._lists = ModelLists(self.store, cluster, clock)
        self._renewals = self._renewing(net, renewed, mac)
        self._readers = Readers(self.store, cluster, workloads, pods, clock, self.queue.add, observer)
        self._reconciler = Reconciler(
            self.store,
            self._resolver,
            KeyReader(self.store, cluster, mac, self._keys),
            self._looks,
            self._writer,
            reporter,
            self._lists,
            self._renewals,
            mac,
            self._keys,
            clock,
        )
        self._providers = ProviderReconciler(
            self.store, self._resolver, self.hosts, self._lists, cluster, clock, observer
        )

    # -- events ----------------------------------------------------------------------------------------------

    def credential_seen(self, credential: LLMCredential) -> None:
        """A version of a credential was listed, watched, or made by ourselves."""
        known = self.store.put_credential(credential)
        if known is credential:
            return
        if known is None or known.metadata.uid != credential.metadata.uid:
            observed = credential.status.observed_generation == credential.metadata.generation
            told = observed and not credential.is_requested
            self.queue.add(credential.key, Lane.REFRESH if told else Lane.ARRIVAL)
            self._count(credential.spec.provider_ref.name)
        elif known.metadata.generation != credential.metadata.generation:
            self.queue.add(credential.key, Lane.CHANGE)
            if known.spec.provider_ref != credential.spec.provider_ref:
                self._count(known.spec.provider_ref.name)
        elif known.request != credential.request:
            self.queue.add(credential.key, Lane.CHANGE)
        elif known.status != credential.status:
            # Somebody else wrote our status (or a backup was restored): what it should be is decided anew.
            self.queue.add(credential.key, Lane.DRIFT)
        self._readers.seen(credential)
        if known is None or known.status.conditions != credential.status.conditions:
            self._observer.settled(credential)

    def credential_gone(self, key: Key) -> None:
        known = self.store.drop_credential(key)
        self.queue.forget(key)
        self._looks.forget(key)
        self._writer.forget(key)
        self._readers.gone(key)
        self._failures.pop(key, None)
        self._forced.discard(key)
        self.usage.written(key)
        self._observer.gone(key)
        if known is not None:
            self._renewals.credential_gone(known, self.store.sharing_a_source(known))
            self._count(known.spec.provider_ref.name)

    def provider_seen(self, provider: LLMProvider) -> None:
        """A version of a provider was listed, watched, or made by ourselves."""
        known = self.store.put_provider(provider)
        if known is provider:
            return
        name = provider.metadata.name
        changed = known is None or (known.metadata.uid, known.metadata.generation) != (
            provider.metadata.uid,
            provider.metadata.generation,
        )
        self._observer.settled(provider)
        if not changed:
            return
        self.provider_queue.add(Key("", name), Lane.CHANGE)
        self._wake_users(name)

    def provider_gone(self, name: str) -> None:
        self.store.providers.pop(name, None)
        self._observer.provider_gone(name)
        self._resolver.forget(name)
        self._lists.forget(name)
        self.provider_queue.forget(Key("", name))
        self._wake_users(name)

    def source_seen(self, key: Key, meta: SecretMeta) -> None:
        """A labelled source Secret was listed or changed."""
        if not is_source(meta):
            self.source_gone(key)
            return
        if self.store.put_secret(self.store.sources, key, meta):
            for user in self.store.credentials_of_source(key):
                self.queue.add(user, Lane.CHANGE)

    def source_gone(self, key: Key) -> None:
        if self.store.sources.pop(key, None) is not None:
            for user in self.store.credentials_of_source(key):
                self.queue.add(user, Lane.CHANGE)

    def generated_seen(self, key: Key, meta: SecretMeta) -> None:
        """A Secret with our label was listed or changed."""
        if not self.store.put_secret(self.store.generated, key, meta):
            return
        for user in self.store.credentials_of_secret(key):
            target = self.store.credentials[user].status.target
            if (meta.uid, meta.resource_version) != (target.uid, target.resource_version):
                self.queue.add(user, Lane.DRIFT)

    def generated_gone(self, key: Key) -> None:
        """A Secret with our label was deleted, or lost the label."""
        self.store.generated.pop(key, None)
        for user in self.store.credentials_of_secret(key):
            self.queue.add(user, Lane.DRIFT)

    def namespace_seen(self, name: str, namespace: Namespace) -> None:
        if self.store.namespaces.get(name) == namespace:
            return
        self.store.namespaces[name] = namespace
        for provider in self.store.providers.values():
            if provider.spec.allowed_namespaces.from_ == "Selector":
                self._wake_users(provider.metadata.name, namespace=name)

    def namespace_gone(self, name: str) -> None:
        self.store.namespaces.pop(name, None)

    def keys_changed(self, keyring: KeyRing) -> None:
        """A key ring or the unsealer's certificates changed: what was made with the old ones is made anew, in time."""
        self._keys.current = keyring
        now = self._clock.now()
        for index, key in enumerate(self.store.credentials):
            self.queue.add_at(key, now + index * _RESEAL_PACE, Lane.REFRESH)
        self._renewals.keys_changed()

    # -- life ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to work: the caches are filled."""
        self._renewals.begin()
        self.queue.open()
        self.provider_queue.open()
        self._readers.start()

    async def stop(self) -> None:
        """Begin nothing more, and let go of what is at work."""
        await self._readers.stop()
        await self.queue.close()
        await self.provider_queue.close()
        await self._renewals.finish()

    # -- work ------------------------------------------------------------------------------------------------

    async def _credential(self, key: Key, lane: Lane) -> None:
        started = self._clock.now()
        before = self.store.credentials.get(key)
        forced = key in self._forced
        self._forced.discard(key)
        try:
            await self._readers.report(key)
            again = await self._reconciler.reconcile(key, lane, forced=forced)
        except asyncio.CancelledError:
            raise
        except NotThereError:
            again = Again(None)  # the credential, or its namespace, is being deleted
        except Exception as error:  # noqa: BLE001  one credential's trouble is nobody else's
            again = self._failed(key, error, lane)
        else:
            self._failures.pop(key, None)
        if again.at is not None and key in self.store.credentials:
            self.queue.add_at(key, again.at, again.lane)
        self._observer.reconciled(self._clock.now() - started)
        after = self.store.credentials.get(key)
        if after is not None and after is not before:
            self._count(after.spec.provider_ref.name)
            self._readers.reconciled(before, after)

    async def _provider(self, key: Key, _lane: Lane) -> None:
        try:
            at = await self._providers.reconcile(key.name)
        except asyncio.CancelledError:
            raise
        except NotThereError:
            return
        except Exception as error:  # noqa: BLE001  one provider's trouble is nobody else's
            again = self._failed(key, error, Lane.RETRY)
            if again.at is not None:
                self.provider_queue.add_at(key, again.at, again.lane)
            return
        self._failures.pop(key, None)
        if at is not None:
            self.provider_queue.add_at(key, at, Lane.REFRESH)

    def _failed(self, key: Key, error: Exception, lane: Lane) -> Again:
        """Nothing is given up: a conflict is read again at once and in its lane, the rest waits longer and longer."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        delay = spread(_API_BACK_OFF.delay(failures), self._clock.jitter())
        if isinstance(error, ConflictError) and failures == 1:
            return Again(self._clock.now() + 0.02, lane)
        if isinstance(error, ApiUnavailableError) and error.retry_after is not None:
            delay = max(delay, error.retry_after)
        if not isinstance(error, ConflictError) or failures > 2:  # noqa: PLR2004
            self._observer.failed(key, error)
        return Again(self._clock.now() + delay, Lane.RETRY if isinstance(error, RetryableError) else Lane.REFRESH)

    # -- parts -----------------------------------------------------------------------------------------------

    def _renewing(self, net: Net, renewed: RenewedStore, mac: MacKey) -> Renewals:
        book = RenewedBook(renewed, self._keys, lambda: owners_in(self.store.credentials.values(), mac))
        service = TokenService(net, self.hosts, self._clock, self._observer)
        return Renewals(book, service, self.hosts, mac, self._clock, self.queue.waiting)

    def _ask(self, key: Key) -> None:
        self._forced.add(key)
        self.queue.add(key, Lane.RETRY)

    def _wake_users(self, provider: str, *, namespace: str | None = None) -> None:
        for user in self.store.credentials_of_provider(provider):
            if namespace is None or user.namespace == namespace:
                self.queue.add(user, Lane.CHANGE)

    def _count(self, provider: str) -> None:
        if provider in self.store.providers:
            self.provider_queue.add_at(Key("", provider), self._clock.now() + _COUNTS_SETTLE, Lane.REFRESH)

    def _call_at(self, at: float, run: Callable[[], None]) -> asyncio.TimerHandle:
        return asyncio.get_running_loop().call_later(max(0.0, at - self._clock.now()), run)
