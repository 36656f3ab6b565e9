"""The gate before every request to a provider: held against it when the request is about to go out, and no earlier."""

import pytest

from llmkeys.engine.fence import Fence, NotLeadingError
from llmkeys.net.client import ProviderClient
from llmkeys.net.network import Network
from tests.unit.net.servers import Serve, get, ok, send


async def test_nothing_goes_out_while_the_gate_is_closed(serve: Serve, inside: Network) -> None:
    fence = Fence(lambda: 100.0)
    async with ProviderClient(gate=fence.check) as client, serve(ok) as server:
        with pytest.raises(NotLeadingError):
            await send(client, get(server.url()), inside)
        assert server.requests == []
        fence.open_until(110.0)
        assert (await send(client, get(server.url()), inside)).status == 200


async def test_a_leadership_that_ends_while_a_connection_is_made_sends_nothing(serve: Serve, inside: Network) -> None:
    asked: list[int] = []

    def gate() -> None:
        asked.append(len(connected()))
        raise NotLeadingError

    async with ProviderClient(gate=gate) as client, serve(ok) as server:

        def connected() -> list[object]:
            return [pool for pools in client._pools.values() for pool in pools.session.connector._acquired]  # type: ignore[union-attr]  # noqa: SLF001

        with pytest.raises(NotLeadingError):
            await send(client, get(server.url()), inside)
        assert server.requests == []
    assert asked == [1], "the gate is asked once there is a connection"
