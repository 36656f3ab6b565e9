"""Secret fields that are sent as they are."""

from dataclasses import replace

from llmkeys.crypto.secret import Secret
from llmkeys.probe.auth.scheme import Showing
from llmkeys.probe.request import ProbeRequest


def bearer(request: ProbeRequest, showing: Showing) -> ProbeRequest:
    """RFC 6750, 2.1. A field that is not there, as on servers that check no keys, is not shown."""
    secret = showing.fields.get(showing.auth.field)
    return request if secret is None else with_bearer(request, secret.reveal())


def bearer_pair(request: ProbeRequest, showing: Showing) -> ProbeRequest:
    """Several fields as one bearer token, joined by colons."""
    return with_bearer(request, ":".join(showing.revealed(name) for name in showing.auth.fields))


def header(request: ProbeRequest, showing: Showing) -> ProbeRequest:
    """A header of the provider's own."""
    secret = showing.fields.get(showing.auth.field)
    if secret is None:
        return request
    value = Secret(f"{showing.auth.prefix}{secret.reveal()}")
    return replace(request, secret_headers=(*request.secret_headers, (showing.auth.header, value)))


def query(request: ProbeRequest, showing: Showing) -> ProbeRequest:
    """Parameters of the URL, which are appended at the last moment."""
    names = showing.auth.parameters or {showing.auth.query: showing.auth.field}
    shown = tuple((name, showing.fields[field]) for name, field in names.items() if field in showing.fields)
    return replace(request, secret_query=(*request.secret_query, *shown))


def with_bearer(request: ProbeRequest, token: str) -> ProbeRequest:
    return replace(request, secret_headers=(*request.secret_headers, ("Authorization", Secret(f"Bearer {token}"))))
