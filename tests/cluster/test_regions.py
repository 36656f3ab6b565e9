"""`region: auto` on a real API server: a key is found where it is good, and nowhere else is it shown unasked."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit

import pytest

from llmkeys.api.names import PROVIDER_KIND
from tests.support.simulator.authority import REGIONS
from tests.support.simulator.behaviour import Behaviour
from tests.support.simulator.hosts_proxy import HostsProxy
from tests.support.simulator.simulator import Simulator
from tests.support.wait import eventually
from tests.support.world import World

CN, INTL = (f"{host}:443" for host in REGIONS.values())


@dataclass(frozen=True)
class Regions:
    """A world in which Moonshot has two regions, at the addresses of its catalogue entry."""

    world: World
    simulator: Simulator
    proxy: HostsProxy

    def provider(self, **spec: object) -> str:
        name = self.world.provider_name()
        network = {"proxy": self.proxy.url, "caBundle": self.simulator.ca_pem, "allowPrivateAddresses": True}
        self.world.create(PROVIDER_KIND, name, spec={"type": "moonshot", "network": network, **spec})
        return name

    def key(self, *good_in: str) -> str:
        key = self.world.key(Behaviour.REVOKED)
        for region in good_in:
            self.simulator.set(key, Behaviour.GOOD, f"moonshot:{region}")
        return key

    def asked(self, key: str) -> list[str]:
        """The regions that a key was shown to, in order."""
        servers = [f"moonshot:{region}" for region in REGIONS]
        calls = [(call.at, server) for server in servers for call in self.simulator.calls(key, server)]
        return [server.partition(":")[2] for _, server in sorted(calls)]


@pytest.fixture
def regions(world: World) -> Iterator[Regions]:
    with Simulator.start(types=[f"moonshot:{region}" for region in REGIONS]) as simulator:
        ports = {region: urlsplit(simulator.origin(f"moonshot:{region}")).port or 0 for region in REGIONS}
        with HostsProxy({f"{host}:443": ports[region] for region, host in REGIONS.items()}) as proxy:
            yield Regions(world, simulator, proxy)


def test_auto_finds_the_region_where_a_key_is_good_and_delivers_its_address(regions: Regions) -> None:
    world, key = regions.world, regions.key("intl")
    world.credential("found", regions.provider(region="auto"), key)
    world.wait("found", ready="True", reason="Verified", synced="Synced")
    assert regions.asked(key) == ["cn", "intl"]
    assert [one["region"] for one in world.status("found")["keys"]] == ["intl"]
    secret = world.secret("found")
    assert secret is not None
    assert secret["MOONSHOT_API_BASE"] == f"https://{REGIONS['intl']}/v1"


def test_auto_shows_a_key_that_is_good_at_home_to_nobody_else(regions: Regions) -> None:
    world, key = regions.world, regions.key("cn")
    world.credential("home", regions.provider(region="auto"), key)
    world.wait("home", ready="True", reason="Verified")
    assert regions.proxy.asked == [CN]
    assert [one["region"] for one in world.status("home")["keys"]] == ["cn"]


def test_a_region_that_was_found_outlives_a_restart(regions: Regions) -> None:
    world, key = regions.world, regions.key("intl")
    provider = regions.provider(region="auto")
    world.credential("kept", provider, key)
    world.wait("kept", ready="True", reason="Verified")
    world.stage.restart_operator()
    world.look_again(provider)
    eventually(lambda: len(regions.asked(key)) > 2, message="another look")
    world.wait("kept", ready="True", reason="Verified")
    assert regions.asked(key) == ["cn", "intl", "intl"]


def test_without_auto_a_refused_key_stays_in_its_region_and_the_message_names_the_other(regions: Regions) -> None:
    world, key = regions.world, regions.key("intl")
    provider = regions.provider(region="cn")
    world.credential("refused", provider, key)
    world.wait("refused", ready="False", reason="Rejected", timeout=30)
    assert set(regions.proxy.asked) == {CN}
    assert set(regions.asked(key)) == {"cn"}
    assert f"set spec.region of LLMProvider {provider} to that one: intl." in world.message("refused")
    world.change_provider(provider, region="auto")
    world.wait("refused", ready="True", reason="Verified")
    assert regions.proxy.asked[-1] == INTL
