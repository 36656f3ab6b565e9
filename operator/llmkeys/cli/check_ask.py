"""Shows one key to one endpoint, as the operator does: a token first, and a made-up key, where that is needed."""

import asyncio
import secrets

from llmkeys.api.provider import ProviderSpec
from llmkeys.api.reasons import Reason
from llmkeys.catalogue.model import Provider
from llmkeys.cli.check_net import Clock, PacedNet
from llmkeys.cli.check_opens import Opens
from llmkeys.cli.check_target import on_the_command_line
from llmkeys.crypto.secret import Secret
from llmkeys.explain.finding import Seen
from llmkeys.probe.auth.exchange import token_of
from llmkeys.probe.build import build_probe, build_token_request, first_request
from llmkeys.probe.classify import Authenticated, classify
from llmkeys.probe.control import Known, after_control, after_key, wants_control
from llmkeys.probe.endpoint import Endpoint
from llmkeys.probe.form import is_wrong_form, other_form_of, shows_the_api
from llmkeys.probe.kind import Kind, kind_of
from llmkeys.probe.limit import body_limit
from llmkeys.probe.made_up import NOISE, made_up_key
from llmkeys.probe.material import Material
from llmkeys.probe.models_offer import Asked
from llmkeys.probe.reply import Reply
from llmkeys.probe.request import ProbeRequest
from llmkeys.probe.url import BadEndpointError
from llmkeys.probe.verdict import Verdict


class Asker:
    """Shows keys, and asks what good ones open.

    Args:
        spec: as an LLMProvider would have it.
        entry: of the catalogue.
        clock: for signatures and for the pace.
        required: models that must be there.

    """

    def __init__(self, spec: ProviderSpec, entry: Provider, clock: Clock, required: tuple[str, ...] = ()) -> None:
        self._spec = spec
        self._entry = entry
        self._clock = clock
        self._net = PacedNet(spec.validation, clock)
        self._opens = Opens(spec, Asked(spec.models, required), self._net, clock)
        self._controlling = asyncio.Lock()
        self._known: dict[str, Known] = {}

    async def close(self) -> None:
        await self._net.close()

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
            return Seen(token, kind, _shown(exchange), reply.failure)
        request = build_probe(kind.endpoint, kind.entry, material, self._clock.now(), token)
        return await self._probe(kind, material, request, token)

    async def _probe(self, kind: Kind, material: Material, request: ProbeRequest, token: Secret | None = None) -> Seen:
        proves = await self._proves(kind) if wants_control(kind.entry, kind.endpoint, material) else None
        reply = await self._send(kind, request)
        now = self._clock.now()
        verdict = classify(reply, kind.entry, now=now, authenticated=proves)
        if proves is not None:
            self._known[kind.endpoint.probe] = after_key(self._known[kind.endpoint.probe], verdict, now)
        opened = await self._opens.by(kind, material, request, reply, verdict.reason, token)
        answers_at = await self._other_form(kind, material) if is_wrong_form(verdict) else ""
        return Seen(verdict, kind, _shown(request), reply.failure, opened, answers_at)

    async def _proves(self, kind: Kind) -> Authenticated:
        """What a success of a real key proves: a made-up one is shown first, once a day."""
        place = kind.endpoint.probe
        async with self._controlling:
            known = self._known.setdefault(place, Known())
            if self._clock.now() >= known.due:
                verdict = await self._control(kind)
                known = self._known[place] = after_control(known, verdict, self._clock.now())
        return known.proves

    async def _control(self, kind: Kind) -> Verdict:
        """Show a made-up key, exchanged for a token first where a real one is."""
        made_up = made_up_key(kind.entry, secrets.token_bytes(NOISE))
        request, with_token = first_request(kind.endpoint, kind.entry, made_up, self._clock.now())
        reply = await self._send(kind, request)
        if with_token is not None:
            token = token_of(reply, kind.entry, self._clock.now())
            if isinstance(token, Verdict):
                return token
            reply = await self._send(kind, with_token(token))
        return classify(reply, kind.entry, now=self._clock.now(), authenticated=True)

    async def _other_form(self, kind: Kind, material: Material) -> str:
        """The base URL with, or without, the version, if the API is there."""
        other = other_form_of(kind.endpoint, kind.entry, material, self._clock.now())
        if other is None:
            return ""
        reply = await self._send(kind, other.request)
        return other.base_url if shows_the_api(classify(reply, kind.entry, now=self._clock.now())) else ""

    async def _send(self, kind: Kind, request: ProbeRequest) -> Reply:
        timeout = self._spec.validation.timeout_seconds(kind.entry.probe.timeout)
        return await self._net.send(request, kind.endpoint.network, timeout, body_limit(kind.entry))


def _shown(request: ProbeRequest) -> str:
    """The request as it may be printed: its URL holds no secret, which is appended at the last moment."""
    return f"{request.method} {request.url}"
