"""The parts of the controller, put together and run until SIGTERM."""

import asyncio
import contextlib
import time
from asyncio.sslproto import SSLProtocol
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import structlog

from llmkeys import __version__
from llmkeys.api.credential import UnsealerStatus
from llmkeys.catalogue.loader import load
from llmkeys.catalogue.lookup import Catalogue
from llmkeys.cli.controller_bootstrap import bootstrap_watch
from llmkeys.cli.controller_ending import Ending
from llmkeys.cli.controller_leading import Beside, Election, elected, lead
from llmkeys.cli.controller_patience import patiently, wait_for_crds
from llmkeys.crypto.ring_keys import mac_key
from llmkeys.engine.clock import SystemClock
from llmkeys.engine.engine import Engine
from llmkeys.engine.fence import Fence
from llmkeys.engine.keyring import KeyRing, keyring_of
from llmkeys.kube.client import ApiClient
from llmkeys.kube.cluster import KubeCluster
from llmkeys.kube.informer import Informer
from llmkeys.kube.installation import refuse_if_installed_elsewhere
from llmkeys.kube.internal import ensure_namespace
from llmkeys.kube.lease import boottime
from llmkeys.kube.pods import KubePods
from llmkeys.kube.renewed_files import RenewedFiles
from llmkeys.kube.rights import ListedNamespaces
from llmkeys.kube.ring_objects import OwnObjects
from llmkeys.kube.ring_use import traces_in
from llmkeys.kube.rings import Rings
from llmkeys.kube.watch import MetadataWatch
from llmkeys.kube.workloads import KubeWorkloads
from llmkeys.net.client import ProviderClient
from llmkeys.net.probing import ProbeNet
from llmkeys.telemetry.health import Checks, at_most, serve
from llmkeys.telemetry.loop_lag import LoopLag
from llmkeys.telemetry.metrics import Metrics, new_metrics
from llmkeys.telemetry.observer import MetricsObserver
from llmkeys.unsealer.collect import UsageCollector

_TLS_BUFFER: Final = 32 * 1024
_LAG_LIMIT: Final = 10.0
_WATCH_LIMIT: Final = 420.0

log = structlog.get_logger("llmkeys.controller")


@dataclass(frozen=True, slots=True)
class Options:
    """What was said on the command line.

    Args:
        namespace: the operator's own.
        watch_namespaces: those that are served; empty for all.
        listen_host, listen_port: of health and metrics.
        unsealer: its URL, as workloads reach it.
        replicas: HOST:PORT that leads to every replica of it.
        usage_token: file with a token of ours for the unsealer; without it no counts of use are fetched.
        usage_every: seconds between two fetches of those counts.
        kek: 32 bytes that wrap the key rings; None leaves them in clear.
        renew_every: seconds between two keys of a ring.
        bootstrap: a template that is handed over is consumed.
        election: others of the same namespace may run, and one of all leads.
        rollouts: workloads that credentials name are restarted.
        nudge: pods that read a changed Secret are nudged.

    """

    namespace: str
    watch_namespaces: tuple[str, ...]
    listen_host: str
    listen_port: int
    unsealer: str
    replicas: str
    usage_token: Path
    usage_every: float
    kek: bytes | None = field(repr=False)
    renew_every: float
    bootstrap: bool = True
    election: bool = True
    rollouts: bool = False
    nudge: bool = False


@dataclass(frozen=True, slots=True)
class Clients:
    """The two ways to the API server.

    Args:
        fenced: for all work; it writes only while this process leads.
        free: for the Lease, and to make at the start what every replica would make the same.

    """

    fenced: ApiClient
    free: ApiClient


def _bound_tls_buffers() -> None:
    """Each TLS connection of asyncio holds a read buffer of 256 KiB, sixteen times a TLS record (RFC 8446, 5.1).

    Hundreds of connections to providers would cost more memory than all credentials. The attribute is the standard
    library's own knob, though not a documented one.
    """
    if hasattr(SSLProtocol, "max_size"):
        SSLProtocol.max_size = _TLS_BUFFER


async def run(options: Options) -> None:
    """Run until SIGTERM or SIGINT.

    Raises:
        LeaseLostError: it led and does not any more, and nobody told it to stop.
        LlmkeysError: it cannot start; the text says what to do.

    """
    _bound_tls_buffers()
    ending = Ending()
    ending.listen()
    metrics = new_metrics()
    fence = Fence(boottime) if options.election else Fence.without_end()
    metrics.leader(lambda: fence.is_open)
    # To show a refresh token twice can cost it: calls of providers are for the leader alone, too.
    async with _connected(options, metrics, fence) as clients, ProviderClient(gate=fence.check) as providers:
        election = elected(clients.free, options.namespace, fence) if options.election else Election(None, fence)
        await _serve_until(ending, options, clients, election, providers, metrics)
        if not ending.told:
            election.raise_if_lost()
    log.info("stopped")


@contextlib.asynccontextmanager
async def _connected(options: Options, metrics: Metrics, fence: Fence) -> AsyncIterator[Clients]:
    fenced = ApiClient(metrics.kube_requested, fence)
    free = ApiClient(metrics.kube_requested)
    try:
        connection = await fenced.open()
        log.info("starting", version=__version__, server=connection.server, namespace=options.namespace)
        await free.open()
        yield Clients(fenced, free)
    finally:
        await fenced.close()
        await free.close()


async def _serve_until(
    ending: Ending,
    options: Options,
    clients: Clients,
    election: Election,
    providers: ProviderClient,
    metrics: Metrics,
) -> None:
    stop, ready = ending.stop, asyncio.Event()
    loop = asyncio.get_running_loop()
    lag = LoopLag(loop.time, loop.call_later)
    watches: list[MetadataWatch] = []

    def watch_age(resource: str = "") -> float:
        return max((watch.age() for watch in watches if resource in {"", watch.resource}), default=0.0)

    checks = Checks(
        live={"event loop": at_most(lag.seconds, _LAG_LIMIT), "watch": at_most(watch_age, _WATCH_LIMIT)},
        ready={"caches": lambda: None if ready.is_set() else "not filled yet"},
    )
    async with (
        contextlib.AsyncExitStack() as stack,
        serve(options.listen_host, options.listen_port, metrics, checks) as server,
    ):
        log.info("listening", port=server.port)
        stack.enter_context(_measuring(lag))
        namespaces = ListedNamespaces(clients.fenced, options.watch_namespaces)
        started = await _start(stop, options, clients, election, providers, metrics, namespaces)
        if started is None:
            return
        engine, rings, catalogue = started
        informer = Informer(clients.fenced, engine, namespaces)
        watches += informer.watches
        for resource in {watch.resource for watch in watches}:
            metrics.watch(resource, partial(watch_age, resource))

        def begin() -> None:
            ready.set()
            log.info("ready", credentials=len(engine.store.credentials), providers=len(engine.store.providers))

        metrics.keys(lambda: len(rings.problems))
        beside: list[Beside] = []
        if options.usage_token.exists():
            beside.append(_collector(options, rings, engine))
        if options.bootstrap:
            beside.append(bootstrap_watch(clients.fenced, options.namespace, rings, catalogue, metrics))
        waiting = partial(patiently, stop)
        async with election.standing(ready, stop), asyncio.TaskGroup() as group:
            work = lead(ready, stop, election, informer, boottime(), waiting, engine, rings, beside)
            tasks = [
                group.create_task(rings.keep(stop, _keys_told(stop, options, rings, engine))),
                group.create_task(work),
            ]
            try:
                await informer.run(stop, waiting, begin, ending.listen)
            finally:
                for task in tasks:
                    task.cancel()
                await engine.stop()


def _collector(options: Options, rings: Rings, engine: Engine) -> UsageCollector:
    where = (options.replicas, options.unsealer, options.usage_token)
    return UsageCollector(*where, rings.ca_bundle, engine.usage, options.usage_every)


def _keys_told(stop: asyncio.Event, options: Options, rings: Rings, engine: Engine) -> Callable[[], None]:
    """What to do when a ring or the unsealer's certificates have changed."""
    started_with = rings.mac.active

    def tell() -> None:
        if rings.mac.active != started_with:
            # Every digest of every status is made with it: nothing in memory holds any more.
            log.info("the MAC key has changed; starting again", version=rings.mac.active.key_id)
            stop.set()
            return
        log.info("keys have changed", sealing=rings.sealing.active.key_id, envelope=rings.envelope.active.key_id)
        engine.keys_changed(_keyring(options, rings))

    return tell


def _keyring(options: Options, rings: Rings) -> KeyRing:
    return keyring_of(rings.sealing, rings.envelope, UnsealerStatus(options.unsealer, rings.ca_bundle()))


async def _start(
    stop: asyncio.Event,
    options: Options,
    clients: Clients,
    election: Election,
    providers: ProviderClient,
    metrics: Metrics,
    namespaces: ListedNamespaces,
) -> tuple[Engine, Rings, Catalogue] | None:
    catalogue = load()
    for fault in catalogue.faults:
        log.error("a file of the catalogue cannot be used", fault=str(fault))

    async def prepare() -> tuple[Engine, Rings, Catalogue]:
        await wait_for_crds(stop, clients.free)
        await refuse_if_installed_elsewhere(clients.free, options.namespace)
        await ensure_namespace(clients.free, options.namespace)
        await election.look()
        await namespaces.look()
        client, fence = clients.fenced, election.fence
        rings = await Rings.load(
            client,
            options.namespace,
            options.kek,
            time.time,
            traces=lambda: traces_in(client, namespaces.served),
            renew_every=options.renew_every,
            more_names=(urlsplit(options.unsealer).hostname or "",),
            creator=clients.free,
            leads=lambda: fence.is_open,
        )
        if not rings.are_new:
            election.expect_lease()
        observer = MetricsObserver(metrics)
        cluster = KubeCluster(client, options.namespace)
        net = ProbeNet(providers)
        parts = (cluster, net, catalogue, mac_key(rings.mac), _keyring(options, rings))
        renewed = RenewedFiles(OwnObjects(client, options.namespace))
        readers = (
            KubeWorkloads(client) if options.rollouts else None,
            KubePods(client) if options.nudge else None,
        )
        return Engine(*parts, SystemClock(), observer, renewed, *readers), rings, catalogue

    return await patiently(stop, prepare)


@contextlib.contextmanager
def _measuring(lag: LoopLag) -> Iterator[None]:
    lag.start()
    try:
        yield
    finally:
        lag.stop()
