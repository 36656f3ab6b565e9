"""A look at one key within the budget of its host: shared, parked, or sent; then judged."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from llmkeys.api.credential import LLMCredential
from llmkeys.api.durations import seconds
from llmkeys.api.objects import Key
from llmkeys.api.reasons import REFUSALS, Reason
from llmkeys.catalogue.model import Provider
from llmkeys.crypto.mac import MacKey
from llmkeys.engine.clock import Clock
from llmkeys.engine.controls import Controls
from llmkeys.engine.hosts import WITNESSES, Hosts, Permit
from llmkeys.engine.keys import HeldKey
from llmkeys.engine.lanes import Lane
from llmkeys.engine.models import asked_of, is_listed_with, models_of
from llmkeys.engine.observe import Observer
from llmkeys.engine.prober import Call, Prober, Seen
from llmkeys.engine.resolve import Resolved
from llmkeys.engine.store import Store
from llmkeys.probe.build import endpoint_parts, first_request, key_parts, sharing_parts
from llmkeys.probe.control import wants_control
from llmkeys.probe.endpoint import Endpoint
from llmkeys.probe.form import other_form_of
from llmkeys.probe.judge import Circumstances, KeyState, judge
from llmkeys.probe.kind import kind_of
from llmkeys.probe.material import Material
from llmkeys.probe.models import Listing
from llmkeys.probe.models_request import plan_listing
from llmkeys.probe.url import Origin
from llmkeys.probe.verdict import Verdict

_GRACE: Final = 0.001


@dataclass(frozen=True, slots=True)
class Parked:
    """The host has no room; it is worth asking again after `wait` seconds."""

    origin: Origin
    wait: float


class Looking:
    """One look under way."""

    def __init__(
        self, looks: "Looks", resolved: Resolved, endpoint: Endpoint, credential: LLMCredential, one: HeldKey
    ) -> None:
        self._looks = looks
        self._resolved = resolved
        self._endpoint = endpoint
        self._credential = credential
        self._one = one
        self.task: asyncio.Task[Seen] | None = None
        self.seen: Seen | None = None

    @property
    def status(self) -> int:
        return self.seen.verdict.status if self.seen else 0

    @property
    def listing(self) -> Listing | None:
        """What the key opens, if that was listed."""
        return self.seen.listing if self.seen else None

    async def done_within(self, wait: float) -> bool:
        """Whether the answer is there within `wait` seconds."""
        if self.seen is not None or self.task is None or self.task.done():
            return True
        async with self._looks.waiting():
            done, _ = await asyncio.wait({self.task}, timeout=max(wait, _GRACE))
        return bool(done)

    async def verdict(self) -> Verdict:
        """Wait for the answer."""
        return (await self._answer()).verdict

    async def judge(self) -> KeyState:
        """Wait for the answer and say what is believed now."""
        seen = await self._answer()
        return self._looks.judged(self._credential, self._resolved, self._endpoint, self._one, seen)

    async def _answer(self) -> Seen:
        if self.seen is None and self.task is not None:
            if not self.task.done():
                async with self._looks.waiting():
                    await asyncio.wait({self.task})
            self.seen = self.task.result()
        if self.seen is None:
            raise AssertionError("a look without an answer")
        return self.seen


class Looks:
    """Begins looks, parks credentials whose host has no room, and remembers how formerly proven keys fared.

    Args:
        store: to find witnesses.
        prober: sends.
        hosts: budgets, circuits, refusals.
        mac: identities of probes.
        clock: time and jitter.
        waiting: lets go of the worker's place while somebody else works.
        ask: has a credential's key in use looked at although it is not due.
        observer: counts the time spent waiting for a budget.

    """

    def __init__(
        self,
        store: Store,
        prober: Prober,
        hosts: Hosts,
        mac: MacKey,
        clock: Clock,
        waiting: Callable[[], AbstractAsyncContextManager[None]],
        ask: Callable[[Key], None],
        observer: Observer,
    ) -> None:
        self.hosts = hosts
        self.waiting = waiting
        self.controls = Controls(prober, hosts, mac, clock)
        self._store = store
        self._prober = prober
        self._mac = mac
        self._clock = clock
        self._ask = ask
        self._observer = observer
        self._parked_since: dict[Key, float] = {}

    # -- room ------------------------------------------------------------------------------------------------

    def crowded(self, credential: LLMCredential, endpoint: Endpoint) -> Parked | None:
        """Whether it is no use to read the sources now, because no look could follow."""
        host = self.hosts.of(endpoint.origin)
        if host.circuit.is_open(self._clock.now()):
            return None
        wait = self.hosts.wait_for(endpoint.origin, credential.metadata.namespace, proven=_was_proven(credential))
        return Parked(endpoint.origin, wait) if wait > 0 else None

    def park(self, credential: LLMCredential, lane: Lane, parked: Parked) -> None:
        self._parked_since.setdefault(credential.key, self._clock.now())
        self.hosts.park(parked.origin, credential.key, lane, parked.wait)

    async def wait_for_room(self, parked: Parked) -> None:
        """Wait in place, for one who is in the middle of something."""
        async with self.waiting():
            await asyncio.sleep(parked.wait)

    def unpark(self, credential: LLMCredential) -> None:
        """The credential got its turn."""
        since = self._parked_since.pop(credential.key, None)
        if since is not None:
            self._observer.throttled(credential.spec.provider_ref.name, self._clock.now() - since)

    def parked_for(self, key: Key) -> float:
        """Seconds since it was parked first."""
        return self._clock.now() - self._parked_since.get(key, self._clock.now())

    def forget(self, key: Key) -> None:
        self._parked_since.pop(key, None)
        self.hosts.forget(key)

    # -- looking ---------------------------------------------------------------------------------------------

    def begin(self, credential: LLMCredential, resolved: Resolved, one: HeldKey, region: str = "") -> Looking | Parked:
        """Begin a look: with what is known already, with a probe that somebody else sent, or with one of our own."""
        entry, material = resolved.entry, one.candidate.material
        if entry is None or material is None:
            raise AssertionError("a look at a key that was not resolved")
        kind = kind_of(resolved.at(region), entry, material)
        entry, endpoint = kind.entry, kind.endpoint
        looking = Looking(self, resolved, endpoint, credential, one)
        if not endpoint.may_probe:
            looking.seen = Seen(Verdict(Reason.UNVERIFIED, rule="costs"), self._clock.now())
            return looking
        models = plan_listing(resolved.provider.spec, endpoint, entry, asked_of(credential, resolved))
        parts = models.sharing_parts() if models is not None else ()
        identity = self._mac.sharing((*sharing_parts(endpoint, entry, material), *parts))
        interval = interval_of(credential, resolved)
        if not one.look_again:
            looking.seen = self._prober.recall(identity, since=one.state.last, interval=interval)
        looking.task = self._prober.under_way(identity)
        if looking.seen is not None or looking.task is not None:
            return looking
        now = self._clock.now()
        circuits = (self.hosts.of(origin).circuit for origin in endpoint.called)
        circuit = next((one for one in circuits if one.is_open(now)), None)
        if circuit is not None:
            looking.seen = Seen(
                Verdict(Reason.PROVIDER_UNREACHABLE, rule="circuit", retry_after=circuit.until - now), now
            )
            return looking
        call = replace(self._call(resolved, entry, endpoint, material, identity), models=models)
        self.controls.send(call, endpoint, credential.metadata.namespace)
        permit = self.hosts.reserve(endpoint.origin, credential.metadata.namespace, proven=one.state.proven)
        if not isinstance(permit, Permit):
            return Parked(endpoint.origin, permit)
        looking.task = self._prober.start(call)
        # The call holds the place, not who waits for it: that one may be stopped, or fail to say that it waits.
        looking.task.add_done_callback(lambda _: self.hosts.give_back(permit))
        return looking

    def _call(self, resolved: Resolved, entry: Provider, endpoint: Endpoint, material: Material, identity: str) -> Call:
        now = self._clock.now()
        request, with_token = first_request(endpoint, entry, material, now)
        return Call(
            identity=identity,
            request=request,
            with_token=with_token,
            entry=entry,
            origin=endpoint.origin,
            token_origin=endpoint.called[0],
            network=endpoint.network,
            timeout=resolved.provider.spec.validation.timeout_seconds(entry.probe.timeout),
            provider=resolved.provider.metadata.name,
            endpoint=self._mac.sharing(endpoint_parts(endpoint, entry)),
            controlled=wants_control(entry, endpoint, material),
            other=partial(other_form_of, endpoint, entry, material, now),
        )

    def answers_at(self, resolved: Resolved) -> str:
        """What to write as base URL instead, if the API was found in the other form of it; empty otherwise."""
        if resolved.entry is None or resolved.endpoint is None or not resolved.endpoint.other:
            return ""
        return self._prober.book.answers_at(self._mac.sharing(endpoint_parts(resolved.endpoint, resolved.entry)))

    def unshown(self, credential: LLMCredential, resolved: Resolved, one: HeldKey, verdict: Verdict) -> KeyState:
        """What is believed of a key that could not be shown, by what its token service said of it."""
        return self.judged(credential, resolved, resolved.at(one.region), one, Seen(verdict, self._clock.now()))

    def judged(
        self, credential: LLMCredential, resolved: Resolved, endpoint: Endpoint, one: HeldKey, seen: Seen
    ) -> KeyState:
        """What is believed of the key after this answer, its host's other refusals considered."""
        if resolved.entry is None or one.candidate.material is None:
            raise AssertionError("a look at a key that was not resolved")
        origin = endpoint.origin
        refused = seen.verdict.reason in REFUSALS
        if one.state.proven:
            # By the key alone: the same key sent with another header is not one more that was refused.
            self.hosts.note_look(origin, self._mac.sharing(key_parts(one.candidate.material)), refused=refused)
            if refused and self.hosts.needs_witnesses(origin):
                self._call_witnesses(credential.key, resolved)
        circumstances = Circumstances(
            now=self._clock.now(),
            interval=interval_of(credential, resolved),
            jitter=self._clock.jitter(),
            checks_keys=resolved.entry.key_required,
            suspect=refused and self.hosts.suspect(origin),
        )
        state = judge(one.state, seen.verdict, circumstances)
        if not is_listed_with(seen.verdict.reason):
            return state
        one.models = models_of(credential, resolved, seen.listing, one.fingerprint)
        # Belief and appointment are those of the key itself: a model that is missing says nothing against it.
        return replace(state, verdict=Reason.MODEL_UNAVAILABLE) if one.models.missing else state

    def _call_witnesses(self, accused: Key, resolved: Resolved) -> None:
        """Up to five other proven keys of the host are looked at before one is called invalid."""
        called = 0
        seen: set[str] = set()
        for key, credential in self._store.credentials.items():
            if called == WITNESSES:
                return
            fingerprint = credential.status.target.key
            if key == accused or not fingerprint or fingerprint in seen or not _was_proven(credential):
                continue
            if resolved.endpoint is None or credential.status.audience != resolved.endpoint.audience:
                continue
            seen.add(fingerprint)
            called += 1
            self._ask(key)


def interval_of(credential: LLMCredential, resolved: Resolved) -> float:
    """Seconds between routine looks; the credential's word goes first."""
    own = credential.spec.validation.interval
    return seconds(own) if own else resolved.provider.spec.validation.interval_seconds


def _was_proven(credential: LLMCredential) -> bool:
    delivered = credential.status.target.key
    return any(one.belief == "Valid" and one.fingerprint == delivered for one in credential.status.keys)
