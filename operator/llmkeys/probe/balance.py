"""What the account of a key has left: the request that asks for it, the figures in the reply. They decide nothing."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

import msgspec

from llmkeys.api.provider import ProviderSpec
from llmkeys.catalogue.calls import Amount, Balance, Window
from llmkeys.catalogue.credential import Auth
from llmkeys.catalogue.model import Provider
from llmkeys.catalogue.rule import path_of, text_of, values_at
from llmkeys.crypto.secret import Secret
from llmkeys.probe.body import BROKEN
from llmkeys.probe.build import build_probe
from llmkeys.probe.endpoint import Endpoint
from llmkeys.probe.kind import Kind
from llmkeys.probe.material import Material
from llmkeys.probe.models import document_of
from llmkeys.probe.reply import Reply
from llmkeys.probe.request import ProbeRequest
from llmkeys.probe.url import BadEndpointError, origin_of

LEFT: Final = "left"
"""The kind of figure that says what may still be spent."""

_MOST: Final = 8
_ROWS: Final = 32
_LARGEST: Final = 1e15
_PLACES: Final = 6
_OVERRIDE: Final = "balance"
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,18})?")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of a balance; its words are ours, a currency's code is the only text of the reply's.

    Args:
        kind: `left`, `used`, and so on.
        amount: in `unit`.
        unit: ISO 4217 code or a word, empty if it is not known.
        window: the span of time that it is for, empty if it is for none.

    """

    kind: str
    amount: float
    unit: str = ""
    window: str = ""


def balance_url(spec: ProviderSpec, kind: Kind) -> str:
    """Where to ask; empty where nobody knows, or where the key would go to a host that it was not given for.

    Args:
        spec: of the LLMProvider.
        kind: of credential, with where it is proven.

    """
    entry, endpoint = kind.entry, kind.endpoint
    balance = entry.balance
    if balance is None:
        return ""
    written = spec.endpoints.get(_OVERRIDE, "")
    if written:
        return written.rstrip("/") + balance.path
    region = region_of(kind)
    if balance.regions and region and region not in balance.regions:
        return ""
    if not balance.endpoint:
        return "" if endpoint.base.exact else endpoint.base.join(balance.path)
    url = entry.other_endpoints[balance.endpoint] + balance.path
    return url if _is_known(url, entry, endpoint) else ""


def is_the_probe(kind: Kind, url: str) -> bool:
    """Whether the request that proved the key is the one that asks for the balance."""
    return kind.entry.probe.method == "GET" and kind.endpoint.probe == url


def balance_request(kind: Kind, material: Material, url: str, now: float, token: Secret | None = None) -> ProbeRequest:
    """The request that asks for the balance.

    Args:
        kind: of credential.
        material: the key.
        url: of `balance_url`.
        now: epoch seconds, for schemes that sign.
        token: for schemes that exchange the key for one.

    Raises:
        CredentialUnusableError: see `build_probe`.

    """
    entry = kind.entry
    bare = entry.balance is not None and entry.balance.bare
    auth = Auth(scheme="header", header="Authorization", field=entry.auth.field) if bare else entry.auth
    probe = msgspec.structs.replace(entry.probe, method="GET", body=None, form={})
    asking = msgspec.structs.replace(entry, auth=auth, probe=probe)
    return build_probe(replace(kind.endpoint, probe=url, query=()), asking, material, now, token)


def region_of(kind: Kind) -> str:
    """The region whose address is asked; empty where a person wrote another address."""
    base = kind.endpoint.base.base
    return next((one.region for one in kind.entry.endpoints if one.url == base), "")


def figures_in(reply: Reply, kind: Kind) -> tuple[Figure, ...] | None:
    """The figures that a reply shows; None if it shows none.

    Args:
        reply: as hostile as it may be.
        kind: of credential; its catalogue entry says where the figures stand.

    """
    balance = kind.entry.balance
    document = document_of(reply)
    if balance is None or document is BROKEN:
        return None
    found = dict.fromkeys(islice(_figures(document, balance, region_of(kind)), _MOST))
    return tuple(found) or None


def _figures(document: Any, balance: Balance, region: str) -> Iterator[Figure]:
    rows = values_at(document, path_of(balance.rows)) if balance.rows else iter((document,))
    for row in islice(rows, _ROWS):
        for amount in balance.amounts:
            number = _number(_first(row, amount.at))
            if number is not None:
                value = round(number * amount.factor, _PLACES) + 0.0  # no minus before a zero
                yield Figure(amount.kind, value, _unit(row, amount, region), _window(row, amount.window))


def _first(row: Any, path: str) -> Any:
    return next(values_at(row, path_of(path)), None)


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        return float(value) if _NUMBER.fullmatch(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < _LARGEST and math.isfinite(value) else None


def _unit(row: Any, amount: Amount, region: str) -> str:
    said = _first(row, amount.unit_at) if amount.unit_at else None
    if isinstance(said, str) and _CURRENCY.fullmatch(said):
        return said
    return amount.unit if isinstance(amount.unit, str) else amount.unit.get(region, "")


def _window(row: Any, window: str | Window) -> str:
    if isinstance(window, str):
        return window
    return window.words.get(text_of(_first(row, window.at)) or "", "")


def _is_known(url: str, entry: Provider, endpoint: Endpoint) -> bool:
    """Whether the URL is at a host that gets the key anyway, or at the vendor's own while the key is for the vendor."""
    try:
        origin = origin_of(url)
    except BadEndpointError:
        return False
    return origin in (endpoint.origin, endpoint.base.origin) or endpoint.base.origin.host in entry.hosts
