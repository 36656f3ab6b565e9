"""A reverse proxy before an API server that fails on demand: a client of it sees the faults of a bad day."""

import asyncio
import re
import ssl
import threading
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import aiohttp
import yaml
from aiohttp import web

from tests.support.cluster import ControlPlane
from tests.support.cluster_credentials import write_private
from tests.support.simulator.authority import Authority

WRITES: Final = "POST|PUT|PATCH|DELETE"
_PATIENCE: Final = 10.0
_HOP_BY_HOP: Final = frozenset({"connection", "keep-alive", "transfer-encoding", "content-length", "host", "te"})
_EXPIRED: Final = (
    b'{"type":"ERROR","object":{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure",'
    b'"message":"too old resource version","reason":"Expired","code":410}}\n'
)


@dataclass(slots=True)
class Fault:
    """What happens to the next matching requests.

    Args:
        method: a regular expression for the whole method.
        path: one that is found in the path with its query.
        status: answered instead of forwarding; 0 forwards after `seconds`.
        times: how many requests it meets.
        retry_after: seconds, of the header of that name.
        seconds: the request is held back first.
        met: requests that it has met so far.
    """

    method: str
    path: str
    status: int = 0
    times: int = 1
    retry_after: int | None = None
    seconds: float = 0.0
    met: int = 0

    def meets(self, method: str, path: str) -> bool:
        return self.met < self.times and matches(self, method, path)


@dataclass(slots=True)
class Cut:
    """The moment after a write at which everything stands still: its answer and all that follows is held back.

    Args:
        method, path: which writes count, as in `Fault`.
        after: how many are let through.
        forwarded: how many were.
        reached: set when the last of them has been answered by the API server.
    """

    method: str
    path: str
    after: int
    forwarded: int = 0
    reached: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True)
class Passed:
    """A request and the status of its answer, ours or the API server's."""

    method: str
    path: str
    status: int


class FaultyProxy:
    """Terminates TLS with a certificate of its own; forwards everything that no fault meets.

    It runs in a thread. `service_account_kubeconfig` makes it stand in for the control plane where an operator starts.
    """

    def __init__(self, plane: ControlPlane) -> None:
        """Take the control plane that it stands before; `start` starts it."""
        self._plane = plane
        self._authority = Authority()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="faulty-proxy", daemon=True)
        self._faults: list[Fault] = []
        self._passed: list[Passed] = []
        self._cut: Cut | None = None
        self._open = asyncio.Event()
        self._open.set()
        self._watches: dict[str, asyncio.Queue[bytes | None]] = {}
        self._number = 0
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None
        self.port = 0

    @classmethod
    def start(cls, plane: ControlPlane) -> Self:
        proxy = cls(plane)
        proxy._thread.start()
        proxy._run(proxy._start())
        return proxy

    def stop(self) -> None:
        self.release()
        self._run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_PATIENCE)
        self._loop.close()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def service_account_kubeconfig(self, namespace: str, name: str) -> Path:
        """Return the control plane's kubeconfig for that account, with our address and CA in it."""
        theirs = self._plane.service_account_kubeconfig(namespace, name)
        content = yaml.safe_load(theirs.read_text(encoding="utf-8"))
        file = theirs.with_suffix(".proxied")
        authority = file.with_suffix(".ca")
        authority.write_text(self._authority.pem, encoding="ascii")
        content["clusters"][0]["cluster"] = {"server": self.url, "certificate-authority": str(authority)}
        return write_private(file, yaml.safe_dump(content).encode())

    # -- faults ----------------------------------------------------------------------------------------------

    def fail(self, method: str, path: str, status: int, *, times: int = 1, retry_after: int | None = None) -> Fault:
        """Answer the next `times` matching requests with a status instead of forwarding them."""
        return self._add(Fault(method, path, status, times, retry_after))

    def delay(self, method: str, path: str, seconds: float, *, times: int = 1) -> Fault:
        """Hold the next `times` matching requests back."""
        return self._add(Fault(method, path, times=times, seconds=seconds))

    def forget(self) -> None:
        """No fault meets a request any more; what was passed is forgotten too."""
        self._faults.clear()
        self._passed.clear()

    def expire_watches(self, path: str = "") -> int:
        """Tell the open watches on a path, by an ERROR event with code 410, that they came too late; how many."""
        return self._to_watches(path, _EXPIRED)

    def drop_watches(self, path: str = "") -> int:
        """Cut the connections of the open watches on a path; how many."""
        return self._to_watches(path, None)

    def watches(self, path: str = "") -> int:
        """How many watches on a path are open."""
        return sum(path in one for one in list(self._watches))

    def hold_after(self, writes: int, method: str = WRITES, path: str = "") -> Cut:
        """Let a number of writes through, then hold everything, the last one's answer included, until `release`."""
        self._cut = Cut(method, path, writes)
        return self._cut

    def release(self) -> None:
        """Let everything through again."""
        self._cut = None
        self._loop.call_soon_threadsafe(self._open.set)

    def passed(self, method: str = "", path: str = "") -> list[Passed]:
        """The requests so far, in the order of their answers."""
        wanted = Fault(method or ".*", path)
        return [one for one in list(self._passed) if matches(wanted, one.method, one.path)]

    def _add(self, fault: Fault) -> Fault:
        self._faults.append(fault)
        return fault

    def _to_watches(self, path: str, content: bytes | None) -> int:
        met = [queue for one, queue in list(self._watches.items()) if path in one]
        for queue in met:
            self._loop.call_soon_threadsafe(queue.put_nowait, content)
        return len(met)

    # -- in the thread ---------------------------------------------------------------------------------------

    def _run(self, work: Coroutine[object, object, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result(_PATIENCE)

    async def _start(self) -> None:
        trust = ssl.create_default_context(cafile=str(self._plane.ca_file))
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=trust),
            timeout=aiohttp.ClientTimeout(total=None),
            auto_decompress=False,
        )
        application = web.Application(client_max_size=8 * 2**20)
        application.router.add_route("*", "/{tail:.*}", self._handle)
        self._runner = web.AppRunner(application, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0, ssl_context=self._authority.server_context())
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def _stop(self) -> None:
        for queue in self._watches.values():
            queue.put_nowait(None)
        if self._runner is not None:
            await self._runner.cleanup()
        if self._session is not None:
            await self._session.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = request.raw_path
        await self._open.wait()
        fault = next((one for one in self._faults if one.meets(request.method, path)), None)
        if fault is not None:
            fault.met += 1
            await asyncio.sleep(fault.seconds)
            if fault.status:
                return self._refuse(request, fault)
        cut = self._cut
        counted = cut is not None and matches(cut, request.method, path)
        if cut is not None and counted:
            cut.forwarded += 1
            if cut.forwarded == cut.after:
                self._open.clear()
        try:
            return await self._forward(request, path, cut if counted else None)
        except (aiohttp.ClientError, OSError):
            # As a load balancer says it; a connection that just ends is what `drop_watches` is for.
            return web.Response(status=502)

    def _refuse(self, request: web.Request, fault: Fault) -> web.Response:
        self._passed.append(Passed(request.method, request.raw_path, fault.status))
        headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
        body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": fault.status, "message": "a fault"}
        return web.json_response(body, status=fault.status, headers=headers)

    async def _forward(self, request: web.Request, path: str, cut: Cut | None) -> web.StreamResponse:
        assert self._session is not None
        headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
        body = await request.read()
        url = self._plane.server + path
        async with self._session.request(request.method, url, headers=headers, data=body or None) as answer:
            self._passed.append(Passed(request.method, path, answer.status))
            watching = request.method == "GET" and re.search(r"[?&]watch=(1|true)", path) is not None
            if watching and answer.status == web.HTTPOk.status_code:
                return await self._relay(request, path, answer)
            content = await answer.read()
            if cut is not None and cut.forwarded >= cut.after:
                cut.reached.set()
                await self._open.wait()
            return web.Response(status=answer.status, body=content, headers=_end_to_end(answer))

    async def _relay(self, request: web.Request, path: str, answer: aiohttp.ClientResponse) -> web.StreamResponse:
        relayed = web.StreamResponse(status=answer.status, headers=_end_to_end(answer))
        await relayed.prepare(request)
        self._number += 1
        name = f"{path}#{self._number}"
        queue = self._watches[name] = asyncio.Queue()
        pump = asyncio.create_task(_pump(answer, queue))
        try:
            async for chunk in _until_dropped(queue):
                await relayed.write(chunk)
                if chunk is _EXPIRED:
                    break
            else:
                if request.transport is not None:
                    request.transport.abort()
        finally:
            del self._watches[name]
            pump.cancel()
        return relayed


async def _pump(answer: aiohttp.ClientResponse, queue: asyncio.Queue[bytes | None]) -> None:
    try:
        async for chunk in answer.content.iter_any():
            queue.put_nowait(chunk)
    except aiohttp.ClientError:
        pass  # the API server is gone: so is the watch
    queue.put_nowait(None)


async def _until_dropped(queue: asyncio.Queue[bytes | None]) -> AsyncIterator[bytes]:
    while (chunk := await queue.get()) is not None:
        yield chunk


def _end_to_end(answer: aiohttp.ClientResponse) -> dict[str, Any]:
    return {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP}


def matches(wanted: Fault | Cut, method: str, path: str) -> bool:
    """Whether a request is meant."""
    return re.fullmatch(wanted.method, method) is not None and re.search(wanted.path, path) is not None
