"""reconcile(): one credential, from what is written in its manifest to what is true of it.

Level-based: it takes a key, reads what is known now, and brings the world there; it may run at any time and any
number of times. The steps read like the story; the first that decides the outcome ends it.

    admit    is there a provider, is it in use, may this namespace use it?
    fresh    does everything that was decided still hold? then nothing is read, sent or written
    resolve  read the keys from their sources
    look     prove keys in order, within the budget of their host, until one can be used
    deliver  bring the Secret there
    report   one status patch, at most one Event
"""

from dataclasses import dataclass, field
from functools import partial
from typing import Final

from llmkeys.api.credential import Inputs, LLMCredential
from llmkeys.api.objects import Key
from llmkeys.api.reasons import MATRIX, Reason
from llmkeys.crypto.mac import MacKey
from llmkeys.delivery.choose import Decision, choose
from llmkeys.engine.admit import Admission, admit
from llmkeys.engine.clock import Clock
from llmkeys.engine.deliver import Deliverer
from llmkeys.engine.freshness import inputs_of
from llmkeys.engine.keyring import KeyRingHolder
from llmkeys.engine.keys import HeldKey, KeyReader, first_name, views_of_status
from llmkeys.engine.lanes import Lane
from llmkeys.engine.looks import Looking, Looks, Parked
from llmkeys.engine.model_lists import ModelLists
from llmkeys.engine.outcome import Outcome
from llmkeys.engine.renewals import Patience, Renewals
from llmkeys.engine.report import Reporter
from llmkeys.engine.resolve import Resolved, Resolver
from llmkeys.engine.store import Store
from llmkeys.engine.times import next_time
from llmkeys.engine.writer import SecretWriter, Written
from llmkeys.probe.models import Listing
from llmkeys.probe.region import asks_another, decisive, is_home, regions_to_ask
from llmkeys.probe.verdict import Verdict

CONFLICT_RETRY: Final = 300.0
EARLY: Final = 0.3


@dataclass(frozen=True, slots=True)
class Again:
    """When to reconcile again (epoch seconds), None for when something changes."""

    at: float | None
    lane: Lane = Lane.REFRESH


@dataclass(slots=True)
class Run:
    """One reconciliation under way.

    Args:
        credential: as it is known; moves on when an early status is written.
        admission: what is known before anything is read.
        lane: why it is reconciled.
        started: epoch seconds.
        forced: the key in use is looked at although it is not due.
        http_status: of the last look, for messages.
        parked: the host had no room for a further look.
        listings: what the looks showed of models, and of which keys.
    """

    credential: LLMCredential
    admission: Admission
    lane: Lane
    started: float
    forced: bool
    http_status: int = 0
    parked: Parked | None = None
    listings: list[tuple[HeldKey, Listing]] = field(default_factory=list)

    @property
    def resolved(self) -> Resolved:
        if self.admission.resolved is None:
            raise AssertionError("there is no provider")
        return self.admission.resolved

    @property
    def unheard_of(self) -> bool:
        """Nobody has been told anything of this generation yet."""
        return self.credential.status.observed_generation != self.credential.metadata.generation


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
        lists: ModelLists,
        renewals: Renewals,
        mac: MacKey,
        keys: KeyRingHolder,
        clock: Clock,
    ) -> None:
        self._store = store
        self._resolver = resolver
        self._reader = reader
        self._looks = looks
        self._writer = writer
        self._reporter = reporter
        self._lists = lists
        self._renewals = renewals
        self._mac = mac
        self._keys = keys
        self._clock = clock
        self._deliverer = Deliverer(store, writer, mac, keys, clock)

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
        if credential is None or credential.metadata.deletion_timestamp:
            # On its way out the garbage collector deletes the Secret, or makes it an orphan: both are left to it.
            return Again(None)
        admission = admit(credential, self._store, self._resolver, self._keys.current.unsealer)
        run = Run(credential, admission, lane, self._clock.now(), forced)
        if self._fresh(run):
            return self._again(run, credential)
        if run.admission.refusal is not None:
            return await self._finish(
                run, await self._deliverer.refuse(credential, run.admission, run.admission.refusal)
            )
        keys = await self._resolve(run)
        if isinstance(keys, Parked):
            return await self._wait_for_room(run, keys)
        decision = await self._look(run, keys)
        if isinstance(decision, Parked):
            return await self._wait_for_room(run, decision)
        untold = self._looks.controls.untold(run.resolved, keys[decision.index])
        admission = run.admission.told(answers_at=self._looks.answers_at(run.resolved), untold="yes" if untold else "")
        outcome = await self._deliverer.deliver(run.credential, admission, keys, decision, run.http_status)
        return await self._finish(run, outcome)

    # -- fresh -----------------------------------------------------------------------------------------------

    def _fresh(self, run: Run) -> bool:
        """Whether everything that was decided still holds and nothing is due."""
        credential = run.credential
        then, now = credential.status.inputs, self._inputs(run)
        if run.forced or credential.is_requested or (then.probe, then.delivery) != (now.probe, now.delivery):
            return False
        if self._reporter.conflicted(credential) or not self._writer.untouched(credential):
            return False
        again = self._again(run, credential).at
        return again is None or again > self._clock.now()

    def _inputs(self, run: Run) -> Inputs:
        admission, ring = run.admission, self._keys.current
        return inputs_of(run.credential, admission.resolved, self._store, self._mac, ring, admitted=admission.admitted)

    def _again(self, run: Run, credential: LLMCredential) -> Again:
        return Again(next_time(credential, self._clock.now(), looks=run.admission.refusal is None))

    # -- resolve ---------------------------------------------------------------------------------------------

    async def _resolve(self, run: Run) -> list[HeldKey] | Parked:
        """The keys, read from their sources; not while the host has no room for a look that will be needed."""
        endpoint = run.resolved.endpoint
        if endpoint is None:
            raise AssertionError("admitted without an endpoint")
        now = self._clock.now()
        views = views_of_status(run.credential, now)
        if not views or run.credential.is_requested or any(view.due for view in views):
            parked = self._looks.crowded(run.credential, endpoint)
            if parked is not None:
                return parked
        keys = await self._reader.read(run.credential, run.resolved, now)
        await self._renewals.in_force(run.credential, run.resolved, keys)
        then, seen = run.credential.status.inputs, self._inputs(run)
        other_endpoint = bool(then.endpoint) and then.endpoint != seen.endpoint
        in_use = run.credential.status.target.key
        for one in keys:
            one.look_again = other_endpoint or (run.forced and bool(in_use) and one.fingerprint == in_use)
            # Whether other models are there only a list can tell, and a list is read with a look at a key that is good.
            one.look_again |= then.models != seen.models and one.lists_models
            one.look_again |= run.credential.is_requested and not one.state.must_wait
        return keys

    # -- look ------------------------------------------------------------------------------------------------

    async def _look(self, run: Run, keys: list[HeldKey]) -> Decision | Parked:
        """Look at keys in order until one can be used or none is left."""
        entry = run.resolved.entry
        if entry is None:
            raise AssertionError("admitted without an entry of the catalogue")
        looked = 0
        while True:
            now = self._clock.now()
            delivered = run.credential.status.target.key
            step = choose([one.view(now, delivered) for one in keys], key_required=entry.key_required)
            if isinstance(step, Decision):
                return step
            parked = await self._look_at(run, keys[step.index])
            if parked is not None and looked == 0:
                return parked
            if parked is not None:
                # What the looks so far found out is reported; the rest follows when the host has room.
                run.parked = parked
                return Decision(step.index, deliver=False, skipped=tuple(range(step.index)))
            looked += 1

    async def _look_at(self, run: Run, one: HeldKey) -> Parked | None:
        """Show a key, with its token renewed before if that is due."""
        patience = Patience(run.started + EARLY - self._clock.now(), partial(self._say_names, run))
        failure = await self._renewals.before_look(
            run.credential, run.resolved, one, patience if run.unheard_of else None
        )
        if isinstance(failure, Parked):
            return failure
        if failure is None:
            parked = await self._show(run, one)
            if parked is not None:
                return parked
        else:
            one.state = self._looks.unshown(run.credential, run.resolved, one, failure)
            run.http_status = failure.status
        one.state = self._renewals.appointed(one)
        one.look_again = False
        return None

    async def _show(self, run: Run, one: HeldKey) -> Parked | None:
        """Show a key to its region; where that is not known, to one after another until one knows it."""
        looks: list[tuple[str, Looking]] = []
        verdicts: list[Verdict] = []
        for region in regions_to_ask(one.region, run.resolved.regions):
            looking = self._looks.begin(run.credential, run.resolved, one, region)
            while isinstance(looking, Parked):
                if not looks:
                    return looking
                # What the regions before said would be lost, and be asked for again.
                await self._looks.wait_for_room(looking)
                looking = self._looks.begin(run.credential, run.resolved, one, region)
            if run.unheard_of and not await looking.done_within(run.started + EARLY - self._clock.now()):
                await self._say_names(run)
            looks.append((region, looking))
            verdicts.append(await looking.verdict())
            if not asks_another(verdicts):
                break
        place = decisive(verdicts)
        region, looking = looks[place]
        if verdicts[place].reason is Reason.EXPIRED and await self._renewals.after_expiry(
            run.credential, run.resolved, one
        ):
            return await self._show(run, one)
        one.state = await looking.judge()
        one.region = region if is_home(verdicts[place]) else one.region
        if looking.listing is not None:
            run.listings.append((one, looking.listing))
        run.http_status = looking.status
        return None

    async def _wait_for_room(self, run: Run, parked: Parked) -> Again:
        """Be woken when the host has room; say so meanwhile if nobody has heard of this generation."""
        self._looks.park(run.credential, run.lane, parked)
        if not run.unheard_of:
            return Again(None)
        if self._looks.parked_for(run.credential.key) < EARLY:
            return Again(self._clock.now() + EARLY, run.lane)
        await self._say_names(run)
        return Again(None)

    async def _say_names(self, run: Run) -> None:
        """An early status (names, Reconciling) for a generation whose outcome takes longer than 300 ms."""
        credential = run.credential
        holds = bool(credential.status.target.key)
        outcome = Outcome(
            reason=Reason.CHECKING,
            row=MATRIX[Reason.CHECKING],
            written=Written(Reason.SYNCED if holds else Reason.AWAITING_KEY),
            inputs=Inputs(),
            values={**run.admission.values, "key": first_name(credential)},
            names=run.admission.names,
        )
        run.credential = await self._reporter.early(credential, outcome)

    # -- report ----------------------------------------------------------------------------------------------

    async def _finish(self, run: Run, outcome: Outcome) -> Again:
        try:
            credential = await self._reporter.report(run.credential, outcome)
        finally:  # an Event that cannot be posted undoes no status
            for one, listing in run.listings:
                self._lists.note(run.credential.key, run.resolved, one, listing)
        if run.parked is not None:
            self._looks.park(credential, run.lane, run.parked)
            return Again(None)
        self._looks.unpark(credential)
        at = self._again(run, credential).at
        if outcome.written.synced in (Reason.TARGET_CONFLICT, Reason.CONTESTED):
            retry = self._clock.now() + CONFLICT_RETRY
            at = retry if at is None else min(at, retry)
        return Again(at)
