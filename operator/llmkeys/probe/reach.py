"""Where the requests of an LLMProvider take a key, and whether a key that is bound to hosts may go there."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from llmkeys.api.provider import ProviderSpec
from llmkeys.catalogue.model import Provider
from llmkeys.probe.endpoint import Endpoint
from llmkeys.probe.url import Origin, origin_of

HTTPS_PORT: Final = 443


@dataclass(frozen=True, slots=True)
class Reach:
    """What a key must be bound to for its requests to be allowed.

    Args:
        audiences: a sealed value must be bound to one of these, or to no host at all.
        base: the host that the LLMProvider is about.
        foreign: some request leaves both that host and the hosts of the type, or goes through a proxy that reads it;
            then only what is bound to no host may be sent.

    """

    audiences: frozenset[str]
    base: Origin
    foreign: bool

    def admits(self, hosts: Collection[str]) -> bool:
        """Whether a source that names these hosts, each with or without a port, may be sent."""
        wanted = {host.strip().lower() for host in hosts}
        port = f":{self.base.port}"
        names = {self.base.host + port, self.base.host} if self.base.port == HTTPS_PORT else {self.base.host + port}
        return not self.foreign and not wanted.isdisjoint(names)


def reach_of(spec: ProviderSpec, endpoint: Endpoint, entry: Provider) -> Reach:
    """Where a key of this LLMProvider goes.

    A host of the type's own file, former ones included, is as good as the base: the vendor has the key already. A
    gateway is not, and neither is another type's vendor: the audience must be the very one.
    """
    base = endpoint.base.origin
    audiences = {endpoint.audience}
    if is_of_type(base, entry):
        audiences |= {f"https://{host}" for host in entry.hosts if host not in entry.shared_hosts}
    sent_to = (endpoint.probe, endpoint.models, endpoint.chat, endpoint.token, endpoint.renewal, *endpoint.elsewhere)
    others = (origin_of(url) for url in sent_to if url)
    foreign = any(one != base and not is_of_type(one, entry) for one in others)
    read_on_the_way = bool(spec.network.proxy and spec.network.ca_bundle)
    audience = () if foreign or read_on_the_way else audiences
    return Reach(frozenset(audience), base, foreign or read_on_the_way)


def is_of_type(origin: Origin, entry: Provider) -> bool:
    """Whether this is a host that the type's own file names, a former one included."""
    return origin.scheme == "https" and origin.port == HTTPS_PORT and origin.host in entry.hosts
