"""The request that proves a key, and the identity by which equal probes are sent once."""

from collections.abc import Iterator
from typing import Final
from urllib.parse import urlencode

import msgspec

from llmkeys.api.errors import PlatformError
from llmkeys.catalogue.model import Provider
from llmkeys.crypto.secret import Secret
from llmkeys.probe.endpoint import Endpoint
from llmkeys.probe.material import Material
from llmkeys.probe.request import ProbeRequest

_SHOWN_AS_IT_IS: Final = frozenset({"bearer", "header", "query", "none"})


class UnsupportedSchemeError(PlatformError):
    """The type's credentials need a signature that this version cannot make."""


def supports(entry: Provider) -> bool:
    """Whether requests of this type can be built."""
    return entry.auth.scheme in _SHOWN_AS_IT_IS


def build_probe(endpoint: Endpoint, entry: Provider, material: Material) -> ProbeRequest:
    """The probe of one key.

    Raises:
        UnsupportedSchemeError: the type's scheme is not among those that send a field as it is.

    """
    if not supports(entry):
        raise UnsupportedSchemeError(f"type {entry.id} needs {entry.auth.scheme}, which this version cannot do")
    secret = material.get(entry.auth.field)
    headers: tuple[tuple[str, Secret], ...] = ()
    query: tuple[tuple[str, Secret], ...] = ()
    if secret is not None:
        match entry.auth.scheme:
            case "bearer" | "none":
                headers = (("Authorization", Secret(f"Bearer {secret.reveal()}")),)
            case "header":
                headers = ((entry.auth.header, secret),)
            case "query":
                query = ((entry.auth.query, secret),)
    body = msgspec.json.encode(entry.probe.body) if entry.probe.body is not None else b""
    return ProbeRequest(
        entry.probe.method,
        _with_query(endpoint),
        endpoint.headers,
        secret_headers=headers,
        secret_query=query,
        body=body,
    )


def endpoint_parts(endpoint: Endpoint, entry: Provider) -> Iterator[str]:
    """All that decides what is sent and how its answer is read, the key aside: what `inputs.endpoint` digests."""
    yield entry.digest
    yield entry.probe.method
    yield endpoint.probe
    for pairs in (endpoint.query, endpoint.headers):
        yield str(len(pairs))
        for name, value in pairs:
            yield name
            yield value
    network = endpoint.network
    yield network.ca_bundle or ""
    yield network.proxy or ""
    yield str(network.allow_private_addresses)
    if not endpoint.may_probe:
        yield "no probe"


def sharing_parts(endpoint: Endpoint, entry: Provider, material: Material) -> Iterator[str]:
    """What makes two probes the same one: endpoint, headers that matter, key."""
    yield from endpoint_parts(endpoint, entry)
    yield from key_parts(material)


def key_parts(material: Material) -> Iterator[str]:
    """What makes two keys the same one, however they are sent."""
    for name, secret in material.items():
        yield name
        yield secret.reveal()


def _with_query(endpoint: Endpoint) -> str:
    if not endpoint.query:
        return endpoint.probe

    return f"{endpoint.probe}?{urlencode(endpoint.query)}"
