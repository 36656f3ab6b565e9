"""reconcile(): one credential, from what is written in its manifest to what is true of it.

Level-based: it takes a key, reads what is known now, and brings the world there; it may run at any time and any
number of times. The steps read like the story; the first that decides the outcome ends it.

    admit    is there a provider, is it in use, may this namespace use it?
    fresh    does everything that was decided still hold? then nothing is read, sent or written
    resolve  read the keys from their sources
    look     prove keys in order, within the budget of their host
    choose   which key is used
    deliver  bring the Secret there
    report   one status patch, at most one Event
"""

from dataclasses import dataclass, field, replace
from typing import Final

import msgspec

from llmkeys.api.credential import Inputs, LLMCredential
from llmkeys.api.durations import epoch
from llmkeys.api.objects import Key
from llmkeys.api.reasons import MATRIX, Reason, row_of
from llmkeys.crypto.mac import MacKey
from llmkeys.delivery.choose import Decision, choose
from llmkeys.delivery.plan import Action, Held, Plan, Situation, plan_delivery
from llmkeys.delivery.render import DataInvalidError, check_data, names_of, render
from llmkeys.engine.clock import Clock
from llmkeys.engine.freshness import form_of, inputs_of
from llmkeys.engine.keys import HeldKey, KeyReader, held, views_of_status
from llmkeys.engine.lanes import Lane
from llmkeys.engine.looks import Looks, Parked
from llmkeys.engine.outcome import Names, Outcome
from llmkeys.engine.report import Reporter
from llmkeys.engine.resolve import Resolved, Resolver
from llmkeys.engine.store import Store
from llmkeys.engine.times import next_time
from llmkeys.engine.writer import SecretWriter, Written

CONFLICT_RETRY: Final = 300.0
EARLY: Final = 0.3


@dataclass(slots=True)
class Run:
    """One reconciliation under way. `credential` moves on when an early status is written."""

    credential: LLMCredential
    lane: Lane
    started: float
    resolved: Resolved | None = None
    names: Names = Names()
    values: dict[str, str] = field(default_factory=dict)
    forced: bool = False
    parked: Parked | None = None

    @property
    def key(self) -> Key:
        return self.credential.key


@dataclass(frozen=True, slots=True)
class Again:
    """When to reconcile again (epoch seconds), None for when something changes."""

    at: float | None
    lane: Lane = Lane.REFRESH


class Reconciler:
    """Reconciles credentials. All effects are in what it is given."""

    def __init__(
        self,
        store: Store,
        resolver: Resolver,
        reader: KeyReader,
        looks: Looks,
        writer: SecretWriter,
        reporter: Reporter,
        mac: MacKey,
        clock: Clock,
    ) -> None:
        self._store = store
        self._resolver = resolver
        self._reader = reader
        self._looks = looks
        self._writer = writer
        self._reporter = reporter
        self._mac = mac
        self._clock = clock

    async def reconcile(self, key: Key, lane: Lane, *, forced: bool = False) -> Again:
        """Bring one credential to where it should be.

        Args:
            key: of the credential.
            lane: why it is reconciled.
            forced: look at the key in use even though it is not due (a witness against its host).

        Raises:
            RetryableError: the API server did not answer, or something changed under our hands.
            PlatformError: a right is missing.

        """
        credential = self._store.credentials.get(key)
        if credential is None:
            return Again(None)
        run = Run(credential, lane, self._clock.now(), forced=forced)
        refusal = self._admit(run)
        if self._fresh(run, refusal):
            return self._again(run.credential, refusal)
        if refusal is not None:
            return await self._finish(run, await self._refused(run, refusal), refusal)
        keys = await self._resolve(run)
        if isinstance(keys, Parked):
            return await self._parked(run, keys)
        decision = await self._look(run, keys)
        if isinstance(decision, Parked):
            return await self._parked(run, decision)
        return await self._finish(run, await self._deliver(run, keys, decision))

    # -- admit -----------------------------------------------------------------------------------------------

    def _admit(self, run: Run) -> Reason | None:
        """The first reason not to go on, found without reading or sending anything."""
        spec = run.credential.spec
        provider = self._store.providers.get(spec.provider_ref.name)
        namespace = run.credential.metadata.namespace
        run.values = {
            "provider": spec.provider_ref.name,
            "namespace": namespace,
            "name": run.credential.metadata.name,
            "target": run.credential.secret_name,
        }
        if provider is not None:
            run.resolved = self._resolver.resolve(provider)
            self._name(run, run.resolved)
        if not spec.enabled:
            return Reason.DISABLED
        if run.resolved is None:
            return Reason.PROVIDER_NOT_FOUND
        if run.resolved.problem is not None:
            return run.resolved.problem
        if not self._admits(run.resolved, namespace):
            return Reason.NAMESPACE_NOT_ALLOWED
        return self._spec_problem(run, run.resolved)

    def _name(self, run: Run, resolved: Resolved) -> None:
        """What follows from the manifests alone: names of variables, audience, words for the messages."""
        run.values["detail"] = resolved.detail
        entry, endpoint = resolved.entry, resolved.endpoint
        if entry is None:
            return
        run.values["title"] = entry.names.en
        if entry.console.url:
            run.values["console"] = entry.console.url
        run.names = Names(entry.id)
        if endpoint is None:
            return
        run.values |= {"host": str(endpoint.origin), "probe_url": endpoint.probe}
        try:
            env = names_of(run.credential.spec.target, entry, endpoint)
        except DataInvalidError:
            env = ()
        run.names = Names(entry.id, endpoint.audience, env)

    def _admits(self, resolved: Resolved, namespace: str) -> bool:
        return resolved.provider.spec.allowed_namespaces.admits(self._store.namespaces.get(namespace))

    def _spec_problem(self, run: Run, resolved: Resolved) -> Reason | None:
        target = run.credential.spec.target
        if target.encryption != "None":
            return Reason.ENVELOPE_UNAVAILABLE
        if resolved.entry is None or resolved.endpoint is None:
            return None
        try:
            check_data(target, resolved.entry, resolved.endpoint)
        except DataInvalidError as error:
            run.values["detail"] = str(error)
            return Reason.DATA_INVALID
        if not run.credential.spec.keys and resolved.entry.key_required:
            return Reason.KEYS_MISSING
        return None

    # -- fresh -----------------------------------------------------------------------------------------------

    def _inputs(self, run: Run) -> Inputs:
        resolved = run.resolved
        admitted = resolved is not None and self._admits(resolved, run.credential.metadata.namespace)
        return inputs_of(run.credential, resolved, self._store, self._mac, admitted=admitted)

    def _fresh(self, run: Run, refusal: Reason | None) -> bool:
        """Whether everything that was decided still holds and nothing is due."""
        then, now = run.credential.status.inputs, self._inputs(run)
        if run.forced or (then.probe, then.delivery) != (now.probe, now.delivery):
            return False
        if self._reporter.conflicted(run.credential) or not self._writer.untouched(run.credential):
            return False
        again = self._again(run.credential, refusal).at
        return again is None or again > self._clock.now()

    def _again(self, credential: LLMCredential, refusal: Reason | None) -> Again:
        return Again(next_time(credential, self._clock.now(), looks=refusal is None))

    # -- resolve ---------------------------------------------------------------------------------------------

    async def _resolve(self, run: Run) -> list[HeldKey] | Parked:
        """The keys, read from their sources; not while the host has no room for a look that will be needed."""
        if run.resolved is None or run.resolved.endpoint is None:
            raise AssertionError("admitted without an endpoint")
        now = self._clock.now()
        if self._will_look(run, now):
            parked = self._looks.crowded(run.credential, run.resolved.endpoint)
            if parked is not None:
                return parked
        keys = await self._reader.read(run.credential, run.resolved, self._clock.now())
        endpoint_changed = self._inputs(run).endpoint != run.credential.status.inputs.endpoint
        for one in keys:
            one.look_again = endpoint_changed or (
                run.forced and bool(one.fingerprint) and one.fingerprint == run.credential.status.target.key
            )
        return keys

    def _will_look(self, run: Run, now: float) -> bool:
        views = views_of_status(run.credential, now)
        return not views or any(view.due for view in views)

    # -- look and choose -------------------------------------------------------------------------------------

    async def _look(self, run: Run, keys: list[HeldKey]) -> Decision | Parked:
        """Look at keys in order until one can be used or none is left."""
        resolved = run.resolved
        if resolved is None or resolved.entry is None:
            raise AssertionError("admitted without an entry")
        looked = 0
        while True:
            now = self._clock.now()
            delivered = run.credential.status.target.key
            step = choose([one.view(now, delivered) for one in keys], key_required=resolved.entry.key_required)
            if isinstance(step, Decision):
                return step
            parked = await self._look_at(run, resolved, keys[step.index])
            if parked is not None and looked == 0:
                return parked
            if parked is not None:
                # What the looks so far found out is reported; the rest follows when the host has room.
                run.parked = parked
                return Decision(step.index, deliver=False, skipped=tuple(range(step.index)))
            looked += 1

    async def _look_at(self, run: Run, resolved: Resolved, one: HeldKey) -> Parked | None:
        looking = self._looks.begin(run.credential, resolved, one)
        if isinstance(looking, Parked):
            return looking
        if run.credential.status.observed_generation != run.credential.metadata.generation:
            left = max(0.0, run.started + EARLY - self._clock.now())
            if not await looking.done_within(left):
                await self._early(run)
        one.state = await looking.judge()
        one.look_again = False
        run.values["status"] = str(looking.status)
        return None

    async def _early(self, run: Run) -> None:
        """Names and Reconciling, for a generation that nobody has heard of yet and whose outcome takes time."""
        outcome = Outcome(
            reason=Reason.CHECKING,
            row=MATRIX[Reason.CHECKING],
            written=Written(_synced_before(run.credential)),
            inputs=Inputs(),
            values={**run.values, "key": _first_key(run.credential)},
            names=run.names,
        )
        run.credential = await self._reporter.early(run.credential, outcome)

    async def _parked(self, run: Run, parked: Parked) -> Again:
        """The host has no room: wait there, and say so if this generation has not been heard of for a while."""
        self._looks.park(run.credential, run.lane, parked)
        if run.credential.status.observed_generation == run.credential.metadata.generation:
            return Again(None)
        if self._looks.parked_for(run.key) < EARLY:
            return Again(self._clock.now() + EARLY, run.lane)
        await self._early(run)
        return Again(None)

    # -- deliver ---------------------------------------------------------------------------------------------

    async def _refused(self, run: Run, reason: Reason) -> Outcome:
        """No key is even looked at. What was delivered stays or goes as the matrix says."""
        status = run.credential.status
        row = row_of(reason, proven=False)
        holds = Held.UNRESOLVED if status.target.key else Held.NOTHING
        plan = plan_delivery(self._situation(run, row_reason=reason, deliver=False, held_now=holds, same_form=True))
        written, _ = await self._apply(run, plan, None)
        stays = written.holds
        return Outcome(
            reason=reason,
            row=row,
            written=_say(written, reason),
            inputs=msgspec.structs.replace(self._inputs(run), endpoint=status.inputs.endpoint),
            values={**run.values, "key": status.active_key or _first_key(run.credential)},
            # What a provider that is gone or wrong said is still what the keys were proven for.
            names=Names(run.names.provider or status.provider, status.audience, run.names.env or status.env),
            keys=status.keys,
            active_key=status.active_key if stays else "",
            fingerprint=status.target.key if stays else "",
            form=status.target.form if stays else "",
            as_before=True,
            delivered=stays,
            last_look=epoch(status.last_probe_time) if status.last_probe_time else 0.0,
            expiry_warning=status.expiry_warning,
        )

    async def _deliver(self, run: Run, keys: list[HeldKey], decision: Decision) -> Outcome:
        resolved = run.resolved
        if resolved is None:
            raise AssertionError("admitted without a provider")
        now = self._clock.now()
        status = run.credential.status
        chosen = keys[decision.index]
        view = chosen.view(now, status.target.key)
        form = form_of(run.credential, resolved, self._mac)
        situation = self._situation(
            run,
            row_reason=view.reason,
            proven=view.state.proven,
            deliver=decision.deliver,
            held_now=held(run.credential, keys),
            same_form=form == status.target.form,
        )
        plan = plan_delivery(situation)
        written, plan = await self._apply(run, plan, chosen)
        delivers = plan.action is Action.WRITE
        stays = written.holds and not delivers
        skipped = [keys[index] for index in decision.skipped]
        values = {
            **run.values,
            **chosen.candidate.values,
            "key": chosen.candidate.name,
            "skipped": ", ".join(f"{one.candidate.name} ({one.view(now, '').reason})" for one in skipped),
            "trimmed": "yes" if chosen.candidate.trimmed else "",
        }
        return Outcome(
            reason=view.reason,
            row=view.row,
            written=_say(written, view.reason),
            inputs=self._inputs(run),
            values=values,
            names=run.names,
            keys=tuple(one.status() for one in keys),
            active_key=chosen.candidate.name if delivers else (status.active_key if stays else ""),
            fingerprint=chosen.fingerprint if delivers else (status.target.key if stays else ""),
            form=form if delivers else (status.target.form if stays else ""),
            kept=plan.kept,
            kept_until=plan.kept_until,
            as_before=self._as_before(run, keys, chosen),
            delivered=view.delivered and bool(written.holds),
            last_look=max((one.state.last for one in keys), default=0.0),
            expiry_warning=status.expiry_warning,
        )

    def _situation(
        self, run: Run, *, row_reason: Reason, deliver: bool, held_now: Held, same_form: bool, proven: bool = False
    ) -> Situation:
        spec, status = run.credential.spec, run.credential.status
        return Situation(
            deliver=deliver,
            row=row_of(row_reason, proven=proven),
            held=held_now,
            on_invalid=spec.validation.on_invalid,
            same_form=same_form,
            kept_until=epoch(status.target.kept_until) if status.target.kept_until else 0.0,
            overlap=spec.overlap_seconds,
            now=self._clock.now(),
        )

    async def _apply(self, run: Run, plan: Plan, chosen: HeldKey | None) -> tuple[Written, Plan]:
        """Bring the Secret to the plan; a last good value that somebody touched is withdrawn instead."""
        resolved = run.resolved
        if plan.action is Action.WRITE and chosen is not None and resolved is not None:
            if resolved.entry is None or resolved.endpoint is None or chosen.candidate.material is None:
                raise AssertionError("a key is delivered without what it is rendered from")
            revealed = chosen.candidate.material.revealed()
            data = render(run.credential.spec.target, resolved.entry, resolved.endpoint, revealed)
            return await self._writer.write(run.credential, data), plan
        if plan.action is Action.KEEP:
            kept = await self._writer.keep(run.credential)
            if kept is not None:
                return kept, plan
            plan = Plan(Action.EMPTY)
        if plan.action is Action.EMPTY:
            return await self._writer.empty(run.credential), plan
        target = run.credential.status.target
        place = Key(run.credential.metadata.namespace, run.credential.secret_name)
        meta = self._store.generated.get(place)
        if target.uid and meta is not None and meta.uid == target.uid:
            # Emptied before: it stays so, whoever wrote something into it meanwhile.
            return await self._empty_again(run, plan)
        return Written(Reason.AWAITING_KEY), plan

    async def _empty_again(self, run: Run, plan: Plan) -> tuple[Written, Plan]:
        if self._writer.untouched(run.credential):
            place = Key(run.credential.metadata.namespace, run.credential.secret_name)
            return Written(Reason.WITHDRAWN, self._store.generated[place], run.credential.status.target.mac), plan
        return await self._writer.empty(run.credential), plan

    def _as_before(self, run: Run, keys: list[HeldKey], chosen: HeldKey) -> bool:
        """Whether the conditions that stood are about a key that is still there, at the same endpoint."""
        status = run.credential.status
        if status.audience != run.names.audience:
            return False
        known = {one.fingerprint for one in status.keys if one.fingerprint}
        if status.target.key and any(one.fingerprint == status.target.key for one in keys):
            return True
        return chosen.fingerprint in known if chosen.fingerprint else True

    # -- report ----------------------------------------------------------------------------------------------

    async def _finish(self, run: Run, outcome: Outcome, refusal: Reason | None = None) -> Again:
        credential = await self._reporter.report(run.credential, outcome)
        if run.parked is not None:
            self._looks.park(credential, run.lane, run.parked)
            return Again(None)
        self._looks.unpark(run.key)
        now = self._clock.now()
        at = self._again(credential, refusal).at
        if outcome.written.synced in (Reason.TARGET_CONFLICT, Reason.CONTESTED):
            retry = now + CONFLICT_RETRY
            at = retry if at is None else min(at, retry)
        return Again(at)


def _say(written: Written, reason: Reason) -> Written:
    """SecretSynced says Disabled where it is the switch that emptied the Secret or keeps it from being written."""
    if reason in (Reason.DISABLED, Reason.PROVIDER_DISABLED) and not written.holds:
        return replace(written, synced=Reason.DISABLED)
    return written


def _first_key(credential: LLMCredential) -> str:
    return credential.spec.keys[0].name if credential.spec.keys else ""


def _synced_before(credential: LLMCredential) -> Reason:
    return Reason.SYNCED if credential.status.target.key else Reason.AWAITING_KEY
