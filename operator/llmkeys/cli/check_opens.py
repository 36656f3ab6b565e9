"""Finds out what a good key opens, with the requests that the operator would make, and the one for the balance."""

from typing import Final

from llmkeys.api.provider import ProviderSpec
from llmkeys.api.reasons import Reason
from llmkeys.cli.check_net import Clock, PacedNet
from llmkeys.crypto.secret import Secret
from llmkeys.engine.hosts import Hosts
from llmkeys.engine.models import ModelLister, is_listed_with
from llmkeys.explain.opened import Opened, opened_by, with_choices
from llmkeys.probe.balance import Figure, balance_request, balance_url, figures_in, is_the_probe
from llmkeys.probe.kind import Kind
from llmkeys.probe.limit import ERROR_LIMIT
from llmkeys.probe.material import Material
from llmkeys.probe.models import Listing
from llmkeys.probe.models_offer import Asked
from llmkeys.probe.models_request import plan_listing
from llmkeys.probe.reply import Reply
from llmkeys.probe.request import ProbeRequest

_WITH_BALANCE: Final = frozenset({Reason.VERIFIED, Reason.UNVERIFIED, Reason.QUOTA_EXHAUSTED})


class Opens:
    """Asks for models and balance. What it finds, or does not, changes no verdict about the key.

    Args:
        spec: as an LLMProvider would have it.
        asked: which models must be there.
        net: sends.
        clock: for signatures and for the pace.

    """

    def __init__(self, spec: ProviderSpec, asked: Asked, net: PacedNet, clock: Clock) -> None:
        self._spec = spec
        self._asked = asked
        self._net = net
        self._clock = clock
        # The net keeps the pace; nobody is parked here.
        self._lister = ModelLister(net, Hosts(clock, lambda _key, _lane: None, lambda _at, _run: None))

    async def by(
        self, kind: Kind, material: Material, probe: ProbeRequest, reply: Reply, reason: Reason, token: Secret | None
    ) -> Opened:
        """What a key opens.

        Args:
            kind: of credential.
            material: the key.
            probe: that proved it.
            reply: to the probe.
            reason: of the verdict.
            token: that the key was exchanged for, None where it was not.

        """
        listing = await self._listing(kind, probe, reply) if is_listed_with(reason) else None
        balance, status = None, 0
        if reason in _WITH_BALANCE and any(True for _ in material.items()):
            balance, status = await self._balance(kind, material, reply, token)
        return opened_by(listing, self._asked, kind.entry, balance, status)

    async def _listing(self, kind: Kind, probe: ProbeRequest, reply: Reply) -> Listing | None:
        asked = with_choices(self._asked, kind.entry)
        plan = plan_listing(self._spec, kind.endpoint, kind.entry, asked)
        if plan is None:
            return None
        return await self._lister.read(plan, probe, reply, kind.endpoint.network, self._timeout(kind))

    async def _balance(
        self, kind: Kind, material: Material, reply: Reply, token: Secret | None
    ) -> tuple[tuple[Figure, ...] | None, int]:
        url = balance_url(self._spec, kind)
        if not url:
            return None, 0
        if not is_the_probe(kind, url):
            request = balance_request(kind, material, url, self._clock.now(), token)
            reply = await self._net.send(request, kind.endpoint.network, self._timeout(kind), ERROR_LIMIT)
        return figures_in(reply, kind), reply.status

    def _timeout(self, kind: Kind) -> float:
        return self._spec.validation.timeout_seconds(kind.entry.probe.timeout)
