"""Brings the Secret to what was decided. A write cannot hit a stranger: every one names the object that was read."""

from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from llmkeys.api.credential import LLMCredential
from llmkeys.api.names import COMPONENT, CREDENTIAL_LABEL
from llmkeys.api.objects import Key
from llmkeys.api.reasons import Reason
from llmkeys.crypto.mac import MacKey, same
from llmkeys.delivery.manifest import (
    SECRET_TYPE,
    ObservedSecret,
    SecretMeta,
    content_mac,
    is_ours,
    observed_mac,
    secret_manifest,
    secret_patch,
)
from llmkeys.delivery.pack import Data, Packed
from llmkeys.engine.clock import Clock
from llmkeys.engine.effects import Cluster, ConflictError, NotThereError, RefusedError
from llmkeys.engine.observe import Observer
from llmkeys.engine.store import Store

HEALS: Final = 5
HEAL_WINDOW: Final = 600.0
_TRIES: Final = 3


@dataclass(frozen=True, slots=True)
class Written:
    """The Secret after a step.

    Args:
        synced: reason of SecretSynced.
        meta: of the Secret, None where there is none of ours.
        mac: of its content, empty if unknown.
        holds: whether it holds a key (False after a withdrawal).
        manager: who else writes it, for `Contested`.

    """

    synced: Reason
    meta: SecretMeta | None = None
    mac: str = ""
    holds: bool = False
    manager: str = ""


class _Wanted:
    """What is to be written, made once and only if it is: what is sealed comes out differently each time.

    `known` is the MAC of data that will do as they are, empty if none will; `mac` that of `data`.
    """

    def __init__(self, packed: Packed, mac_of: Callable[[Data], str]) -> None:
        self.known = packed.mac
        self._make = packed.make
        self._mac_of = mac_of

    @cached_property
    def data(self) -> Data:
        return self._make()

    @cached_property
    def mac(self) -> str:
        return self._mac_of(self.data)


class SecretWriter:
    """Writes generated Secrets.

    Args:
        store: what the watch saw.
        cluster: reads and writes.
        mac: recognises content.
        clock: for the count of heals.
        observer: counts.

    """

    def __init__(self, store: Store, cluster: Cluster, mac: MacKey, clock: Clock, observer: Observer) -> None:
        self._store = store
        self._cluster = cluster
        self._mac = mac
        self._clock = clock
        self._observer = observer
        self._heals: defaultdict[Key, deque[float]] = defaultdict(deque)

    def untouched(self, credential: LLMCredential) -> bool:
        """Whether the Secret is the very version that we wrote last, as far as the watch knows."""
        target = credential.status.target
        known = self._store.generated.get(self._place(credential))
        if known is None:
            return not target.uid
        return known.uid == target.uid and known.resource_version == target.resource_version

    def forget(self, key: Key) -> None:
        self._heals.pop(key, None)

    async def write(self, credential: LLMCredential, packed: Packed) -> Written:
        """Have the Secret hold what was packed.

        Raises:
            ConflictError: others change it faster than it can be read; try again.

        """
        target = credential.status.target
        wanted = _Wanted(packed, lambda data: content_mac(self._mac, credential, data))
        if self.untouched(credential) and target.uid:
            if wanted.known and same(wanted.known, target.mac):
                return Written(Reason.SYNCED, self._store.generated[self._place(credential)], target.mac, holds=True)
            patched = await self._patch_known(credential, wanted.data)
            if patched is not None:
                self._observer.secret_written("update")
                return Written(Reason.SYNCED, patched, wanted.mac, holds=True)
        return await self._converge(credential, wanted)

    async def keep(self, credential: LLMCredential) -> Written | None:
        """Leave the last good value; None if somebody touched it, since it cannot be made anew."""
        target = credential.status.target
        if self.untouched(credential):
            return Written(Reason.SYNCED, self._store.generated.get(self._place(credential)), target.mac, holds=True)
        observed = await self._as_written(credential)
        if observed is None:
            return None
        self._remember(credential, observed.meta)
        return Written(Reason.SYNCED, observed.meta, target.mac, holds=True)

    async def renew(self, credential: LLMCredential, change: Callable[[Data], Data]) -> Written | None:
        """Change the form of the last good value; None if somebody touched it."""
        observed = await self._as_written(credential)
        if observed is None:
            return None
        data = change(observed.data)
        meta = await self._patch(credential, observed, data)
        self._observer.secret_written("reseal")
        return Written(Reason.SYNCED, meta, content_mac(self._mac, credential, data), holds=True)

    async def empty(self, credential: LLMCredential) -> Written:
        """Withdraw: the object stays, its data goes."""
        target = credential.status.target
        if target.uid and not target.key and self.untouched(credential):
            return Written(Reason.WITHDRAWN, self._store.generated.get(self._place(credential)), target.mac)
        observed = await self._cluster.read_secret(self._place(credential))
        if observed is None:
            return Written(Reason.WITHDRAWN)
        if not is_ours(credential, observed.meta):
            return Written(Reason.TARGET_CONFLICT)
        wanted = content_mac(self._mac, credential, {})
        if same(observed_mac(self._mac, credential, observed), wanted):
            return Written(Reason.WITHDRAWN, observed.meta, wanted)
        meta = await self._patch(credential, observed, {})
        self._observer.secret_written("withdraw")
        return Written(Reason.WITHDRAWN, meta, wanted)

    # -- parts -----------------------------------------------------------------------------------------------

    async def _as_written(self, credential: LLMCredential) -> ObservedSecret | None:
        """The Secret, read; None if it is not as we wrote it."""
        observed = await self._cluster.read_secret(self._place(credential))
        if observed is None or not is_ours(credential, observed.meta):
            return None
        as_it_is = observed_mac(self._mac, credential, observed)
        return observed if same(as_it_is, credential.status.target.mac) else None

    async def _patch_known(self, credential: LLMCredential, data: Mapping[str, bytes]) -> SecretMeta | None:
        """Change the version that we wrote last without reading it first; None if it is not that any more."""
        place = self._place(credential)
        known = self._store.generated[place]
        if known.labels.get(CREDENTIAL_LABEL) != credential.metadata.name:
            return None
        if not any(owner.uid == credential.metadata.uid for owner in known.owners):
            return None
        observed = ObservedSecret(known, SECRET_TYPE, {})
        try:
            meta = await self._cluster.patch_secret(place, secret_patch(credential, observed, data))
        except (ConflictError, NotThereError):
            return None
        self._remember(credential, meta)
        return meta

    async def _converge(self, credential: LLMCredential, wanted: "_Wanted") -> Written:
        place = self._place(credential)
        for _ in range(_TRIES):
            try:
                if place not in self._store.generated and not credential.status.target.uid:
                    created = await self._create(credential, wanted, heal=False)
                    if created is not None:
                        return created
                observed = await self._cluster.read_secret(place)
                if observed is None:
                    heal = bool(credential.status.target.uid)
                    created = await self._create(credential, wanted, heal=heal)
                    if created is not None:
                        return created
                    continue
                return await self._take_over(credential, observed, wanted)
            except (ConflictError, NotThereError):
                continue
        raise ConflictError(f"Secret {place} is being changed by others")

    async def _create(self, credential: LLMCredential, wanted: "_Wanted", *, heal: bool) -> Written | None:
        if heal and self._contested(credential):
            return Written(Reason.CONTESTED, manager="whoever deletes it")
        try:
            meta = await self._cluster.create_secret(self._place(credential), secret_manifest(credential, wanted.data))
        except ConflictError:
            return None
        self._remember(credential, meta)
        self._observer.secret_written("drift" if heal else "create")
        if heal:
            self._note_heal(credential)
        return Written(Reason.SYNCED, meta, wanted.mac, holds=True)

    async def _take_over(self, credential: LLMCredential, observed: ObservedSecret, wanted: "_Wanted") -> Written:
        if not is_ours(credential, observed.meta):
            return Written(Reason.TARGET_CONFLICT)
        found = observed_mac(self._mac, credential, observed)
        owned = any(owner.uid == credential.metadata.uid for owner in observed.meta.owners)
        if wanted.known and same(found, wanted.known) and owned:
            self._remember(credential, observed.meta)
            return Written(Reason.SYNCED, observed.meta, found, holds=True)
        target = credential.status.target
        heal = bool(wanted.known) and target.uid == observed.meta.uid and same(target.mac, wanted.known)
        if heal and self._contested(credential):
            return Written(Reason.CONTESTED, observed.meta, manager=_other(observed))
        meta = await self._patch(credential, observed, wanted.data)
        self._observer.secret_written("drift" if heal else "update")
        if heal:
            self._note_heal(credential)
        return Written(Reason.SYNCED, meta, wanted.mac, holds=True)

    async def _patch(
        self, credential: LLMCredential, observed: ObservedSecret, data: Mapping[str, bytes]
    ) -> SecretMeta:
        """Change what was read.

        Raises:
            ConflictError: it changed meanwhile.
            RefusedError: it did not, and still the patch was refused.

        """
        place = self._place(credential)
        try:
            meta = await self._cluster.patch_secret(place, secret_patch(credential, observed, data))
        except ConflictError:
            again = await self._cluster.read_secret(place)
            unchanged = again is not None and (again.meta.uid, again.meta.resource_version) == (
                observed.meta.uid,
                observed.meta.resource_version,
            )
            if unchanged:
                raise RefusedError(
                    f"Secret {place} cannot be changed; is it immutable, or owned by a controller?"
                ) from None
            raise
        self._remember(credential, meta)
        return meta

    def _contested(self, credential: LLMCredential) -> bool:
        heals = self._heals[credential.key]
        since = self._clock.now() - HEAL_WINDOW
        while heals and heals[0] < since:
            heals.popleft()
        return len(heals) >= HEALS

    def _note_heal(self, credential: LLMCredential) -> None:
        self._heals[credential.key].append(self._clock.now())
        self._observer.drifted()

    def _remember(self, credential: LLMCredential, meta: SecretMeta) -> None:
        self._store.put_secret(self._store.generated, self._place(credential), meta)

    @staticmethod
    def _place(credential: LLMCredential) -> Key:
        return Key(credential.metadata.namespace, credential.secret_name)


def _other(observed: ObservedSecret) -> str:
    # Times of managers are whole seconds: our own heal may stand last beside the edit that followed it.
    others = [manager for manager in observed.managers if manager != COMPONENT]
    return others[-1] if others else "another writer"
