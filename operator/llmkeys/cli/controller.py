"""`llmkeys controller`: wires the parts and runs them until SIGTERM."""

import asyncio
import contextlib
import signal
import sys
import warnings
from asyncio.sslproto import SSLProtocol
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

import click
import structlog

from llmkeys import __version__
from llmkeys.api.errors import LlmkeysError
from llmkeys.api.names import API_VERSION, CREDENTIAL_PLURAL, DEFAULT_NAMESPACE, PROVIDER_PLURAL
from llmkeys.catalogue.loader import load
from llmkeys.engine.clock import SystemClock
from llmkeys.engine.effects import ApiUnavailableError
from llmkeys.engine.engine import Engine
from llmkeys.kube.client import ApiClient
from llmkeys.kube.cluster import KubeCluster
from llmkeys.kube.informer import Informer
from llmkeys.kube.internal import ensure_mac_key, ensure_namespace, served_kinds
from llmkeys.kube.watch import MetadataWatch
from llmkeys.net.client import ProviderClient
from llmkeys.net.probing import ProbeNet
from llmkeys.telemetry.health import Checks, at_most, serve
from llmkeys.telemetry.logs import configure
from llmkeys.telemetry.loop_lag import LoopLag
from llmkeys.telemetry.metrics import Metrics, new_metrics
from llmkeys.telemetry.observer import MetricsObserver

_POD_NAMESPACE: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
_TLS_BUFFER: Final = 32 * 1024
_LAG_LIMIT: Final = 10.0
_WATCH_LIMIT: Final = 420.0
_WAIT_FOR_CRDS: Final = 2.0

_T = TypeVar("_T")

log = structlog.get_logger("llmkeys.controller")


@dataclass(frozen=True, slots=True)
class Options:
    """What was said on the command line."""

    namespace: str
    watch_namespaces: tuple[str, ...]
    listen_host: str
    listen_port: int


@click.command()
@click.option("--namespace", envvar="LLMKEYS_NAMESPACE", help="The operator's own namespace (default: the pod's).")
@click.option(
    "--watch-namespaces", default="", envvar="LLMKEYS_WATCH_NAMESPACES", help="Serve only these, comma-separated."
)
@click.option("--listen", default="127.0.0.1:8080", show_default=True, help="Address of /healthz, /readyz, /metrics.")
@click.option("--log-format", type=click.Choice(["json", "console"]), help="Default: console on a terminal, else json.")
@click.option("--log-level", default="INFO", show_default=True)
def command(namespace: str | None, watch_namespaces: str, listen: str, log_format: str | None, log_level: str) -> None:
    """Run the operator against $KUBECONFIG, else the pod's own account."""
    host, _, port = listen.rpartition(":")
    if not port.isdigit():
        raise click.BadParameter(f"{listen} is not HOST:PORT", param_hint="--listen")
    options = Options(
        namespace=namespace or _own_namespace(),
        watch_namespaces=tuple(one.strip() for one in watch_namespaces.split(",") if one.strip()),
        listen_host=host.strip("[]"),
        listen_port=int(port),
    )
    try:
        configure(
            "console" if log_format == "console" or (not log_format and sys.stderr.isatty()) else "json", log_level
        )
    except ValueError:
        raise click.BadParameter(f"{log_level} is no level", param_hint="--log-level") from None
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    try:
        asyncio.run(run(options))
    except LlmkeysError as error:
        raise click.ClickException(str(error)) from None
    except OSError as error:
        raise click.ClickException(f"{options.listen_host}:{options.listen_port}: {error.strerror}") from None


def _own_namespace() -> str:
    with contextlib.suppress(OSError):
        return _POD_NAMESPACE.read_text(encoding="utf-8").strip() or DEFAULT_NAMESPACE
    return DEFAULT_NAMESPACE


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
        LlmkeysError: it cannot start; the text says what to do.

    """
    _bound_tls_buffers()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stop.set)
    metrics = new_metrics()
    client = ApiClient(metrics.kube_requested)
    connection = await client.open()
    log.info("starting", version=__version__, server=connection.server, namespace=options.namespace)
    try:
        async with ProviderClient() as providers:
            await _serve_until(stop, options, client, providers, metrics)
    finally:
        await client.close()
    log.info("stopped")


async def _serve_until(
    stop: asyncio.Event, options: Options, client: ApiClient, providers: ProviderClient, metrics: Metrics
) -> None:
    ready = asyncio.Event()
    loop = asyncio.get_running_loop()
    lag = LoopLag(loop.time, loop.call_later)
    watches: list[MetadataWatch] = []

    def watch_age() -> float:
        return max((watch.age() for watch in watches), default=0.0)

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
        engine = await _start(stop, options, client, providers, metrics)
        if engine is None:
            return
        informer = Informer(client, engine, options.watch_namespaces)
        watches += informer.watches
        for watch in informer.watches:
            metrics.watch(watch.resource, watch.age)

        def begin() -> None:
            engine.start()
            ready.set()
            log.info("ready", credentials=len(engine.store.credentials), providers=len(engine.store.providers))

        await _patiently(stop, informer.prime)
        if stop.is_set():
            return
        try:
            await informer.run(stop, begin)
        finally:
            await engine.stop()


async def _start(
    stop: asyncio.Event, options: Options, client: ApiClient, providers: ProviderClient, metrics: Metrics
) -> Engine | None:
    catalogue = load()
    for fault in catalogue.faults:
        log.error("a file of the catalogue cannot be used", fault=str(fault))

    async def prepare() -> Engine:
        await _wait_for_crds(stop, client)
        await ensure_namespace(client, options.namespace)
        mac = await ensure_mac_key(client, options.namespace)
        return Engine(KubeCluster(client), ProbeNet(providers), catalogue, mac, SystemClock(), MetricsObserver(metrics))

    return await _patiently(stop, prepare)


async def _wait_for_crds(stop: asyncio.Event, client: ApiClient) -> None:
    said = False
    while not stop.is_set() and not {CREDENTIAL_PLURAL, PROVIDER_PLURAL} <= await served_kinds(client, API_VERSION):
        if not said:
            log.warning("the CRDs are missing; apply them: kubectl apply --server-side -f crds/")
            said = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), _WAIT_FOR_CRDS)


async def _patiently(stop: asyncio.Event, step: Callable[[], Awaitable[_T]]) -> _T | None:
    """Do a step of the start, again and again while the API server is away; None if told to stop meanwhile."""
    while not stop.is_set():
        try:
            return await step()
        except ApiUnavailableError as error:
            log.warning("waiting for the API server", detail=str(error))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), _WAIT_FOR_CRDS)
    return None


@contextlib.contextmanager
def _measuring(lag: LoopLag) -> Iterator[None]:
    lag.start()
    try:
        yield
    finally:
        lag.stop()
