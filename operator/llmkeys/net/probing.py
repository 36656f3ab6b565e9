"""The engine's effect on providers: a client that takes the manifest's network block."""

from functools import lru_cache

from llmkeys.api.provider import Network as Spec
from llmkeys.net.client import ProviderClient
from llmkeys.net.network import Network
from llmkeys.probe.reply import Reply
from llmkeys.probe.request import ProbeRequest


class ProbeNet:
    """Sends probes over a `ProviderClient`."""

    def __init__(self, client: ProviderClient) -> None:
        self._client = client

    async def send(self, request: ProbeRequest, network: Spec, timeout: float, limit: int) -> Reply:  # noqa: ASYNC109 - the client bounds each part
        return await self._client.send(request, _network(network), timeout, limit)


@lru_cache(maxsize=256)
def _network(spec: Spec) -> Network:
    return Network(spec.ca_bundle, spec.proxy, spec.allow_private_addresses)
