from collections.abc import AsyncIterator, Iterator

import aiohttp
import pytest

from tests.support.simulator.behaviour import Behaviour
from tests.support.simulator.probing import KEY, trusting
from tests.support.simulator.simulator import Simulator


@pytest.fixture(scope="package")
def shared_simulator() -> Iterator[Simulator]:
    with Simulator.start() as simulator:
        yield simulator


@pytest.fixture
def simulator(shared_simulator: Simulator) -> Simulator:
    shared_simulator.reset()
    shared_simulator.set(KEY, Behaviour.GOOD)
    return shared_simulator


@pytest.fixture
async def client(simulator: Simulator) -> AsyncIterator[aiohttp.ClientSession]:
    async with trusting(simulator.ca_pem) as session:
        yield session
