"""The Lease by which one of several controllers leads: read, claimed, renewed and given back.

It needs a client of its own, without the fence that it opens, and so it never queues behind the controller's work.
"""

import asyncio
import contextlib
import socket
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from math import inf
from typing import Any, Final
from urllib.parse import quote

import msgspec
import structlog

from llmkeys.api.errors import LlmkeysError, RetryableError
from llmkeys.api.names import LEASE
from llmkeys.engine.effects import ApiUnavailableError, ConflictError, NotThereError
from llmkeys.engine.fence import Fence
from llmkeys.engine.leadership import Candidacy, Claim, Look, SeenLease, Stop, Terms, Wait
from llmkeys.kube.client import MERGE_PATCH, ApiClient

_API_VERSION: Final = "coordination.k8s.io/v1"
_RESOURCE: Final = "leases"
_PATIENCE: Final = 3.0  # seconds for one request: a dead connection is given up while there is time for another
# Only Linux has it; elsewhere the monotonic clock is the nearest (on macOS it counts sleep, too).
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

log = structlog.get_logger(__name__)


def boottime() -> float:
    """Seconds on a clock that no one sets and that counts suspension (clock_gettime(2), CLOCK_BOOTTIME)."""
    return time.clock_gettime(_CLOCK)


def own_identity() -> str:
    """A name for this process that no other has: the host's (in a cluster the pod's) and a random part."""
    return f"{socket.gethostname()}_{uuid.uuid4()}"


class LeaseLostError(RetryableError):
    """The controller led and does not any more.

    Args:
        name: `namespace/name` of the Lease.
        why: a clause.

    """

    def __init__(self, name: str, why: str) -> None:
        super().__init__(
            f"Lease {name} was lost: {why}. Another controller may lead now, so this one has stopped. Start it again "
            "(a Deployment does so by itself), or run a single one with --no-leader-election."
        )


class _Metadata(msgspec.Struct, frozen=True, rename="camel"):
    resource_version: str


class _Spec(msgspec.Struct, frozen=True, rename="camel"):
    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    lease_transitions: int | None = None


class _Lease(msgspec.Struct, frozen=True):
    metadata: _Metadata
    spec: _Spec = _Spec()


_lease = msgspec.json.Decoder(_Lease)


class LeaseObject:
    """The Lease on the API server.

    Args:
        client: without a fence.
        namespace: the operator's.
        wall: epoch seconds, for the times that people read in the Lease; nobody decides by them.

    """

    def __init__(self, client: ApiClient, namespace: str, wall: Callable[[], float] = time.time) -> None:
        self.label: Final = f"{namespace}/{LEASE}"
        self._client = client
        self._namespace = namespace
        self._folder = f"/apis/{_API_VERSION}/namespaces/{quote(namespace)}/{_RESOURCE}"
        self._path = f"{self._folder}/{LEASE}"
        self._wall = wall

    async def read(self) -> SeenLease | None:
        """The Lease, None if it is not there."""
        try:
            return _seen(await self._client.get(self._path, _RESOURCE))
        except NotThereError:
            return None

    async def claim(self, known: SeenLease | None, identity: str, seconds: float) -> SeenLease:
        """Write it in one's own name.

        Args:
            known: the version that is replaced; None creates the Lease.
            identity: of the new holder.
            seconds: how long it lasts.

        Raises:
            ConflictError: it is not what is known any more.
            NotThereError: it is gone.

        """
        moment = _micro_time(self._wall())
        spec: dict[str, Any] = {
            "holderIdentity": identity,
            "leaseDurationSeconds": max(1, round(seconds)),
            "renewTime": moment,
        }
        if known is None or known.holder != identity:
            spec |= {"acquireTime": moment, "leaseTransitions": 0 if known is None else known.transitions + 1}
        if known is not None:
            return await self._change(known, spec)
        body = {
            "apiVersion": _API_VERSION,
            "kind": "Lease",
            "metadata": {"name": LEASE, "namespace": self._namespace},
            "spec": spec,
        }
        return _seen(await self._client.post(self._folder, _RESOURCE, body))

    async def release(self, known: SeenLease) -> None:
        """Leave it to whoever comes first. Raises ConflictError where it is not what is known any more."""
        await self._change(known, {"holderIdentity": "", "renewTime": _micro_time(self._wall())})

    async def _change(self, known: SeenLease, spec: dict[str, Any]) -> SeenLease:
        body = {"metadata": {"resourceVersion": known.version}, "spec": spec}
        return _seen(await self._client.patch(self._path, _RESOURCE, body, MERGE_PATCH))


class Elector:
    """Stands for one process; opens the fence while that leads.

    `led` is set when it leads for the first time; `lost` says why it does not any more.

    Args:
        lease: on the API server.
        identity: of this process.
        fence: opened and closed.
        terms: durations.
        now: the fence's clock.

    """

    def __init__(
        self,
        lease: LeaseObject,
        identity: str,
        fence: Fence,
        terms: Terms = Terms(),  # noqa: B008  frozen
        now: Callable[[], float] = boottime,
    ) -> None:
        self.led: Final = asyncio.Event()
        self.lost: LeaseLostError | None = None
        self.vacant_from = -inf
        """Since when nobody else leads, known once it leads: what was read later shows all that was written before."""
        self._lease = lease
        self._fence = fence
        self._now = now
        self._candidacy = Candidacy(identity, terms)
        self._claimed = False
        self._holder = ""
        self._trouble = ""

    async def look(self) -> None:
        """See how the Lease stands before there is any need to; a right that is missing shows here."""
        found = await self._lease.read()
        self._candidacy = self._candidacy.saw(found, self._now())
        holder = "" if found is None else found.holder
        if holder not in {"", self._holder, self._candidacy.identity}:
            log.info("another controller leads; standing by", holder=holder)
        self._holder = holder

    def expect_lease(self) -> None:
        """Another controller has been here: where there is no Lease it was deleted, and its holder may still lead."""
        self._candidacy = self._candidacy.expecting(self._now())

    async def run(self) -> None:
        """Wait for leadership and keep it, until cancelled or until it is lost."""
        while True:
            match self._candidacy.step(self._now()):
                case Look():
                    await self._attempt(self.look)
                case Claim():
                    await self._attempt(self._claim)
                case Wait(seconds):
                    await asyncio.sleep(seconds)
                case Stop(why):
                    self._fence.close()
                    self.lost = LeaseLostError(self._lease.label, why)
                    log.warning(
                        "the Lease was lost; beginning anew, since another may lead", lease=self._lease.label, why=why
                    )
                    return

    async def release(self) -> None:
        """Give the Lease back, so that nobody has to wait until it runs out; to be called when all work has ended."""
        self._fence.close()
        if not self._claimed or self.lost is not None:
            return
        with contextlib.suppress(LlmkeysError, TimeoutError):
            async with asyncio.timeout(_PATIENCE):
                found = await self._lease.read()
                if found is not None and found.holder == self._candidacy.identity:
                    await self._lease.release(found)
                    log.info("the Lease was given back", lease=self._lease.label)

    async def _claim(self) -> None:
        known, vacant_from, sent = self._candidacy.lease, self._candidacy.vacant_from, self._now()
        self._claimed = True
        try:
            lease = await self._lease.claim(known, self._candidacy.identity, self._candidacy.terms.lease)
        except NotThereError:
            if known is None:
                raise  # it is the namespace that is not there
            self._candidacy = self._candidacy.saw(None, self._now())
            return
        self._candidacy = self._candidacy.granted(lease, sent, self._now())
        if self._candidacy.until is None:
            return
        self._fence.open_until(self._candidacy.until)
        if not self.led.is_set():
            self.vacant_from = vacant_from
            self.led.set()

    async def _attempt(self, request: Callable[[], Awaitable[None]]) -> None:
        until = self._candidacy.until
        patience = _PATIENCE if until is None else min(_PATIENCE, until - self._now())
        try:
            async with asyncio.timeout(patience):
                await request()
        except ConflictError:
            self._candidacy = self._candidacy.refused()
        except (LlmkeysError, TimeoutError) as error:
            self._candidacy = self._candidacy.failed_at(self._now())
            self._say_once(str(error) or f"no answer within {patience:.1f} s")
        else:
            self._trouble = ""

    def _say_once(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.warning("the Lease cannot be read or written", lease=self._lease.label, detail=trouble)
        self._trouble = trouble


def _seen(content: bytes) -> SeenLease:
    try:
        found = _lease.decode(content)
    except msgspec.MsgspecError:
        raise ApiUnavailableError("leases: the answer is not a Lease") from None
    spec = found.spec
    return SeenLease(
        version=found.metadata.resource_version,
        holder=spec.holder_identity or "",
        seconds=float(spec.lease_duration_seconds or 0),
        transitions=spec.lease_transitions or 0,
    )


def _micro_time(at: float) -> str:
    """As the API server wants it (metav1.MicroTime)."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
