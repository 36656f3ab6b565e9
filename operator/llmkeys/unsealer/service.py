"""`llmkeys unsealer`: wires the parts and runs them until SIGTERM."""

import asyncio
import contextlib
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final

import structlog
from starlette.applications import Starlette

from llmkeys import __version__
from llmkeys.api.errors import LlmkeysError
from llmkeys.crypto.wrapping import Wrapper
from llmkeys.kube.client import ApiClient
from llmkeys.telemetry.loop_lag import LoopLag
from llmkeys.unsealer.api_server import ApiServer
from llmkeys.unsealer.application import application
from llmkeys.unsealer.audit import Audit
from llmkeys.unsealer.authority import RememberingAuthority
from llmkeys.unsealer.certificate import ServingCertificate
from llmkeys.unsealer.limits import Concurrency, Limits, Rate, RateLimit
from llmkeys.unsealer.listener import Guard, Listener, bound_tls_buffers, listening_socket
from llmkeys.unsealer.metrics import Metrics
from llmkeys.unsealer.opening import Unsealer
from llmkeys.unsealer.pages import pages
from llmkeys.unsealer.ring import EnvelopeRing
from llmkeys.unsealer.usage import Usage

log = structlog.get_logger("llmkeys.unsealer")

_RETRY_SECONDS: Final = 2.0
_LAG_LIMIT: Final = 10.0
_UNDER_WAY_EACH: Final = 32
_UNDER_WAY: Final = 256
_CONNECTIONS_EACH: Final = 64
_CONNECTIONS: Final = 1024
_BURST_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; port 0 for any free one."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Options:
    """What was said on the command line.

    Args:
        namespace: the unsealer's own.
        listen: HTTPS.
        metrics_listen: health pages and metrics.
        address_rate: requests a second from one peer address.
        account_rate: requests a second of one service account.
        refresh_seconds: between two looks at the ring and the certificate.
        wrapper: unwraps the ring, if a key-encryption key is in use.

    """

    namespace: str
    listen: Address
    metrics_listen: Address
    address_rate: float
    account_rate: float
    refresh_seconds: float = 30.0
    wrapper: Wrapper | None = field(default=None, repr=False)


async def run(options: Options) -> None:
    """Run until SIGTERM or SIGINT.

    Raises:
        LlmkeysError: it cannot start; the text says what to do.
        OSError: an address cannot be bound to.

    """
    bound_tls_buffers()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for one in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(one, stop.set)
    metrics = Metrics()
    client = ApiClient(metrics.kube_requested)
    connection = await client.open()
    log.info("starting", version=__version__, server=connection.server, namespace=options.namespace)
    try:
        await _serve(stop, options, client, metrics)
    finally:
        await client.close()
    log.info("stopped")


async def _serve(stop: asyncio.Event, options: Options, client: ApiClient, metrics: Metrics) -> None:
    api = ApiServer(client, options.namespace)
    ring = EnvelopeRing(api.read_secret, options.wrapper, time.monotonic)
    certificate = ServingCertificate(api.read_secret)
    guard = Guard(Concurrency(_CONNECTIONS_EACH, _CONNECTIONS), dropped=metrics.connection_dropped)
    service = Listener(_application(options, api, ring, metrics), guard, certificate.context)
    metrics.watch_certificate(lambda: certificate.not_after)
    metrics.watch_connections(lambda: len(service.server_state.connections))
    loop = asyncio.get_running_loop()
    lag = LoopLag(loop.time, loop.call_later)
    health = pages(
        metrics,
        live={"event loop": lambda: _late(lag.seconds())},
        ready={
            "envelope ring": lambda: None if ring.ready else "not read yet",
            "certificate": lambda: None if certificate.ready else "not read yet",
            "listener": lambda: None if service.started and not stop.is_set() else "not listening",
        },
    )
    lag.start()
    try:
        async with _listening("metrics", Listener(health, Guard(Concurrency(16, 64))), options.metrics_listen):
            for load in (ring.load, certificate.load):
                await _patiently(stop, load)
            if stop.is_set():
                return
            async with _listening("unsealer", service, options.listen):
                log.info("ready")
                await _keep_fresh(stop, options.refresh_seconds, ring.load, certificate.load)
    finally:
        lag.stop()


def _application(options: Options, api: ApiServer, ring: EnvelopeRing, metrics: Metrics) -> Starlette:
    monotonic = time.monotonic
    limits = Limits(
        by_address=RateLimit(_rate(options.address_rate), monotonic),
        by_account=RateLimit(_rate(options.account_rate), monotonic),
        under_way_by_address=Concurrency(_UNDER_WAY_EACH, _UNDER_WAY),
        under_way_by_account=Concurrency(_UNDER_WAY_EACH, _UNDER_WAY),
    )
    authority = RememberingAuthority(api, monotonic, metrics.looked_up)
    unsealer = Unsealer(authority, ring.roots, limits, Usage(time.time), options.namespace, time.time)
    return application(unsealer, Audit(metrics.answered))


def _rate(per_second: float) -> Rate:
    return Rate(per_second, max(1.0, per_second * _BURST_SECONDS))


def _late(seconds: float) -> str | None:
    return f"{seconds:.1f} s late, limit {_LAG_LIMIT:g} s" if seconds > _LAG_LIMIT else None


@contextlib.asynccontextmanager
async def _listening(name: str, listener: Listener, address: Address) -> AsyncIterator[None]:
    one = listening_socket(address.host, address.port)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(listener.serve(sockets=[one]))
        log.info("listening", listener=name, port=one.getsockname()[1])
        try:
            yield
        finally:
            listener.should_exit = True


async def _patiently(stop: asyncio.Event, load: Callable[[], Awaitable[object]]) -> None:
    """Load what the service cannot do without, again and again until it is there; the controller may start later."""
    said = ""
    while not stop.is_set():
        try:
            await load()
        except LlmkeysError as error:
            if str(error) != said:
                said = str(error)
                log.warning("waiting", why=said)
            await _pause(stop, _RETRY_SECONDS)
        else:
            return


async def _keep_fresh(stop: asyncio.Event, seconds: float, *loads: Callable[[], Awaitable[object]]) -> None:
    """Look at the Secrets again and again; what cannot be read or used leaves things as they are."""
    while True:
        await _pause(stop, seconds)
        if stop.is_set():
            return
        for load in loads:
            try:
                await load()
            except LlmkeysError as error:
                log.warning("what was read before stays in use", why=str(error))


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
