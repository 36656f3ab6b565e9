"""Shows one key to one endpoint, as the operator does: a token first, and a made-up key, where that is needed."""

import asyncio
import secrets
import time
from typing import Final, Protocol

from llmkeys.api.provider import ProviderSpec
from llmkeys.api.reasons import Reason
from llmkeys.catalogue.model import Provider
from llmkeys.cli.check_target import on_the_command_line
from llmkeys.explain.finding import Seen
from llmkeys.explain.listing import models_listed
from llmkeys.net.client import ProviderClient
from llmkeys.net.probing import ProbeNet
from llmkeys.probe.auth.exchange import token_of
from llmkeys.probe.build import build_probe, build_token_request
from llmkeys.probe.classify import Authenticated, classify
from llmkeys.probe.control import NOISE, Known, after_control, after_key, made_up_key, wants_control
from llmkeys.probe.endpoint import Endpoint
from llmkeys.probe.form import is_wrong_form, other_form_of, shows_the_api
from llmkeys.probe.kind import Kind, kind_of
from llmkeys.probe.limit import body_limit
from llmkeys.probe.material import Material
from llmkeys.probe.reply import Reply
from llmkeys.probe.request import ProbeRequest
from llmkeys.probe.url import BadEndpointError
from llmkeys.probe.verdict import Verdict

_AT_ONCE: Final = 4
_GOODBYE: Final = 0.1
_GOOD: Final = frozenset({Reason.VERIFIED, Reason.UNVERIFIED})


class Clock(Protocol):
    """Tells the time, throws the dice, and waits."""

    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    def jitter(self) -> float:
        """A number from 0 (included) to 1 (excluded)."""
        ...

    async def sleep(self, seconds: float) -> None: ...


class SystemClock:
    """The machine's."""

    def now(self) -> float:
        return time.time()

    def jitter(self) -> float:
        return secrets.randbelow(1 << 30) / (1 << 30)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class Asker:
    """Sends requests at the operator's pace.

    Args:
        spec: as an LLMProvider would have it.
        entry: of the catalogue.
        clock: for signatures and for the pace.

    """

    def __init__(self, spec: ProviderSpec, entry: Provider, clock: Clock) -> None:
        self._spec = spec
        self._entry = entry
        self._clock = clock
        self._client = ProviderClient()
        self._at_once = asyncio.Semaphore(min(_AT_ONCE, spec.validation.max_concurrent))
        self._pace = asyncio.Lock()
        self._free_at = 0.0
        self._controlling = asyncio.Lock()
        self._known: dict[str, Known] = {}
        self._cut_short = False

    async def close(self) -> None:
        await self._client.aclose()
        if self._cut_short:
            # A connection that was given up says goodbye by itself, if the loop lives long enough.
            await asyncio.sleep(_GOODBYE)

    async def ask(self, endpoint: Endpoint, material: Material) -> Seen:
        """Show a key; never an exception for what the provider does."""
        try:
            kind = kind_of(endpoint, self._entry, material)
        except BadEndpointError as error:
            detail = on_the_command_line(str(error))
            return Seen(Verdict(Reason.BAD_ENDPOINT), Kind(self._entry, endpoint), detail=detail)
        if not kind.endpoint.may_probe:
            return Seen(Verdict(Reason.UNVERIFIED, rule="costs"), kind)
        exchange = build_token_request(kind.endpoint, kind.entry, material)
        if exchange is None:
            return await self._probe(
                kind, material, build_probe(kind.endpoint, kind.entry, material, self._clock.now())
            )
        reply = await self._send(kind, exchange)
        token = token_of(reply, kind.entry, self._clock.now())
        if isinstance(token, Verdict):
            return Seen(token, kind, _shown(exchange))
        request = build_probe(kind.endpoint, kind.entry, material, self._clock.now(), token)
        return await self._probe(kind, material, request)

    async def _probe(self, kind: Kind, material: Material, request: ProbeRequest) -> Seen:
        proves = await self._proves(kind) if wants_control(kind.entry, material) else None
        reply = await self._send(kind, request)
        now = self._clock.now()
        verdict = classify(reply, kind.entry, now=now, authenticated=proves)
        if proves is not None:
            self._known[kind.endpoint.probe] = after_key(self._known[kind.endpoint.probe], verdict, now)
        models = models_listed(reply, kind.entry) if verdict.reason in _GOOD else None
        answers_at = await self._other_form(kind, material) if is_wrong_form(verdict) else ""
        return Seen(verdict, kind, _shown(request), models, answers_at)

    async def _proves(self, kind: Kind) -> Authenticated:
        """What a success of a real key proves: a made-up one is shown first, once a day."""
        place = kind.endpoint.probe
        async with self._controlling:
            known = self._known.setdefault(place, Known())
            if self._clock.now() >= known.due:
                made_up = made_up_key(kind.entry, secrets.token_bytes(NOISE))
                request = build_probe(kind.endpoint, kind.entry, made_up, self._clock.now())
                reply = await self._send(kind, request)
                now = self._clock.now()
                verdict = classify(reply, kind.entry, now=now, authenticated=True)
                known = self._known[place] = after_control(known, verdict, now)
        return known.proves

    async def _other_form(self, kind: Kind, material: Material) -> str:
        """The base URL with, or without, the version, if the API is there."""
        other = other_form_of(kind.endpoint, kind.entry, material, self._clock.now())
        if other is None:
            return ""
        reply = await self._send(kind, other.request)
        return other.base_url if shows_the_api(classify(reply, kind.entry, now=self._clock.now())) else ""

    async def _send(self, kind: Kind, request: ProbeRequest) -> Reply:
        timeout = self._spec.validation.timeout_seconds(kind.entry.probe.timeout)
        async with self._at_once:
            await self._step()
            network = kind.endpoint.network
            reply = await ProbeNet(self._client).send(request, network, timeout, body_limit(kind.entry))
        self._cut_short = self._cut_short or reply.failure is not None
        return reply

    async def _step(self) -> None:
        """No more requests in a second than the operator sends."""
        async with self._pace:
            wait = self._free_at - self._clock.now()
            if wait > 0:
                await self._clock.sleep(wait)
            self._free_at = self._clock.now() + 1 / self._spec.validation.requests_per_second


def _shown(request: ProbeRequest) -> str:
    """The request as it may be printed: its URL holds no secret, which is appended at the last moment."""
    return f"{request.method} {request.url}"
