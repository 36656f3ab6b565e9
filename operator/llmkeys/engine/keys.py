"""The keys of a credential for one reconciliation: read from their sources, matched with what was known of them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from llmkeys.api.credential import KeyEntry, KeyStatus, LLMCredential
from llmkeys.api.durations import epoch, rfc3339
from llmkeys.api.models import ModelsStatus
from llmkeys.api.names import CREDENTIAL_LABEL, INTERNAL_LABEL, SOURCE_LABEL
from llmkeys.api.objects import Key
from llmkeys.api.reasons import Belief, Reason, row_of
from llmkeys.crypto.mac import MacKey
from llmkeys.delivery.carried import carried
from llmkeys.delivery.choose import View
from llmkeys.delivery.manifest import SECRET_TYPE, ObservedSecret, SecretMeta
from llmkeys.delivery.plan import Held
from llmkeys.engine.effects import Cluster
from llmkeys.engine.keyring import KeyRingHolder
from llmkeys.engine.opening import open_entry
from llmkeys.engine.renewable import Renewable
from llmkeys.engine.resolve import Resolved
from llmkeys.engine.store import Store
from llmkeys.probe.judge import KeyState
from llmkeys.probe.kind import usable
from llmkeys.probe.material import Candidate, Material, candidates_of
from llmkeys.probe.reach import reach_of

KEYLESS: Final = "keyless"
_NUMBERED: Final = re.compile(r"-\d+$")
_SOURCE_PROBLEMS: Final = frozenset(
    {
        Reason.SOURCE_NOT_FOUND,
        Reason.SOURCE_NOT_ALLOWED,
        Reason.SOURCE_FIELD_MISSING,
        Reason.DECRYPT_FAILED,
        Reason.KEY_RETIRED,
        Reason.SEALED_FOR_OTHER_SCOPE,
        Reason.SEALED_FOR_OTHER_HOST,
        Reason.SEALED_FOR_OTHER_DELIVERY,
    }
)
_REASONS: Final = {reason.value: reason for reason in Reason}
_WITHOUT_CALL: Final = frozenset({Reason.MALFORMED_KEY, Reason.WRONG_CREDENTIAL_TYPE})


@dataclass(slots=True)
class HeldKey:
    """One key during a reconciliation; `state` moves as it is looked at.

    Args:
        candidate: what was read.
        fingerprint: of its value.
        state: what is known of it.
        look_again: although it is not due.
        region: where it was found to be at home, under `region: auto`.
        models: what this look showed of its models, None without one.
        file: what it is where it is a file whose access token is renewed.

    """

    candidate: Candidate
    fingerprint: str
    state: KeyState
    look_again: bool = False
    region: str = ""
    models: ModelsStatus | None = None
    file: Renewable | None = None

    @property
    def lists_models(self) -> bool:
        """Whether it was good at the last look, so that its models were listed."""
        return self.state.verdict is not None and row_of(self.state.verdict, proven=self.state.proven).delivers

    def view(self, now: float, delivered: str) -> View:
        due = self.look_again or self.state.is_due(now)
        return View(
            self.candidate.problem, self.state, due, delivered=bool(self.fingerprint) and self.fingerprint == delivered
        )

    def status(self) -> KeyStatus:
        reason = self.candidate.problem or self.state.verdict
        if self.candidate.problem is not None:
            return KeyStatus(self.candidate.name, self.fingerprint, self.candidate.problem.value, self.state.belief)
        return KeyStatus(
            name=self.candidate.name,
            fingerprint=self.fingerprint,
            verdict=reason.value if reason else "",
            belief=self.state.belief,
            last_probe_time=rfc3339(self.state.last) if self.state.last else "",
            next_probe_time=rfc3339(self.state.due) if self.state.verdict else "",
            failures=self.state.failures,
            region=self.region,
        )


def state_of(status: KeyStatus) -> KeyState:
    """What a status says of a key."""
    verdict = _REASONS.get(status.verdict)
    return KeyState(
        belief=status.belief,
        verdict=verdict,
        last=epoch(status.last_probe_time) if status.last_probe_time else 0.0,
        due=epoch(status.next_probe_time) if status.next_probe_time else 0.0,
        failures=status.failures,
    )


def views_of_status(credential: LLMCredential, now: float) -> list[View]:
    """The keys as the status tells of them, without reading any source."""
    delivered = credential.status.target.key
    views = []
    for one in credential.status.keys:
        state = state_of(one)
        problem = state.verdict if one.verdict and not one.next_probe_time else None
        views.append(View(problem, state, problem is None and state.is_due(now), one.fingerprint == delivered))
    return views


class KeyReader:
    """Reads the sources of a credential.

    Args:
        store: knows which sources there are and in which version.
        cluster: reads one.
        mac: fingerprints.
        keys: open sealed values.

    """

    def __init__(self, store: Store, cluster: Cluster, mac: MacKey, keys: KeyRingHolder) -> None:
        self._store = store
        self._cluster = cluster
        self._mac = mac
        self._keys = keys

    async def read(self, credential: LLMCredential, resolved: Resolved, now: float) -> list[HeldKey]:
        """The keys in order; each carries what was known of the same value, wherever in the list it stood."""
        candidates: list[Candidate] = []
        for entry in credential.spec.keys:
            candidates += await self._candidates(credential, entry, resolved)
        if not credential.spec.keys:
            candidates.append(Candidate(KEYLESS, "", Material(())))
        if resolved.entry is not None and resolved.endpoint is not None:
            candidates = [usable(one, resolved.endpoint, resolved.entry, now) for one in candidates]
            candidates = [carried(one, credential.spec.target, resolved.entry) for one in candidates]
        if credential.spec.expires_at and epoch(credential.spec.expires_at) <= now:
            candidates = [_expired(one) for one in candidates]
        return self._matched(credential, resolved, candidates)

    async def _candidates(self, credential: LLMCredential, entry: KeyEntry, resolved: Resolved) -> list[Candidate]:
        if resolved.entry is None or resolved.endpoint is None:
            return []
        reach = reach_of(resolved.provider.spec, resolved.endpoint, resolved.entry)
        if entry.sealed:
            return open_entry(credential, entry, resolved, reach, self._keys.current.sealing)
        if entry.secret_ref is None:
            return []
        key = Key(credential.metadata.namespace, entry.secret_ref.name)
        known = self._store.sources.get(key)
        source = await self._cluster.read_secret(key, since=known.resource_version if known else "")
        problem = _why_not(source)
        if problem is not None or source is None:
            values = {"secret": key.name, "source": f"Secret {key.name}"}
            return [Candidate(entry.name, entry.name, None, problem, values)]
        self._store.put_secret(self._store.sources, key, source.meta)
        if source.hosts is not None and not reach.admits(source.hosts):
            words = {"field": f"Secret {key.name}", "detail": ", ".join(source.hosts) or "no host"}
            return [Candidate(entry.name, entry.name, None, Reason.SEALED_FOR_OTHER_HOST, words)]
        return candidates_of(entry, source.data, resolved.entry, resolved.endpoint.base.origin.host)

    def _matched(self, credential: LLMCredential, resolved: Resolved, candidates: Sequence[Candidate]) -> list[HeldKey]:
        status = credential.status
        same_audience = resolved.endpoint is not None and status.audience == resolved.endpoint.audience
        known = {one.fingerprint: one for one in status.keys if one.fingerprint}
        keys = []
        for candidate in candidates:
            fingerprint = ""
            if candidate.material is not None:
                revealed = candidate.material.revealed()
                fingerprint = self._mac.fingerprint(credential.metadata.namespace, revealed)
            before = known.get(fingerprint)
            same = before if same_audience else None
            state = state_of(same) if same is not None else KeyState()
            region = same.region if same is not None else ""
            keys.append(HeldKey(candidate, fingerprint, _settled(state, candidate.problem), region=region))
        return keys


def _settled(state: KeyState, problem: Reason | None) -> KeyState:
    if problem in _WITHOUT_CALL or problem is Reason.EXPIRED:
        return KeyState(Belief.INVALID, problem)
    if problem is None and state.verdict in (*_WITHOUT_CALL, *_SOURCE_PROBLEMS, Reason.EXPIRED) and not state.due:
        return KeyState()  # the cause is gone: it is a key like any other
    return state


def _why_not(source: ObservedSecret | None) -> Reason | None:
    """Whether a Secret may be a source: only one that its owner labelled as such, and none of ours."""
    if source is None:
        return Reason.SOURCE_NOT_FOUND
    return None if is_source(source.meta) and source.kind == SECRET_TYPE else Reason.SOURCE_NOT_ALLOWED


def is_source(meta: SecretMeta) -> bool:
    labels = meta.labels
    return labels.get(SOURCE_LABEL) == "true" and CREDENTIAL_LABEL not in labels and INTERNAL_LABEL not in labels


def _expired(candidate: Candidate) -> Candidate:
    if candidate.problem in _SOURCE_PROBLEMS:
        return candidate
    return Candidate(candidate.name, candidate.entry, candidate.material, Reason.EXPIRED, candidate.values)


def first_name(credential: LLMCredential) -> str:
    """The entry that a message names while no key has been read."""
    return credential.spec.keys[0].name if credential.spec.keys else KEYLESS


def held(credential: LLMCredential, keys: Sequence[HeldKey]) -> Held:
    """What the Secret holds, as far as the list of keys tells."""
    delivered = credential.status.target.key
    if not delivered:
        return Held.NOTHING
    if any(one.fingerprint == delivered for one in keys):
        return Held.CURRENT
    name = credential.status.active_key
    entries = {entry.name for entry in credential.spec.keys} or {KEYLESS}
    entry = name if name in entries else _NUMBERED.sub("", name)
    if entry not in entries:
        return Held.REMOVED
    unresolved = any(one.candidate.entry == entry and one.candidate.problem in _SOURCE_PROBLEMS for one in keys)
    return Held.UNRESOLVED if unresolved else Held.REPLACED
