"""From a decision to the Secret: what is done with it, by whom it was delivered, and what the status will say."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import msgspec

from llmkeys.api.credential import ENVELOPE_TARGET, CredentialStatus, Inputs, LLMCredential
from llmkeys.api.durations import epoch
from llmkeys.api.errors import RetryableError, UserError
from llmkeys.api.models import ModelsStatus
from llmkeys.api.objects import Key
from llmkeys.api.reasons import Reason, Row, row_of
from llmkeys.crypto.envelope import EnvelopeBinding
from llmkeys.crypto.mac import MacKey
from llmkeys.delivery.choose import Decision
from llmkeys.delivery.holders import recipients_of
from llmkeys.delivery.pack import (
    Holders,
    Packed,
    Sealed,
    carried,
    kept,
    pack_plain,
    pack_sealed,
    resealed,
    withdrawn,
)
from llmkeys.delivery.plan import Action, Held, Plan, Situation, plan_delivery
from llmkeys.delivery.render import render
from llmkeys.engine.admit import Admission
from llmkeys.engine.clock import Clock
from llmkeys.engine.freshness import form_of, inputs_of
from llmkeys.engine.keyring import KeyRingHolder
from llmkeys.engine.keys import HeldKey, first_name, held
from llmkeys.engine.models import models_of
from llmkeys.engine.outcome import Names, Outcome
from llmkeys.engine.store import Store
from llmkeys.engine.writer import SecretWriter, Written
from llmkeys.probe.models_offer import NOTHING, in_words


class NamespaceUnknownError(RetryableError):
    """The credential was heard of before its namespace was."""


@dataclass(frozen=True, slots=True)
class _Delivery:
    """What was done with the Secret."""

    written: Written
    plan: Plan
    sealed: Sealed

    @property
    def wrote(self) -> bool:
        return self.plan.action is Action.WRITE

    @property
    def stays(self) -> bool:
        return self.written.holds and not self.wrote


class Deliverer:
    """Brings Secrets to what was decided.

    Args:
        store: what is known of the cluster.
        writer: writes Secrets.
        mac: for digests of what was delivered.
        keys: seal envelopes.
        clock: tells the time.
    """

    def __init__(self, store: Store, writer: SecretWriter, mac: MacKey, keys: KeyRingHolder, clock: Clock) -> None:
        self._store = store
        self._writer = writer
        self._mac = mac
        self._keys = keys
        self._clock = clock

    async def refuse(self, credential: LLMCredential, admission: Admission, reason: Reason) -> Outcome:
        """No key is even looked at; what was delivered stays or goes as the matrix says."""
        status = credential.status
        row = row_of(reason, proven=False)
        holds = Held.UNRESOLVED if status.target.key else Held.NOTHING
        form = self._form(credential, admission)
        situation = self._situation(
            credential, row, holds, deliver=False, same_form=not form or form == status.target.form
        )
        done = await self._apply(credential, admission, plan_delivery(situation), None)
        inputs = self._inputs(credential, admission)
        names = admission.names
        return Outcome(
            reason=reason,
            row=row,
            written=_say(done.written, reason),
            inputs=msgspec.structs.replace(inputs, endpoint=status.inputs.endpoint, models=status.inputs.models),
            values={**admission.values, "key": status.active_key or first_name(credential)},
            names=_last_known(names, status),
            sealed=done.sealed,
            keys=status.keys,
            active_key=status.active_key if done.stays else "",
            fingerprint=status.target.key if done.stays else "",
            form=status.target.form if done.stays else "",
            as_before=True,
            delivered=done.stays,
            last_look=epoch(status.last_probe_time) if status.last_probe_time else 0.0,
            expiry_warning=status.expiry_warning,
            models=status.models,
        )

    async def deliver(
        self,
        credential: LLMCredential,
        admission: Admission,
        keys: Sequence[HeldKey],
        decision: Decision,
        http_status: int,
    ) -> Outcome:
        """Write, keep or empty the Secret for the key that decides.

        Raises:
            RetryableError: the API server did not answer, or others change the Secret faster than it can be read.
            PlatformError: the API server refused.
        """
        now = self._clock.now()
        status = credential.status
        chosen = keys[decision.index]
        view = chosen.view(now, status.target.key)
        form = self._form(credential, admission)
        situation = self._situation(
            credential, view.row, held(credential, keys), deliver=decision.deliver, same_form=form == status.target.form
        )
        done = await self._apply(credential, admission, plan_delivery(situation), chosen)
        models = self._models(credential, admission, chosen)
        skipped = (keys[index] for index in decision.skipped)
        values = {
            **admission.values,
            **chosen.candidate.values,
            "key": chosen.candidate.name,
            "status": str(http_status),
            "skipped": ", ".join(f"{one.candidate.name} ({one.view(now, '').reason})" for one in skipped),
            "trimmed": "yes" if chosen.candidate.trimmed else "",
            "missing": in_words(models.missing),
        }
        return Outcome(
            reason=view.reason,
            row=view.row,
            written=_say(done.written, view.reason),
            inputs=self._inputs(credential, admission),
            values=values,
            names=admission.names,
            sealed=done.sealed,
            keys=tuple(one.status() for one in keys),
            active_key=chosen.candidate.name if done.wrote else (status.active_key if done.stays else ""),
            fingerprint=chosen.fingerprint if done.wrote else (status.target.key if done.stays else ""),
            form=form if done.wrote else (status.target.form if done.stays else ""),
            kept=done.plan.kept,
            kept_until=done.plan.kept_until,
            as_before=_as_before(credential, admission.names, keys, chosen),
            delivered=view.delivered and done.written.holds,
            last_look=max((one.state.last for one in keys), default=0.0),
            expiry_warning=status.expiry_warning,
            models=None if models == NOTHING else models,
        )

    # -- parts -----------------------------------------------------------------------------------------------

    def _inputs(self, credential: LLMCredential, admission: Admission) -> Inputs:
        ring = self._keys.current
        return inputs_of(credential, admission.resolved, self._store, self._mac, ring, admitted=admission.admitted)

    def _form(self, credential: LLMCredential, admission: Admission) -> str:
        resolved = admission.resolved
        return form_of(credential, resolved, self._mac) if resolved is not None and resolved.endpoint else ""

    def _situation(
        self, credential: LLMCredential, row: Row, holds: Held, *, deliver: bool, same_form: bool
    ) -> Situation:
        kept_until = credential.status.target.kept_until
        return Situation(
            deliver=deliver,
            row=row,
            held=holds,
            on_invalid=credential.spec.validation.on_invalid,
            same_form=same_form,
            kept_until=epoch(kept_until) if kept_until else 0.0,
            overlap=credential.spec.overlap_seconds,
            now=self._clock.now(),
        )

    async def _apply(
        self, credential: LLMCredential, admission: Admission, plan: Plan, chosen: HeldKey | None
    ) -> _Delivery:
        """Bring the Secret to the plan; a last good value that somebody touched is withdrawn instead."""
        target = credential.status.target
        if plan.action is Action.WRITE and chosen is not None:
            packed = self._pack(credential, admission, chosen)
            return _Delivery(await self._writer.write(credential, packed), plan, packed.sealed)
        if plan.action is Action.KEEP:
            stays = await self._keep(credential)
            if stays is not None:
                return _Delivery(stays[0], plan, stays[1])
            plan = Plan(Action.EMPTY)
        if plan.action is Action.EMPTY or self._was_emptied(credential):
            return _Delivery(await self._writer.empty(credential), plan, withdrawn(target))
        return _Delivery(Written(Reason.AWAITING_KEY), plan, carried(target))

    def _models(self, credential: LLMCredential, admission: Admission, chosen: HeldKey) -> ModelsStatus:
        """Of the look that was just made, else as far as the status tells."""
        if chosen.models is not None or admission.resolved is None:
            return chosen.models or NOTHING
        return models_of(credential, admission.resolved, None, chosen.fingerprint)

    def _pack(self, credential: LLMCredential, admission: Admission, chosen: HeldKey) -> Packed:
        resolved, material = admission.resolved, chosen.candidate.material
        if resolved is None or resolved.entry is None or resolved.endpoint is None or material is None:
            raise AssertionError("a key is delivered without what it is rendered from")
        target = credential.spec.target
        models = self._models(credential, admission, chosen).defaults
        plain = render(target, resolved.entry, resolved.at(chosen.region), material.revealed(), models)
        if target.encryption != ENVELOPE_TARGET:
            return pack_plain(credential, plain, self._mac)
        holders = Holders(
            self._namespace_uid(credential), self._keys.current.roots.active, tuple(recipients_of(target))
        )
        form = form_of(credential, resolved, self._mac)
        return pack_sealed(credential, plain, form, holders, self._mac, self._clock.now())

    async def _keep(self, credential: LLMCredential) -> tuple[Written, Sealed] | None:
        """The last good value, in an envelope of the root key that is active; None if somebody touched it."""
        target = credential.status.target
        stands = kept(target, self._clock.now())
        roots = self._keys.current.roots
        if target.sealed_with in ("", roots.active.key_id):
            written = await self._writer.keep(credential)
            return None if written is None else (written, stands)
        binding = EnvelopeBinding(self._namespace_uid(credential), credential.metadata.uid, target.sequence)
        try:
            written = await self._writer.renew(credential, lambda data: resealed(data, roots.active, roots, binding))
        except UserError:
            # Its root key is gone: nobody can open it, and it cannot be made anew.
            return None
        return None if written is None else (written, replace(stands, key_id=roots.active.key_id))

    def _namespace_uid(self, credential: LLMCredential) -> str:
        namespace = self._store.namespaces.get(credential.metadata.namespace)
        if namespace is None:
            raise NamespaceUnknownError(f"namespace {credential.metadata.namespace} is not known yet")
        return namespace.uid

    def _was_emptied(self, credential: LLMCredential) -> bool:
        """Emptied before: it stays so, whoever wrote something into it meanwhile."""
        meta = self._store.generated.get(Key(credential.metadata.namespace, credential.secret_name))
        return meta is not None and bool(meta.uid) and meta.uid == credential.status.target.uid


def _as_before(credential: LLMCredential, names: Names, keys: Sequence[HeldKey], chosen: HeldKey) -> bool:
    """Whether the conditions that stood are about a key that is still there, at the same endpoint."""
    status = credential.status
    if status.audience != names.audience:
        return False
    if status.target.key and any(one.fingerprint == status.target.key for one in keys):
        return True
    known = {one.fingerprint for one in status.keys if one.fingerprint}
    return chosen.fingerprint in known if chosen.fingerprint else True


def _say(written: Written, reason: Reason) -> Written:
    """SecretSynced says Disabled where it is the switch that emptied the Secret or keeps it from being written."""
    if reason in (Reason.DISABLED, Reason.PROVIDER_DISABLED) and not written.holds:
        return replace(written, synced=Reason.DISABLED)
    return written


def _last_known(names: Names, status: CredentialStatus) -> Names:
    """Names for a provider that is gone or wrong: what it said before is still what the keys were proven for."""
    told = names if names.env or names.files else _names_in(status)
    return replace(told, provider=names.provider or status.provider, audience=status.audience, unsealer=names.unsealer)


def _names_in(status: CredentialStatus) -> Names:
    return Names(env=status.env, optional_env=status.optional_env, files=status.files)
