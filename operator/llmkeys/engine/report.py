"""The one place that writes a credential's status and tells the world: one patch, at most one Event."""

import hashlib
from dataclasses import replace
from typing import Any, Final

import msgspec

from llmkeys.api.conditions import READY, SECRET_SYNCED
from llmkeys.api.credential import CredentialStatus, LLMCredential
from llmkeys.api.durations import rfc3339
from llmkeys.api.names import API_VERSION, COMPONENT, CREDENTIAL_KIND, PROVIDER_KIND
from llmkeys.api.objects import Condition, condition_of, merge_patch
from llmkeys.api.provider import LLMProvider
from llmkeys.api.reasons import Reason
from llmkeys.engine.clock import Clock
from llmkeys.engine.effects import Cluster
from llmkeys.engine.observe import Observer
from llmkeys.engine.outcome import Outcome, status_of
from llmkeys.engine.store import Store
from llmkeys.engine.times import warns_of_expiry
from llmkeys.engine.usage import UsageBook

EXPIRES_SOON: Final = "ExpiresSoon"
_PASSING: Final = frozenset({Reason.CHECKING, Reason.CONFIRMING, Reason.AWAITING_KEY})
_HELD_UP: Final = frozenset({Reason.TARGET_CONFLICT, Reason.CONTESTED})


class Reporter:
    """Writes what was decided where people read it.

    Args:
        store: takes in the version that a patch made.
        cluster: patches and posts.
        clock: tells the time.
        observer: counts.
        usage: who had envelopes opened; told with whatever else is written.

    """

    def __init__(self, store: Store, cluster: Cluster, clock: Clock, observer: Observer, usage: UsageBook) -> None:
        self._store = store
        self._cluster = cluster
        self._clock = clock
        self._observer = observer
        self._usage = usage

    async def report(self, credential: LLMCredential, outcome: Outcome) -> LLMCredential:
        """Write the status if it differs; the version of the credential that then stands."""
        now = self._clock.now()
        warn = warns_of_expiry(credential, now)
        if warn:
            outcome = replace(outcome, expiry_warning=credential.spec.expires_at or "")
        status = status_of(credential, outcome, now)
        written = await self._write(credential, status)
        if warn:
            await self._post(credential, "Warning", EXPIRES_SOON, "The credential expires within seven days; renew it.")
        await self._tell(credential, written)
        return written

    async def early(self, credential: LLMCredential, outcome: Outcome) -> LLMCredential:
        """Names and Reconciling, before the outcome is known; no Event."""
        before = credential.status
        status = status_of(credential, outcome, self._clock.now())
        # What is known of keys and Secret stands until the outcome is there.
        status = msgspec.structs.replace(
            status,
            inputs=before.inputs,
            keys=before.keys,
            target=before.target,
            active_key=before.active_key,
            last_probe_time=before.last_probe_time,
            expiry_warning=before.expiry_warning,
            audience=before.audience or status.audience,
            models=before.models,
            last_handled_request=before.last_handled_request,
        )
        return await self._write(credential, status)

    def conflicted(self, credential: LLMCredential) -> bool:
        """Whether the Secret could not be written as decided, so that it is to be tried again."""
        synced = condition_of(credential.status.conditions, SECRET_SYNCED)
        return synced is not None and synced.reason in _HELD_UP

    async def _write(self, credential: LLMCredential, status: CredentialStatus) -> LLMCredential:
        patch = merge_patch(msgspec.to_builtins(credential.status), msgspec.to_builtins(status))
        if not patch:
            return credential
        usage = self._usage.merged(credential.key, status.usage)
        if usage != status.usage:
            patch["usage"] = msgspec.to_builtins(usage)
        written = await self._cluster.patch_credential_status(credential, patch)
        self._usage.written(credential.key)
        self._store.put_credential(written)
        self._observer.settled(written)
        return written

    async def _tell(self, before: LLMCredential, after: LLMCredential) -> None:
        ready = _changed(READY, before, after)
        synced = _changed(SECRET_SYNCED, before, after)
        first = condition_of(before.status.conditions, READY) is None
        told = ready or synced
        if told is None or (first and ready is not None and ready.status == "True"):
            return  # a credential that is good from the start needs no Event: its status says so
        self._observer.transition(after.key, told.reason, told.message)
        kind = "Normal" if told.status == "True" else "Warning"
        await self._post(after, kind, told.reason, told.message)

    async def _post(self, credential: LLMCredential, kind: str, reason: str, message: str) -> None:
        await self._cluster.post_event(event_of(credential, kind, reason, message, self._clock.now()))


def _changed(kind: str, before: LLMCredential, after: LLMCredential) -> Condition | None:
    was = condition_of(before.status.conditions, kind)
    now = condition_of(after.status.conditions, kind)
    if now is None or now.reason in _PASSING:
        return None
    return now if was is None or (was.status, was.reason) != (now.status, now.reason) else None


def event_of(subject: LLMCredential | LLMProvider, kind: str, reason: str, message: str, now: float) -> dict[str, Any]:
    """A core/v1 Event about an object of ours.

    Args:
        subject: what it is about.
        kind: Normal or Warning.
        reason: CamelCase.
        message: a sentence of ours; never a provider's text.
        now: epoch seconds.

    """
    credential = isinstance(subject, LLMCredential)
    meta = subject.metadata
    namespace = meta.namespace or "default"
    stamp = f"{meta.uid}/{reason}/{now:.6f}"
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{meta.name[:200]}.{hashlib.sha256(stamp.encode()).hexdigest()[:16]}",
            "namespace": namespace,
        },
        "involvedObject": {
            "apiVersion": API_VERSION,
            "kind": CREDENTIAL_KIND if credential else PROVIDER_KIND,
            "name": meta.name,
            "namespace": meta.namespace or None,
            "uid": meta.uid,
            "resourceVersion": meta.resource_version,
        },
        "type": kind,
        "reason": reason,
        "message": message or reason,
        "source": {"component": COMPONENT},
        "reportingComponent": COMPONENT,
        "reportingInstance": COMPONENT,
        "firstTimestamp": rfc3339(now),
        "lastTimestamp": rfc3339(now),
        "count": 1,
    }
