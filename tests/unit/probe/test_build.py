from dataclasses import replace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmkeys.api.provider import Network, ProviderSpec
from llmkeys.catalogue.loader import load
from llmkeys.catalogue.model import Provider
from llmkeys.crypto.mac import MacKey
from llmkeys.crypto.secret import Secret
from llmkeys.probe.build import UnsupportedSchemeError, build_probe, endpoint_parts, sharing_parts, supports
from llmkeys.probe.endpoint import Endpoint, resolve_endpoint
from llmkeys.probe.material import Material
from llmkeys.probe.request import ProbeRequest

CATALOGUE = load()
CANARY = "canary-7f3a"
MAC = MacKey(1, bytes(32))


def entry_with(**auth: str) -> Provider:
    openai = CATALOGUE.find("openai")
    return msgspec.structs.replace(openai, auth=msgspec.structs.replace(openai.auth, **auth))


def material(key: str = CANARY) -> Material:
    return Material((("apiKey", Secret(key)),))


def built(entry: Provider, spec: ProviderSpec | None = None, keys: Material | None = None) -> ProbeRequest:
    spec = spec or ProviderSpec(entry.id, base_url="https://gw.example")
    return build_probe(resolve_endpoint(spec, entry), entry, keys or material())


def revealed(pairs: tuple[tuple[str, Secret], ...]) -> dict[str, str]:
    return {name: secret.reveal() for name, secret in pairs}


@pytest.mark.parametrize(
    ("kind", "name", "value"),
    [
        ("openai", "Authorization", f"Bearer {CANARY}"),
        ("anthropic", "x-api-key", CANARY),
        ("google-gemini", "x-goog-api-key", CANARY),
        ("azure-openai", "api-key", CANARY),
        ("ollama", "Authorization", f"Bearer {CANARY}"),
    ],
)
def test_a_key_goes_into_the_header_of_its_scheme(kind: str, name: str, value: str) -> None:
    request = built(CATALOGUE.find(kind))
    assert revealed(request.secret_headers) == {name: value}
    assert request.secret_query == ()


def test_a_type_that_knows_no_header_has_its_key_in_the_secret_query() -> None:
    request = built(entry_with(scheme="query", query="key"))
    assert revealed(request.secret_query) == {"key": CANARY}
    assert request.secret_headers == ()


def test_a_keyless_probe_shows_nothing() -> None:
    request = built(CATALOGUE.find("ollama"), keys=Material(()))
    assert (request.secret_headers, request.secret_query) == ((), ())


def test_a_scheme_that_nobody_knows_is_refused() -> None:
    unheard_of = entry_with(scheme="made_up")
    assert not supports(unheard_of)
    with pytest.raises(UnsupportedSchemeError):
        built(unheard_of)


@pytest.mark.parametrize("kind", sorted(CATALOGUE.providers))
def test_a_free_probe_is_a_get_or_was_seen_to_cost_nothing(kind: str) -> None:
    probe = CATALOGUE.find(kind).probe
    assert not probe.is_free or probe.method == "GET" or probe.ev in {"D", "C", "F"}


def test_the_query_of_a_probe_is_part_of_its_url() -> None:
    request = built(CATALOGUE.find("azure-openai"))
    assert request.url == "https://gw.example/openai/models?api-version=2024-10-21"


# -- which probes are the same one ----------------------------------------------------------------------------


def identity(spec: ProviderSpec, key: str) -> str:
    entry = CATALOGUE.find(spec.type)
    return MAC.sharing(sharing_parts(resolve_endpoint(spec, entry), entry, material(key)))


SPECS = st.builds(
    ProviderSpec,
    st.sampled_from(["openai", "openai-compatible"]),
    base_url=st.sampled_from(["https://a.example", "https://b.example", "https://a.example/v1"]),
    headers=st.sampled_from([{}, {"X-A": "1"}, {"X-A": "2"}, {"X-A": "1", "X-B": ""}]),
    network=st.sampled_from([Network(), Network(ca_bundle="PEM"), Network(proxy="PEM"), Network(None, None, True)]),
)
KEYS = st.sampled_from(["sk-1", "sk-2"])


def sent(spec: ProviderSpec) -> tuple[str, Endpoint]:
    return spec.type, resolve_endpoint(spec, CATALOGUE.find(spec.type))


CHANGES = st.sampled_from(["type", "base_url", "headers", "network"])


@given(SPECS, SPECS, st.sets(CHANGES, max_size=2), KEYS, KEYS)
def test_two_probes_are_the_same_if_and_only_if_endpoint_and_key_are(
    one: ProviderSpec, source: ProviderSpec, changes: set[str], key: str, other_key: str
) -> None:
    other = msgspec.structs.replace(one, **{name: getattr(source, name) for name in changes})
    same = (sent(one), key) == (sent(other), other_key)
    assert (identity(one, key) == identity(other, other_key)) == same


def test_what_does_not_change_the_request_does_not_change_the_identity() -> None:
    plain = ProviderSpec("openai", base_url="https://a.example")
    spelt = ProviderSpec("openai", base_url="https://A.example:443/v1/")
    assert identity(plain, "sk-1") == identity(spelt, "sk-1")


def test_the_name_of_a_field_is_part_of_the_identity() -> None:
    entry = CATALOGUE.find("openai")
    endpoint = resolve_endpoint(ProviderSpec("openai"), entry)
    one = MAC.sharing(sharing_parts(endpoint, entry, Material((("a", Secret("bc")),))))
    other = MAC.sharing(sharing_parts(endpoint, entry, Material((("ab", Secret("c")),))))
    renamed = MAC.sharing(sharing_parts(endpoint, entry, Material((("ab", Secret("bc")),))))
    assert len({one, other, renamed}) == 3


PLAIN = ProviderSpec("openai", base_url="https://a.example")
DIFFERENT: list[dict[str, Any]] = [
    {"type": "openai-compatible"},
    {"base_url": "https://b.example"},
    {"headers": {"X-A": "1"}},
    {"headers": {"X-A": "2"}},
    {"config": {"organization": "org-1"}},
    {"network": Network(ca_bundle="PEM")},
    {"network": Network(proxy="PEM")},
    {"network": Network(allow_private_addresses=True)},
]


def test_anything_that_changes_the_way_to_the_provider_changes_the_identity() -> None:
    specs = [PLAIN, *(msgspec.structs.replace(PLAIN, **change) for change in DIFFERENT)]
    assert len({identity(spec, "sk-1") for spec in specs}) == len(specs)


def test_a_header_cannot_pass_for_a_part_of_the_query() -> None:
    entry = CATALOGUE.find("azure-openai")
    endpoint = resolve_endpoint(ProviderSpec("azure-openai", base_url="https://a.example"), entry)
    moved = replace(endpoint, query=(), headers=(*endpoint.query, *endpoint.headers))
    assert list(endpoint_parts(endpoint, entry)) != list(endpoint_parts(moved, entry))


# -- an endpoint with another part is another one, of which nothing is believed ---------------------------------

AZURE = ProviderSpec(
    "azure-openai",
    base_url="https://a.example",
    config={"tenantId": "contoso.example", "clientId": "66666666-7777-8888-9999-000000000000"},
)
ELSEWHERE = "https://b.example"
OTHERS: list[dict[str, Any]] = [
    {"probe": ELSEWHERE},
    {"token": ELSEWHERE},
    {"elsewhere": (ELSEWHERE,)},
    {"renewal": ELSEWHERE},
    {"query": ()},
    {"query": (("api-version", "2020-01-01"),)},
    {"query": (("api", "2024-10-21"),)},
    {"headers": ()},
    {"headers": (("Accept", "text/html"),)},
    {"headers": (("X-Accept", "application/json"),)},
    {"config": {"clientId": "66666666-7777-8888-9999-000000000000"}},
    {"config": {"clientId": "00000000-7777-8888-9999-000000000000", "tenantId": "contoso.example"}},
    {"network": Network(ca_bundle="PEM")},
    {"network": Network(proxy="PEM")},
    {"network": Network(allow_private_addresses=True)},
    {"may_probe": False},
    {"alternatives": ()},
    {"alternatives": ("Set spec.config.clientId.",)},
]


def azure() -> tuple[Endpoint, Provider]:
    entry = CATALOGUE.find(AZURE.type)
    return resolve_endpoint(AZURE, entry), entry


def parts(endpoint: Endpoint, entry: Provider) -> str:
    return MAC.sharing(endpoint_parts(endpoint, entry))


def test_every_part_of_an_endpoint_counts() -> None:
    endpoint, entry = azure()
    endpoints = [endpoint, *(replace(endpoint, **change) for change in OTHERS)]
    assert len({parts(one, entry) for one in endpoints}) == len(endpoints)


@pytest.mark.parametrize("change", [{"probe": ELSEWHERE}, {"token": ELSEWHERE}])
def test_where_the_other_kinds_of_credential_go_counts(change: dict[str, Any]) -> None:
    endpoint, entry = azure()
    (other,) = endpoint.alternatives
    assert isinstance(other, Endpoint)
    moved = replace(endpoint, alternatives=(replace(other, **change),))
    assert parts(endpoint, entry) != parts(moved, entry)


def test_what_keeps_another_kind_from_being_used_counts() -> None:
    endpoint, entry = azure()
    one, other = (replace(endpoint, alternatives=(text,)) for text in ("Set one.", "Set the other."))
    assert parts(one, entry) != parts(other, entry)


def test_how_an_answer_is_read_and_how_it_is_asked_for_count() -> None:
    endpoint, entry = azure()
    auth = msgspec.structs.replace(entry.auth, scheme="bearer")
    probe = msgspec.structs.replace(entry.probe, method="POST")
    others = (
        msgspec.structs.replace(entry, digest="another"),
        msgspec.structs.replace(entry, auth=auth),
        msgspec.structs.replace(entry, probe=probe),
    )
    assert len({parts(endpoint, one) for one in (entry, *others)}) == 4


@pytest.mark.parametrize(
    ("kind", "name", "values"),
    [
        ("gemini-cli", "projectId", ("one-project", "other-project")),
        (
            "azure-openai",
            "clientId",
            ("66666666-7777-8888-9999-000000000000", "66666666-7777-8888-9999-000000000001"),
        ),
        ("aws-bedrock", "region", ("us-east-1", "us-west-2")),
    ],
)
def test_a_setting_that_is_in_no_url_but_in_what_is_sent_counts(kind: str, name: str, values: tuple[str, str]) -> None:
    entry = CATALOGUE.find(kind)
    specs = [ProviderSpec(kind, base_url="https://a.example", config={name: value}) for value in values]
    one, other = (parts(resolve_endpoint(spec, entry), entry) for spec in specs)
    assert one != other


def test_two_kinds_of_credential_at_one_url_are_known_apart() -> None:
    entry = CATALOGUE.find("aws-bedrock")
    spec = ProviderSpec("aws-bedrock", base_url="https://a.example", config={"region": "us-east-1"})
    pairs = zip(resolve_endpoint(spec, entry).alternatives, entry.kinds()[1:], strict=True)
    others = [parts(endpoint, kind) for endpoint, kind in pairs if isinstance(endpoint, Endpoint)]
    assert parts(resolve_endpoint(spec, entry), entry.kinds()[0]) not in others
