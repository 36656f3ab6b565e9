"""Where a key that is bound to hosts may go: each way out of them is a test of its own."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from llmkeys.api.provider import Network, ProviderSpec
from llmkeys.catalogue.loader import load
from llmkeys.probe.endpoint import Endpoint, resolve_endpoint
from llmkeys.probe.reach import Reach, is_of_type, reach_of
from llmkeys.probe.url import Origin

CATALOGUE = load()
OPENAI = "https://api.openai.com"
GATEWAY = "https://gw.example"
PORT = 8443


def reach(spec: ProviderSpec, **changed: Any) -> Reach:
    entry = CATALOGUE.find(spec.type)
    return reach_of(spec, replace(resolve_endpoint(spec, entry), **changed), entry)


def endpoint_of(kind: str) -> Endpoint:
    return resolve_endpoint(ProviderSpec(kind), CATALOGUE.find(kind))


# -- which hosts are the type's own ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "own"),
    [
        (Origin("https", "api.openai.com", 443), True),
        (Origin("http", "api.openai.com", 443), False),
        (Origin("https", "api.openai.com", PORT), False),
        (Origin("https", "gw.example", 443), False),
        (Origin("https", "api.anthropic.com", 443), False),
    ],
)
def test_a_host_is_the_types_own_at_its_usual_port_alone(origin: Origin, *, own: bool) -> None:
    assert is_of_type(origin, CATALOGUE.find("openai")) is own


# -- what a sealed value may be bound to ----------------------------------------------------------------------


def test_a_key_of_the_type_may_be_bound_to_any_host_of_the_type() -> None:
    entry = CATALOGUE.find("moonshot")
    audiences = reach(ProviderSpec("moonshot")).audiences
    assert audiences == {f"https://{host}" for host in entry.hosts}
    assert len(audiences) > 1


def test_a_key_for_a_gateway_must_be_bound_to_the_gateway() -> None:
    assert reach(ProviderSpec("openai", base_url=GATEWAY)).audiences == {GATEWAY}


def test_a_host_that_tenants_share_is_no_audience_without_its_path() -> None:
    entry = msgspec.structs.replace(CATALOGUE.find("moonshot"), shared_hosts=("api.moonshot.ai",))
    spec = ProviderSpec("moonshot")
    audiences = reach_of(spec, resolve_endpoint(spec, entry), entry).audiences
    assert "https://api.moonshot.cn" in audiences
    assert "https://api.moonshot.ai" not in audiences


# -- ways out -------------------------------------------------------------------------------------------------

SENT_TO = ["probe", "models", "chat", "token", "renewal"]


@pytest.mark.parametrize("where", SENT_TO)
def test_a_request_to_a_stranger_unbinds(where: str) -> None:
    out = reach(ProviderSpec("openai"), **{where: f"{GATEWAY}/v1/x"})
    assert out.foreign
    assert out.audiences == frozenset()


@pytest.mark.parametrize("where", SENT_TO)
def test_a_request_to_another_host_of_the_type_does_not(where: str) -> None:
    other = "https://api.moonshot.ai/v1/x"
    inside = reach(ProviderSpec("moonshot"), **{where: other})
    assert endpoint_of("moonshot").base.origin.host != "api.moonshot.ai"
    assert not inside.foreign
    assert inside.audiences


def test_where_any_other_kind_of_credential_goes_unbinds_too() -> None:
    out = reach(ProviderSpec("openai"), elsewhere=(OPENAI, GATEWAY))
    assert out.foreign
    assert out.audiences == frozenset()


@pytest.mark.parametrize(
    ("network", "reads"),
    [
        (Network(proxy="http://proxy.example:3128", ca_bundle="PEM"), True),
        (Network(proxy="http://proxy.example:3128"), False),
        (Network(ca_bundle="PEM"), False),
    ],
)
def test_a_proxy_that_reads_what_passes_unbinds(network: Network, *, reads: bool) -> None:
    out = reach(ProviderSpec("openai", network=network))
    assert out.foreign is reads
    assert bool(out.audiences) is not reads


# -- sources that name their hosts ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "hosts", "admitted"),
    [
        (OPENAI, ["api.openai.com"], True),
        (OPENAI, ["api.openai.com:443"], True),
        (OPENAI, [" API.OpenAI.com "], True),
        (OPENAI, ["gw.example", "api.openai.com"], True),
        (OPENAI, ["gw.example"], False),
        (OPENAI, ["openai.com"], False),
        (OPENAI, [f"api.openai.com:{PORT}"], False),
        (OPENAI, [], False),
        (f"{GATEWAY}:{PORT}", [f"gw.example:{PORT}"], True),
        (f"{GATEWAY}:{PORT}", ["gw.example"], False),
        (f"{GATEWAY}:{PORT}", ["gw.example:443"], False),
    ],
)
def test_a_source_goes_to_the_hosts_that_it_names(base: str, hosts: list[str], *, admitted: bool) -> None:
    assert reach(ProviderSpec("openai", base_url=base)).admits(hosts) is admitted


def test_a_source_that_names_its_hosts_goes_nowhere_where_a_request_leaves_them() -> None:
    assert not reach(ProviderSpec("openai"), token=GATEWAY).admits(["api.openai.com", "gw.example"])
