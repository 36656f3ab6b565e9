"""The operator's own keys: made at the first start, read again when they change, renewed when they are due."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from typing import Final, Self

import structlog

from llmkeys.api.errors import LlmkeysError, PlatformError, RetryableError
from llmkeys.api.names import PUBLIC_KEYS, UNSEALER_CA_SECRET, UNSEALER_SERVICE, UNSEALER_TLS_SECRET
from llmkeys.crypto.certificates import serving_names
from llmkeys.crypto.ring import Ring, RingPurpose
from llmkeys.engine.effects import ConflictError, NotThereError
from llmkeys.kube.certificates import Certificates
from llmkeys.kube.client import ApiClient
from llmkeys.kube.public_keys import publish, published_ids
from llmkeys.kube.ring_objects import OwnObjects, Resource
from llmkeys.kube.ring_secrets import RING_SECRETS, RingLostError, RingSecrets, StoredRing
from llmkeys.kube.ring_use import Traces
from llmkeys.kube.ring_watch import RingWatch

RENEW_EVERY: Final = 90 * 24 * 3600.0
_RENEWED: Final[tuple[RingPurpose, ...]] = ("sealing", "envelope")  # MACs change by an explicit command alone
_CERTIFICATES: Final = (UNSEALER_CA_SECRET, UNSEALER_TLS_SECRET)
_OBJECTS: Final[Mapping[Resource, tuple[str, ...]]] = {
    "secrets": (*RING_SECRETS.values(), *_CERTIFICATES),
    "configmaps": (PUBLIC_KEYS,),
}
_EVERYTHING: Final = tuple(name for names in _OBJECTS.values() for name in names)
_ATTEMPTS: Final = 5
_RETRY: Final = 10.0
_INTERVAL: Final = 3600.0

log = structlog.get_logger(__name__)


class Rings:
    """The rings, the public keys and the unsealer's certificates. Made by `load`, kept by `keep`.

    What is in memory stays in use whatever happens to the Secrets; what is wrong with them is in `problems`.
    Whoever does not lead makes what was never there and reads what has changed; the leader does the rest.
    """

    def __init__(
        self,
        client: ApiClient,
        secrets: RingSecrets,
        stored: Mapping[RingPurpose, StoredRing],
        certificates: Certificates,
        now: Callable[[], float],
        renew_every: float,
        leads: Callable[[], bool],
    ) -> None:
        """Take what `load` has made."""
        self.problems: dict[str, str] = {}
        self._secrets = secrets
        self._stored = dict(stored)
        self._certificates = certificates
        self._now = now
        self._renew_every = renew_every
        self._published = ""  # version of the ConfigMap
        self._again: set[str] = set()  # names of what failed
        self.are_new = False
        """Whether they were made just now, and by this process: of all that ever start here, it is the first."""
        self._leads = leads
        self._watch = RingWatch(client, secrets.objects.namespace, _OBJECTS, self._is_current)

    @classmethod
    async def load(
        cls,
        client: ApiClient,
        namespace: str,
        kek: bytes | None,
        now: Callable[[], float],
        *,
        traces: Callable[[], Awaitable[Traces]],
        renew_every: float = RENEW_EVERY,
        more_names: Sequence[str] = (),
        creator: ApiClient | None = None,
        leads: Callable[[], bool] = lambda: True,
    ) -> Self:
        """Read what is there and make what is missing; of two that race both end with the same rings.

        Args:
            client: of the API server.
            namespace: the operator's.
            kek: 32 bytes that wrap the rings; None leaves them in clear. Rings in clear are wrapped if there is one.
            now: epoch seconds.
            traces: finds out what status fields say of rings that were there; asked only where one is missing.
            renew_every: seconds after which the rings for sealing and for envelopes get a new key.
            more_names: DNS names and IP addresses of the unsealer besides those of its Service.
            creator: makes what is missing where `client` may not since another controller leads; `client` if None.
            leads: whether this controller leads, and so renews, wraps, publishes and puts back.

        Raises:
            RingLostError: a ring was there once and is gone.
            RingUnreadableError: a ring is not as it was written, or wrapped with another key.
            RingWrappedError: a ring is wrapped and there is no `kek`.
            AuthorityMalformedError: the unsealer's authority is not as it was written.

        """
        objects = OwnObjects(client, namespace, creator)
        secrets = RingSecrets(objects, kek)
        # Before the Secrets: what is published now was written after they were.
        published = bool(await published_ids(objects))

        async def was_there(purpose: RingPurpose) -> bool:
            return published or (await traces()).names(purpose)

        made_here: list[RingPurpose] = []
        stored = {
            purpose: await _load(secrets, purpose, now(), was_there, leads, made_here.append)
            for purpose in RING_SECRETS
        }
        names = (*serving_names(UNSEALER_SERVICE, namespace), *more_names)
        certificates = await Certificates.load(objects, names, now(), renew=leads())
        made = cls(client, secrets, stored, certificates, now, renew_every, leads)
        # One alone, since of several that start together each may have made some.
        made.are_new = "mac" in made_here
        # Last of all, since it says that the rings are there.
        await made.refresh((PUBLIC_KEYS,))
        return made

    @property
    def sealing(self) -> Ring:
        """What values from Git are sealed to."""
        return self._stored["sealing"].ring

    @property
    def envelope(self) -> Ring:
        """What envelopes for workloads are sealed with."""
        return self._stored["envelope"].ring

    @property
    def mac(self) -> Ring:
        """What fingerprints and MACs are made with."""
        return self._stored["mac"].ring

    def ca_bundle(self) -> str:
        """PEM text of the certificates by which a client knows the unsealer."""
        return self._certificates.bundle()

    def problem(self) -> str | None:
        """What is wrong with the stored keys, None if nothing is; for a health page."""
        return " ".join(self.problems[name] for name in sorted(self.problems)) or None

    async def keep(self, stop: asyncio.Event, on_change: Callable[[], None]) -> None:
        """Watch, read again and renew until told to stop.

        Args:
            stop: ends it.
            on_change: called after a ring or the certificates' bundle has changed.

        """

        async def look(changed: Collection[str]) -> float:
            if await self.refresh(changed):
                on_change()
            return _RETRY if self._again else _INTERVAL

        await self._watch.run(stop, look)

    def lead(self) -> None:
        """Look at everything again, now that what is due may be done."""
        self._watch.tell(_EVERYTHING)

    async def refresh(self, names: Collection[str] = _EVERYTHING) -> bool:
        """One look: read these objects again, renew what is due, publish. What fails is told and done again next time.

        Args:
            names: of our objects that may have changed.

        Returns:
            whether a ring or the certificates' bundle has changed.

        """
        rings, bundle, leads = self._rings(), self.ca_bundle(), self._leads()
        looked_at = {*names, *self._again}
        self._again.clear()
        for purpose, secret in RING_SECRETS.items():
            if secret in looked_at or (leads and self._due(purpose, self._stored[purpose].ring)):
                await self._attempt(secret, self._refresh_ring(purpose))
        if PUBLIC_KEYS in looked_at or self.sealing not in rings:
            await self._attempt(PUBLIC_KEYS, self._publish())
        if looked_at & set(_CERTIFICATES) or (leads and self._certificates.due(self._now())):
            await self._attempt(UNSEALER_CA_SECRET, self._certificates.ensure(self._now(), renew=leads))
        return (rings, bundle) != (self._rings(), self.ca_bundle())

    async def _refresh_ring(self, purpose: RingPurpose) -> None:
        stored, leads = await self._secrets.read(purpose), self._leads()
        if stored is None:
            if not leads:
                return
            stored = await self._put_back(purpose)
        self._accept(purpose, stored)
        if not leads:
            return
        if self._secrets.to_be_wrapped(stored):
            self._accept(purpose, await self._secrets.replace(stored.found, stored.ring))
            log.info("a key ring was wrapped", ring=purpose)
        stored = self._stored[purpose]
        if self._due(purpose, stored.ring):
            self._accept(purpose, await self._secrets.replace(stored.found, stored.ring.rotate(self._now())))
            log.info("a key ring was renewed", ring=purpose, key=self._stored[purpose].ring.active.key_id)

    async def _put_back(self, purpose: RingPurpose) -> StoredRing:
        """The same ring again, never a new one: without it, the next start would find nothing to open with."""
        try:
            stored = await self._secrets.create(self._stored[purpose].ring)
        except (PlatformError, NotThereError):
            raise RingLostError(self._secrets.label(purpose)) from None
        log.error(
            "the Secret of a key ring was deleted; it was put back from memory",
            secret=self._secrets.label(purpose),
            advice="Have a backup: llmkeys keys backup FILE",
        )
        return stored

    def _accept(self, purpose: RingPurpose, stored: StoredRing) -> None:
        lost = _ids(self._stored[purpose].ring) - _ids(stored.ring)
        if lost:
            log.warning(
                "keys are gone from a ring, and what was sealed with them opens no more",
                secret=self._secrets.label(purpose),
                keys=sorted(lost),
                advice="Bring them back from a backup: llmkeys keys restore --replace FILE",
            )
        self._stored[purpose] = stored

    async def _publish(self) -> None:
        found = await publish(self._secrets.objects, self.sealing, renew=self._leads())
        self._published = found.resource_version

    async def _attempt(self, name: str, step: Coroutine[None, None, None]) -> None:
        try:
            await step
        except RetryableError as error:
            self._again.add(name)
            log.warning("the keys are looked at again soon", object=name, detail=str(error))
        except LlmkeysError as error:
            if self.problems.get(name) != str(error):
                # Without a traceback, which could show what is in a frame.
                log.error("the stored keys are not in order; those in memory stay in use", detail=str(error))  # noqa: TRY400
            self.problems[name] = str(error)
            self._again.add(name)
        else:
            if self.problems.pop(name, None):
                log.info("the stored keys are in order again", object=name)

    def _due(self, purpose: RingPurpose, ring: Ring) -> bool:
        return purpose in _RENEWED and ring.due(self._now(), self._renew_every)

    def _rings(self) -> tuple[Ring, ...]:
        return tuple(stored.ring for stored in self._stored.values())

    def _is_current(self, name: str, resource_version: str) -> bool:
        versions = {one.found.name: one.found.resource_version for one in self._stored.values()}
        versions |= self._certificates.versions | {PUBLIC_KEYS: self._published}
        return resource_version == versions.get(name)


async def _load(
    secrets: RingSecrets,
    purpose: RingPurpose,
    now: float,
    was_there: Callable[[RingPurpose], Awaitable[bool]],
    leads: Callable[[], bool],
    made_here: Callable[[RingPurpose], None],
) -> StoredRing:
    for _ in range(_ATTEMPTS):
        with contextlib.suppress(ConflictError):  # somebody else was faster: theirs counts
            stored = await secrets.read(purpose)
            if stored is None:
                if await was_there(purpose):
                    raise RingLostError(secrets.label(purpose))
                stored = await secrets.create(Ring.first(purpose, now))
                made_here(purpose)
                log.info("a key ring was created", secret=secrets.label(purpose))
            if leads() and secrets.to_be_wrapped(stored):
                stored = await secrets.replace(stored.found, stored.ring)
                log.info("a key ring was wrapped", ring=purpose)
            return stored
    raise ConflictError(f"Secret {secrets.label(purpose)} changes at every look.")


def _ids(ring: Ring) -> set[str]:
    return {key.key_id for key in ring.keys}
