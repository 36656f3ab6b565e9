"""The request that proves a key, and the identity by which equal probes are sent once."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from urllib.parse import urlencode

import msgspec

from llmkeys.api.errors import PlatformError
from llmkeys.catalogue.model import Provider
from llmkeys.crypto.secret import Secret
from llmkeys.probe.auth.document import settings_in
from llmkeys.probe.auth.exchange import token_request
from llmkeys.probe.auth.registry import SCHEMES
from llmkeys.probe.auth.scheme import FORM, Showing
from llmkeys.probe.auth.template import filled, filled_body
from llmkeys.probe.endpoint import Endpoint
from llmkeys.probe.material import Material
from llmkeys.probe.request import ProbeRequest


class UnsupportedSchemeError(PlatformError):
    """The type's credentials are shown in a way that this version does not know."""


def supports(entry: Provider) -> bool:
    """Whether requests of this type can be built."""
    return entry.auth.scheme in SCHEMES


def build_probe(
    endpoint: Endpoint, entry: Provider, material: Material, now: float | None = None, token: Secret | None = None
) -> ProbeRequest:
    """The probe of one key, of the kind of credential that `endpoint` and `entry` are for (see `kind.kind_of`).

    Args:
        endpoint: where it goes.
        entry: of the catalogue.
        material: the key.
        now: epoch seconds; needed by schemes that sign.
        token: what `build_token_request` was answered, for schemes that need it.

    Raises:
        UnsupportedSchemeError: nobody knows the type's scheme.
        CredentialUnusableError: the key cannot be shown so; `candidates_of` would have refused it.
        ValueError: the scheme signs, and `now` was not given.

    """
    if not supports(entry):
        raise UnsupportedSchemeError(f"type {entry.id} needs {entry.auth.scheme}, which this version cannot do")
    probe = entry.probe
    showing = _showing(endpoint, entry, material, now, token)
    settings = {**_settings(entry, material), **endpoint.config}
    plain = ProbeRequest(
        probe.method,
        _with_query(endpoint),
        endpoint.headers,
        body=b"" if probe.body is None else msgspec.json.encode(filled_body(probe.body, settings)),
    )
    if probe.form:
        values = {**settings, **{name: secret.reveal() for name, secret in material.items()}}
        form = {name: filled(text, values) for name, text in probe.form.items()}
        plain = replace(plain, headers=(*plain.headers, FORM), secret_body=Secret(urlencode(form)))
    return SCHEMES[entry.auth.scheme](plain, showing)


def build_token_request(endpoint: Endpoint, entry: Provider, material: Material) -> ProbeRequest | None:
    """The request that comes before the probe where the key is exchanged for a token; None where it is not."""
    if entry.auth.exchange is None:
        return None
    return token_request(endpoint.token, _showing(endpoint, entry, material))


def first_request(
    endpoint: Endpoint, entry: Provider, material: Material, now: float
) -> tuple[ProbeRequest, Callable[[Secret], ProbeRequest] | None]:
    """What is sent first to prove a key, and what makes the probe of the token that is the answer, if one is.

    Args:
        endpoint: where it goes.
        entry: of the catalogue.
        material: the key.
        now: epoch seconds, for schemes that sign.

    Raises:
        UnsupportedSchemeError: see `build_probe`.
        CredentialUnusableError: see `build_probe`.

    """
    exchange = build_token_request(endpoint, entry, material)
    if exchange is None:
        return build_probe(endpoint, entry, material, now), None
    return exchange, partial(build_probe, endpoint, entry, material, now)


def endpoint_parts(endpoint: Endpoint, entry: Provider) -> Iterator[str]:
    """All that decides what is sent and how its answer is read, the key aside: what `inputs.endpoint` digests."""
    yield entry.digest
    yield entry.auth.scheme
    yield entry.probe.method
    yield endpoint.probe
    yield from (endpoint.token, *endpoint.elsewhere)
    for other in endpoint.alternatives:
        yield from (other,) if isinstance(other, str) else (other.probe, other.token)
    # Settings are in bodies, forms and signatures too.
    for pairs in (endpoint.query, endpoint.headers, sorted(endpoint.config.items())):
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
    if endpoint.renewal:
        yield from ("renewal", endpoint.renewal)


def sharing_parts(endpoint: Endpoint, entry: Provider, material: Material) -> Iterator[str]:
    """What makes two probes the same one: endpoint, headers that matter, key."""
    yield from endpoint_parts(endpoint, entry)
    yield from key_parts(material)


def key_parts(material: Material) -> Iterator[str]:
    """What makes two keys the same one, however they are sent."""
    for name, secret in material.items():
        yield name
        yield secret.reveal()


def _showing(
    endpoint: Endpoint, entry: Provider, material: Material, now: float | None = None, token: Secret | None = None
) -> Showing:
    return Showing(entry.auth, dict(material.items()), endpoint.config, now, token)


def _settings(entry: Provider, material: Material) -> dict[str, str]:
    """The settings that a credential file holds beside the key."""
    text = material.get(entry.auth.field)
    return settings_in(text.reveal(), entry.auth.file) if text is not None and entry.auth.file else {}


def _with_query(endpoint: Endpoint) -> str:
    if not endpoint.query:
        return endpoint.probe

    return f"{endpoint.probe}?{urlencode(endpoint.query)}"
