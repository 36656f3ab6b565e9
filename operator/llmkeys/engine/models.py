"""Models over time: they are listed together with a look that proves the key, and a list that fails changes nothing."""

import asyncio
from collections.abc import Iterator
from hashlib import sha256
from typing import Final

import msgspec

from llmkeys.api.credential import LLMCredential
from llmkeys.api.models import ModelsStatus
from llmkeys.api.provider import Network
from llmkeys.api.reasons import Reason
from llmkeys.engine.effects import Net
from llmkeys.engine.hosts import Hosts
from llmkeys.engine.models_memory import Memory
from llmkeys.engine.resolve import Resolved
from llmkeys.probe.limit import LIST_LIMIT
from llmkeys.probe.models import MOST, Listing, Model
from llmkeys.probe.models_offer import NOTHING, Asked, assess
from llmkeys.probe.models_pages import Page, page_of
from llmkeys.probe.models_request import ListPlan, single
from llmkeys.probe.reply import Reply
from llmkeys.probe.request import ProbeRequest
from llmkeys.probe.url import origin_of

_PAGES: Final = 25
_CALLS_LAST: Final = 4  # times the timeout of one call, for all calls of a list
_KEPT: Final = 15_000  # models, in all lists that are remembered
_MOMENT: Final = 0.001
_THERE, _GONE = 200, 404
_LISTS: Final = frozenset({Reason.VERIFIED, Reason.UNVERIFIED})


def asked_of(credential: LLMCredential, resolved: Resolved) -> Asked:
    """What the manifests ask about models."""
    return Asked(resolved.provider.spec.models, credential.spec.required_models)


def asked_parts(credential: LLMCredential, resolved: Resolved) -> Iterator[str]:
    """All that decides what is missing, the list aside: what `inputs.models` digests. Nothing if nothing is asked."""
    asked = asked_of(credential, resolved)
    if not asked.anything:
        return
    spec = asked.spec
    for part in (asked.required, spec.include, spec.exclude, tuple(f"{one.name} {one.type}" for one in spec.add)):
        yield str(len(part))
        yield from part
    for kind, name in sorted(spec.defaults.items()):
        yield kind
        yield name
    if spec.publish:
        yield "publish"


def is_listed_with(reason: Reason) -> bool:
    """Whether a look that ended so is one with which models are listed."""
    return reason in _LISTS


def models_of(credential: LLMCredential, resolved: Resolved, listing: Listing | None, fingerprint: str) -> ModelsStatus:
    """What is known of the models that a key opens.

    Args:
        credential: with what was known before.
        resolved: its provider.
        listing: of this look, None if there is none.
        fingerprint: of the key. What is missing is a matter of one key; the defaults are everybody's.

    """
    status = credential.status
    before = NOTHING
    if status.models is not None and resolved.endpoint and status.audience == resolved.endpoint.audience:
        before = status.models
        if fingerprint != before.key:
            before = ModelsStatus(defaults=before.defaults)
    if resolved.entry is None:
        return before
    found = assess(listing, asked_of(credential, resolved), resolved.entry.models, before)
    return NOTHING if found == NOTHING else msgspec.structs.replace(found, key=fingerprint)


class ModelLister:
    """Reads lists of models, within the budget of their host.

    Args:
        net: opens the sockets.
        hosts: keep the budgets.

    """

    def __init__(self, net: Net, hosts: Hosts) -> None:
        self._net = net
        self._hosts = hosts
        self._pages: Memory[bytes, Page] = Memory(_KEPT)
        self._lists: Memory[Listing, Listing] = Memory(_KEPT)

    async def read(
        self,
        plan: ListPlan,
        probe: ProbeRequest,
        reply: Reply,
        network: Network,
        timeout: float,  # noqa: ASYNC109  of one call; all of them together have their own
    ) -> Listing | None:
        """The models; None if the list could not be read to its end.

        Args:
            plan: how to.
            probe: the request that proved the key.
            reply: to it.
            network: how to get there.
            timeout: seconds for one call.

        """
        reading = _Reading(self._net, self._hosts, self._pages, plan, probe, network, timeout)
        try:
            async with asyncio.timeout(_CALLS_LAST * timeout):
                listing = await reading.all(reply)
        except TimeoutError:
            return None
        # Equal lists are kept once: most keys of a provider open the same models.
        return None if listing is None else self._lists.put(listing, listing, len(listing.models))


class _Reading:
    """One list being read."""

    def __init__(
        self,
        net: Net,
        hosts: Hosts,
        known: Memory[bytes, Page],
        plan: ListPlan,
        probe: ProbeRequest,
        network: Network,
        timeout: float,
    ) -> None:
        self._net = net
        self._hosts = hosts
        self._known = known
        self._plan = plan
        self._probe = probe
        self._network = network
        self._timeout = timeout

    async def all(self, reply: Reply) -> Listing | None:
        plan = self._plan
        pages = await self._pages(reply) if plan.url else ((), False)
        if pages is None:
            return None
        models, complete = pages
        complete = complete and plan.entry.models.complete
        return Listing(models, complete=complete, counted=bool(plan.url), absent=await self._absent())

    async def _pages(self, reply: Reply) -> tuple[tuple[Model, ...], bool] | None:
        """The models of all pages, and whether these are all that there are."""
        plan = self._plan
        page = reply if plan.is_probe else await self._send(plan.page(self._probe))
        found: dict[str, Model] = {}
        asked_for: set[object] = set()
        for _ in range(_PAGES):
            read = self._read(page)
            if read is None:
                return None
            found |= {model.id: model for model in read.models}
            following = read.following
            if following is None or following in asked_for:
                return tuple(found.values())[:MOST], len(found) <= MOST
            if not plan.follows:
                return None
            if len(found) > MOST:
                break
            asked_for.add(following)
            page = await self._send(plan.page(self._probe, following))
        return tuple(found.values())[:MOST], False

    def _read(self, reply: Reply) -> Page | None:
        """One page; the same bytes are read once."""
        digest = sha256(b"%s\n%s\n%s" % (self._plan.entry.id.encode(), self._plan.url.encode(), reply.body)).digest()
        known = self._known.get(digest) if reply.status == _THERE and "link" not in reply.headers else None
        if known is not None:
            return known
        page = page_of(reply, self._plan.entry, self._plan.url)
        return None if page is None else self._known.put(digest, page, len(page.models))

    async def _absent(self) -> frozenset[str]:
        """Those of the models to be asked for one by one that are not there."""
        replies = [(name, await self._send(single(self._probe, url))) for name, url in self._plan.each]
        return frozenset(name for name, reply in replies if reply.status == _GONE)

    async def _send(self, request: ProbeRequest) -> Reply:
        """One more call, when the budget of its host has room for it."""
        origin = origin_of(request.url.partition("?")[0])
        while (wait := self._hosts.pause(origin)) > 0:  # noqa: ASYNC110  others spend the budget too
            await asyncio.sleep(max(wait, _MOMENT))
        self._hosts.spend(origin)
        return await self._net.send(request, self._network, self._timeout, LIST_LIMIT)
