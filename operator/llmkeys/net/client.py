"""The one client that opens sockets to providers.

It sends one request and reads one answer: no redirects, no cookies, no proxies from the environment, no decompression.
Whatever goes wrong becomes a word in the reply, because the text of an exception may hold the URL and with it a key.
"""

import ssl
from collections import OrderedDict
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Self

import aiohttp

from llmkeys.api.errors import RetryableError
from llmkeys.net.failure import failure_of
from llmkeys.net.headers import body_of, header_block, query_pairs
from llmkeys.net.network import Network, check_proxy, check_target
from llmkeys.net.resolver import GuardedResolver
from llmkeys.probe.reply import Reply
from llmkeys.probe.request import ProbeRequest

CONNECT_SECONDS: Final = 5.0
# The connection's share of the whole time: it must run out first, or a dead host would look like a slow answer.
_CONNECT_SHARE: Final = 0.9
_KEEPALIVE_SECONDS: Final = 15.0
_IDLE_POOLS: Final = 64
_RESOLVER_THREADS: Final = 16


class _Pool:
    """The connections of one network, and how many requests are using them."""

    __slots__ = ("session", "users")

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self.session = session
        self.users = 0


@dataclass(slots=True, repr=False, eq=False)
class _Outgoing:
    """A request with its secrets revealed; it lives for one exchange and cannot print itself."""

    request: ProbeRequest
    headers: Mapping[str, str]
    query: list[tuple[str, str]]


class ProviderClient:
    """Sends probes. Made and closed inside a running event loop; usable as an async context manager.

    Connections are pooled per distinct `Network`; pools that nobody uses are closed, the least recently used first.

    Args:
        idle_pools: how many pools are kept open at most while unused.
        gate: called for each request when it has a connection and is about to go out; a RetryableError that it raises
            goes to the caller, and nothing is sent. To resolve and to connect can take longer than a leadership lasts.

    """

    def __init__(self, idle_pools: int = _IDLE_POOLS, *, gate: Callable[[], None] | None = None) -> None:
        self._closed = False
        self._requests = aiohttp.ClientRequest if gate is None else _gated_by(gate)
        self._idle_pools = idle_pools
        self._pools: OrderedDict[tuple[Network, bool], _Pool] = OrderedDict()
        self._resolving = ThreadPoolExecutor(_RESOLVER_THREADS, thread_name_prefix="resolver")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        self._closed = True
        pools, self._pools = self._pools, OrderedDict()
        for pool in pools.values():
            await pool.session.close()
        self._resolving.shutdown(wait=False, cancel_futures=True)

    async def send(self, request: ProbeRequest, network: Network, timeout: float, limit: int) -> Reply:  # noqa: ASYNC109 - it bounds the parts separately
        """Send one request and read its answer.

        Args:
            request: a GET that meets a connection just closed by the peer is sent once more, a POST never.
            network: trust, proxy and the address guard's leave.
            timeout: seconds for everything, at most `CONNECT_SECONDS` of them for the connection.
            limit: bytes of the body to keep; the connection is dropped if there are more.

        Raises:
            ValueError: a header or parameter cannot be sent; the text never holds its value.
            RuntimeError: a fault of this program; the text never holds the request.
            RetryableError: the gate is closed.

        """
        if self._closed:
            raise RuntimeError("the client is closed")
        outgoing = _Outgoing(request, header_block(request), query_pairs(request))
        try:
            return await self._exchange(outgoing, network, timeout, limit)
        except RetryableError:  # the gate's own, which knows nothing of the request
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, its text must not travel on
            failure = failure_of(error, network.proxy is not None)
            if failure is None:
                raise RuntimeError(f"sending a probe failed with {type(error).__name__}") from None
            return Reply(0, failure=failure)

    async def _exchange(self, outgoing: _Outgoing, network: Network, seconds: float, limit: int) -> Reply:
        request = outgoing.request
        target = check_target(request.url, network)
        proxy = check_proxy(network.proxy, target.cleartext, network.allow_private) if network.proxy else None
        pool = self._pool(network, target.cleartext)
        pool.users += 1
        try:
            response = await pool.session.request(
                request.method,
                target.url.extend_query(outgoing.query) if outgoing.query else target.url,
                headers=outgoing.headers,
                data=body_of(request) or None,
                proxy=proxy,
                allow_redirects=False,
                timeout=_timeout(seconds),
            )
            return await _read(response, limit)
        finally:
            pool.users -= 1
            if len(self._pools) > self._idle_pools:
                await self._close_idle()

    def _pool(self, network: Network, cleartext: bool) -> _Pool:
        key = (network, cleartext)
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = _Pool(self._open(network, cleartext))
        else:
            self._pools.move_to_end(key)
        return pool

    def _open(self, network: Network, cleartext: bool) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(
            ssl=_trust(network.ca_bundle),
            resolver=GuardedResolver(self._resolving, cleartext=cleartext, allow_private=network.allow_private),
            limit=0,
            keepalive_timeout=_KEEPALIVE_SECONDS,
        )
        return aiohttp.ClientSession(
            connector=connector,
            request_class=self._requests,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
        )

    async def _close_idle(self) -> None:
        idle = [key for key, pool in self._pools.items() if not pool.users]
        surplus = len(self._pools) - self._idle_pools
        closing = [self._pools.pop(key) for key in idle[: max(surplus, 0)]]
        for pool in closing:
            await pool.session.close()


def _gated_by(gate: Callable[[], None]) -> type[aiohttp.ClientRequest]:
    class GatedRequest(aiohttp.ClientRequest):
        async def send(self, conn: Any) -> aiohttp.ClientResponse:
            gate()
            return await super().send(conn)

    return GatedRequest


@lru_cache(maxsize=_IDLE_POOLS)
def _trust(ca_bundle: str | None) -> ssl.SSLContext:
    # Kept per bundle: reading the system's certificates takes milliseconds and megabytes.
    if ca_bundle is not None and not (ca_bundle.isascii() and "-----BEGIN CERTIFICATE-----" in ca_bundle):
        # An empty bundle would silently mean the system's trust.
        raise ssl.SSLError("the bundle holds no certificate")
    context = ssl.create_default_context(cadata=ca_bundle)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


@lru_cache(maxsize=64)
def _timeout(seconds: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=seconds, connect=min(CONNECT_SECONDS, seconds * _CONNECT_SHARE))


async def _read(response: aiohttp.ClientResponse, limit: int) -> Reply:
    """Read at most `limit` bytes, and leave the connection to the next request only if that was all."""
    try:
        body = bytearray()
        while len(body) <= limit:
            chunk = await response.content.readany()
            if not chunk:
                break
            body += chunk
    except BaseException:
        response.close()
        raise
    truncated = len(body) > limit
    if truncated:
        response.close()
    else:
        response.release()
    headers = {name.lower(): _ascii(value) for name, value in response.headers.items()}
    return Reply(response.status, headers, bytes(body[:limit]), truncated)


def _ascii(value: str) -> str:
    """Header values as everybody downstream can write them: aiohttp leaves lone surrogates for stray bytes."""
    return value if value.isascii() else value.encode("ascii", "replace").decode("ascii")
