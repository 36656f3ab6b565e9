"""Looks at keys: one call per distinct (endpoint, headers that matter, key), however many credentials share it."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final
from weakref import ReferenceType, ref

from llmkeys.api.provider import Network
from llmkeys.api.reasons import MATRIX, Reason
from llmkeys.catalogue.model import Provider
from llmkeys.crypto.secret import Secret
from llmkeys.engine.clock import Clock
from llmkeys.engine.effects import Net
from llmkeys.engine.endpoint_book import EndpointBook
from llmkeys.engine.hosts import Hosts
from llmkeys.engine.models import ModelLister, is_listed_with
from llmkeys.engine.observe import Observer
from llmkeys.probe.auth.exchange import token_of
from llmkeys.probe.classify import classify
from llmkeys.probe.control import weighed
from llmkeys.probe.form import OtherForm, is_wrong_form, shows_the_api
from llmkeys.probe.limit import body_limit
from llmkeys.probe.models import Listing
from llmkeys.probe.models_request import ListPlan
from llmkeys.probe.reply import Reply
from llmkeys.probe.request import ProbeRequest
from llmkeys.probe.url import Origin
from llmkeys.probe.verdict import Verdict

_REMEMBERED: Final = 20_000
_MOMENT: Final = 4.0  # below the shortest wait between two looks that confirm a refusal
_ROUTINE_SHARE: Final = 0.8


def _no_other_form() -> OtherForm | None:
    return None


@dataclass(frozen=True, slots=True)
class Seen:
    """A verdict and when it was reached (epoch seconds); with it the models, as long as there is room to keep them."""

    verdict: Verdict
    at: float
    kept: "ReferenceType[Listing] | None" = None

    @property
    def listing(self) -> Listing | None:
        return self.kept() if self.kept is not None else None


@dataclass(frozen=True, slots=True)
class Call:
    """One probe to be sent.

    Args:
        identity: equal for equal probes; a keyed digest.
        request: what is sent.
        entry: reads the answer.
        origin: whose circuit it counts for.
        network: how to get there.
        timeout: seconds.
        provider: the LLMProvider's name, for metrics.
        endpoint: equal for equal endpoints, the key aside; a keyed digest.
        controlled: its success proves only what the endpoint's negative control allows.
        other: makes the same at the other form of the URL, None where there is none.
        models: how the key's models are listed if it is good, None where they are not.
        with_token: makes the probe where `request` only asks for the token that it shows, None where it is the probe.
        token_origin: whose circuit that request counts for.

    """

    identity: str
    request: ProbeRequest
    entry: Provider
    origin: Origin
    network: Network
    timeout: float
    provider: str
    endpoint: str = ""
    controlled: bool = False
    other: Callable[[], OtherForm | None] = _no_other_form
    models: ListPlan | None = None
    with_token: Callable[[Secret], ProbeRequest] | None = None
    token_origin: Origin | None = None


class Prober:
    """Sends probes and remembers their verdicts for those who share them.

    Args:
        net: opens the sockets.
        hosts: keep the circuits.
        clock: tells the time.
        observer: counts.

    """

    def __init__(self, net: Net, hosts: Hosts, clock: Clock, observer: Observer) -> None:
        self._net = net
        self._hosts = hosts
        self._clock = clock
        self._observer = observer
        self._seen: OrderedDict[str, Seen] = OrderedDict()
        self._under_way: dict[str, asyncio.Task[Seen]] = {}
        self._controls: dict[str, asyncio.Task[None]] = {}
        self.book = EndpointBook()
        self._lister = ModelLister(net, hosts)

    def recall(self, identity: str, *, since: float, interval: float) -> Seen | None:
        """What another credential with the same key found out, if that is still fresh.

        Args:
            identity: of the probe.
            since: the own last look (epoch seconds); only what is later is news.
            interval: seconds between routine looks.

        """
        seen = self._seen.get(identity)
        if seen is None or seen.at <= since:
            return None
        age = self._clock.now() - seen.at
        if MATRIX.get(seen.verdict.reason) is MATRIX[Reason.VERIFIED]:
            return seen if age < _ROUTINE_SHARE * interval else None
        return seen if age < max(_MOMENT, seen.verdict.retry_after or 0.0) else None

    def under_way(self, identity: str) -> asyncio.Task[Seen] | None:
        """The same probe, sent by somebody else just now."""
        return self._under_way.get(identity)

    def start(self, call: Call) -> asyncio.Task[Seen]:
        """Send a probe; the task never fails but by cancellation."""
        task = asyncio.create_task(self._send(call))
        self._under_way[call.identity] = task
        task.add_done_callback(lambda _: self._under_way.pop(call.identity, None))
        return task

    def control_is_due(self, endpoint: str) -> bool:
        """Whether a made-up key is to be sent together with the next real one."""
        return endpoint not in self._controls and self._clock.now() >= self.book.control(endpoint).due

    def start_control(self, call: Call) -> asyncio.Task[None]:
        """Send a made-up key; a success of a real one at the same endpoint counts only when its answer is there."""
        task = asyncio.create_task(self._control(call))
        self._controls[call.endpoint] = task
        task.add_done_callback(lambda _: self._controls.pop(call.endpoint, None))
        return task

    async def _control(self, call: Call) -> None:
        sent, reply, verdict = await self._answer(call)
        now = self._clock.now()
        verdict = verdict or classify(reply, sent.entry, now=now, authenticated=True)
        self._record(sent, reply, verdict)
        known = self.book.note_control(call.endpoint, verdict, now)
        self._observer.controlled(call.provider, _code(reply), verdict.reason.value, checks=known.checks)

    async def _send(self, call: Call) -> Seen:
        started = self._clock.now()
        call, reply, verdict = await self._answer(call)
        answered = self._clock.now()
        proves = True if call.controlled else None
        verdict = verdict or classify(reply, call.entry, now=answered, authenticated=proves)
        self._record(call, reply, verdict)
        if call.controlled:
            verdict = await self._weighed(call, verdict)
        now = self._clock.now()
        if is_wrong_form(verdict) and self.book.may_try_other_form(call.endpoint, now):
            await self._try_other_form(call)
        listing = None
        if call.models is not None and is_listed_with(verdict.reason):
            listing = await self._lister.read(call.models, call.request, reply, call.network, call.timeout)
        seen = Seen(verdict, now, None if listing is None else ref(listing))
        self._seen[call.identity] = seen
        self._seen.move_to_end(call.identity)
        if len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)
        self._observer.probed(call.provider, _code(reply), verdict.reason.value, answered - started)
        return seen

    async def _weighed(self, call: Call, verdict: Verdict) -> Verdict:
        """What the answer to a real key is worth; a success waits for the answer to the made-up one."""
        control = self._controls.get(call.endpoint)
        if control is not None and verdict.reason is Reason.VERIFIED:
            await asyncio.wait({control})
        now = self._clock.now()
        self.book.note_key(call.endpoint, verdict, now)
        return weighed(verdict, self.book.control(call.endpoint), now)

    async def _answer(self, call: Call) -> tuple[Call, Reply, Verdict | None]:
        """The reply to the probe, and the probe; a verdict already where the exchange before it gave no token."""
        reply = await self._exchange(call, call.request)
        if call.with_token is None:
            return call, reply, None
        exchange = replace(call, origin=call.token_origin or call.origin, models=None)
        token = token_of(reply, call.entry, self._clock.now())
        if isinstance(token, Verdict):
            return exchange, reply, token
        self._record(exchange, reply, Verdict(Reason.VERIFIED, reply.status))
        self._hosts.spend(call.origin)
        probe = replace(call, request=call.with_token(token))
        return probe, await self._exchange(probe, probe.request), None

    async def _exchange(self, call: Call, request: ProbeRequest) -> Reply:
        return await self._net.send(request, call.network, call.timeout, body_limit(call.entry))

    def _record(self, call: Call, reply: Reply, verdict: Verdict) -> None:
        failed = reply.failure is not None or verdict.reason in (Reason.OVERLOADED, Reason.PROVIDER_UNREACHABLE)
        if verdict.reason is not Reason.ADDRESS_BLOCKED:
            self._hosts.record(call.origin, failed=failed)

    async def _try_other_form(self, call: Call) -> None:
        """The same key at the same host, with or without the version: whether a person should write that instead."""
        other = call.other()
        if other is None:
            return
        # Noted first, so that those who share the endpoint do not try it as well.
        self.book.note_other_form(call.endpoint, "", self._clock.now())
        self._hosts.spend(call.origin)
        reply = await self._exchange(call, other.request)
        now = self._clock.now()
        if shows_the_api(classify(reply, call.entry, now=now)):
            self.book.note_other_form(call.endpoint, other.base_url, now)
        self._observer.tried_other_form(call.provider, _code(reply))


def _code(reply: Reply) -> str:
    return reply.failure.value if reply.failure else str(reply.status)
